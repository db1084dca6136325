//! The JSON document.

use serde::Serialize;

use crate::experiment::TraceOutcome;

/// What was compared, and what came of it.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The seeds.
    pub seeds: &'a [u64],
    /// How tasks were placed.
    pub placement: &'a str,
    /// Whether the service scheduler backed off.
    pub back_off: bool,
    /// Each trace.
    pub traces: &'a [TraceOutcome],
}
