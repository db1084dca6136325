//! CloudWatch: what was measured, and the alarms that watch it.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`metric_data`] | what was put |
//! | [`metric`] | metrics: what was put, in periods |
//! | `embedded_metrics` | metrics that a function writes into its log |
//! | [`alarm`], [`watch`] | alarms, and what becomes of them each minute |
//! | `evaluation` | from data points to an alarm's state |

pub mod alarm;
mod embedded_metrics;
pub(crate) mod evaluation;
pub mod metric;
pub mod metric_data;
pub mod watch;

pub use metric_data::MetricData;
