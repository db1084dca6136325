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
use spread::{Comparison, Spread};

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
    /// The computation on its own.
    pub computations: Vec<Computation>,
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

/// The calculator at one number of hosts: times in ms, memory in MiB. For one page of hosts also
/// the smallest function on the same SDKs, which makes the same calls except those about services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshots {
    /// Hosts of the cluster.
    pub hosts: u32,
    /// Set if AWS was reached over TLS.
    pub tls: bool,
    /// Pairs of processes.
    pub rounds: u32,
    /// From the process's start to its first request for an event.
    pub start: Comparison,
    /// From the process's start to its first answer.
    pub first_answer: Comparison,
    /// A warm answer.
    pub warm_answer: Comparison,
    /// Of that, while at least one call was under way.
    pub warm_calling: Comparison,
    /// The most memory.
    pub peak: Comparison,
    /// On a CPU from the start to the first answer.
    pub first_answer_cpu: Comparison,
    /// On a CPU in a warm invocation.
    pub warm_answer_cpu: Comparison,
    /// Calls of a warm invocation, by operation: ours.
    pub calls: BTreeMap<String, u32>,
    /// The same of Python's.
    pub python_calls: BTreeMap<String, u32>,
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
    /// On a CPU, all processes together.
    pub cpu: Comparison,
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
    /// Calls by operation, in the last round: ours.
    pub calls: BTreeMap<String, u32>,
    /// The same of Python's.
    pub python_calls: BTreeMap<String, u32>,
}

/// A computation of capacity on its own, without any call, at one number of hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Computation {
    /// Its name, as in the core's.
    pub name: String,
    /// Hosts of the cluster.
    pub hosts: u32,
    /// The median in microseconds, and within which bounds it is known.
    pub took: Spread,
}
