//! CloudWatch: what was measured, and the alarms that watch it.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`metric_data`] | the values that were put |
//! | [`metric`] | metrics: the values, in periods |
//! | `embedded_metrics` | metrics that a function writes into its log |
//! | [`alarm`], [`watch`] | alarms, and their evaluation each minute |
//! | `evaluation` | from data points to an alarm's state |

pub mod alarm;
mod embedded_metrics;
pub(crate) mod evaluation;
pub mod metric;
pub mod metric_data;
pub mod watch;

pub use metric_data::MetricData;
