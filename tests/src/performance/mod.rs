//! What `make bench` measured of the functions beside the alternative in Python: the figures, and
//! how they are shown.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`spread`] | the median of some measurements, and how far they lie apart |
//! | [`table`] | the figures as a table |
//! | [`chart`] | the ratios as a picture |
//! | [`page`] | where they stand in the documentation |

pub mod chart;
pub mod page;
pub mod spread;
pub mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spread::Comparison;

/// One run of the benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figures {
    /// Where it ran.
    pub machine: Machine,
    /// From a request's arrival at the simulated AWS to its answer, in ms.
    pub call_latency_ms: u64,
    /// Sizes of the packages, zipped, in bytes.
    pub zip_bytes: BTreeMap<String, u64>,
    /// The calculator.
    pub snapshots: Vec<Snapshots>,
    /// The drainer.
    pub drains: Vec<Drains>,
}

/// Where a benchmark ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// The processors' name.
    pub processor: String,
    /// Their number.
    pub processors: usize,
    /// As Rust names it.
    pub architecture: String,
    /// The interpreter and the SDK beside which it was measured.
    pub python: String,
}

/// The calculator at one number of hosts: times in ms, memory in MiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshots {
    /// Hosts of the cluster.
    pub hosts: u32,
    /// Pairs of processes.
    pub rounds: u32,
    /// From the process's start to its first request for an event.
    pub start: Comparison,
    /// From the process's start to its first answer.
    pub first_answer: Comparison,
    /// A warm answer.
    pub warm_answer: Comparison,
    /// The most memory.
    pub peak: Comparison,
}

/// The drainer with a number of instances that are terminated at one time: times in ms, memory in
/// MiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drains {
    /// Instances that are terminated.
    pub instances: u32,
    /// The tasks on them.
    pub tasks: String,
    /// Pairs of runs.
    pub rounds: u32,
    /// Sum of the invocations' durations.
    pub billed: Comparison,
    /// The most memory of a process.
    pub peak: Comparison,
    /// From a task's end to its hook's completion, on average.
    pub late: Comparison,
    /// All calls.
    pub calls_made: Comparison,
    /// Calls that were throttled.
    pub calls_throttled: Comparison,
    /// Tasks that lost their instance before their end.
    pub tasks_killed: Comparison,
}
