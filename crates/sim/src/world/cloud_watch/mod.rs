//! CloudWatch: what was measured, and the alarms that watch it.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`metric_data`] | what was put |
//! | [`metric`] | metrics: what was put, in periods |
//! | [`alarm`], [`watch`] | alarms, and what becomes of them each minute |
//! | `evaluation` | from data points to an alarm's state |

pub mod alarm;
pub(crate) mod evaluation;
pub mod metric;
pub mod metric_data;
pub mod watch;

pub use metric_data::MetricData;
