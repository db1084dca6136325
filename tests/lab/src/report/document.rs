//! The JSON document.

use serde::Serialize;

use crate::experiment::TraceOutcome;

/// The experiment and its results.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The seeds.
    pub seeds: &'a [u64],
    /// How tasks were placed.
    pub placement: &'a str,
    /// True if the service scheduler backed off.
    pub back_off: bool,
    /// Seconds until the scheduler balanced a service's uneven zones, if it did.
    pub balance_zones_s: Option<u32>,
    /// Each trace.
    pub traces: &'a [TraceOutcome],
}
