//! The figures of a trace under a policy.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`tally`] | from the world's history to the figures |
//! | [`stages`] | the parts of a wait |
//! | `shortage` | what a service wants and does not run |

mod shortage;
pub mod stages;
pub mod tally;

use serde::Serialize;

/// The figures of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// From each launch to the end of the instance, in hours.
    pub host_hours: f64,
    /// How long each task of a service waited until it ran, in seconds.
    pub service_waits: Waits,
    /// How long each batch task waited.
    pub batch_waits: Waits,
    /// Tasks that still waited at the end.
    pub never_ran: u64,
    /// Tasks that lost their host before they had stopped, other than by Spot.
    pub killed: u64,
    /// Tasks that lost their host to Spot.
    pub killed_by_spot: u64,
    /// Running tasks that were replaced because their host was drained.
    pub moved: u64,
    /// Tasks that were started elsewhere to balance a service's zones.
    pub balanced: u64,
    /// Hosts that were launched.
    pub launched: u64,
    /// Hosts that were terminated.
    pub removed: u64,
    /// Calls of the functions on AWS's APIs.
    pub api_calls: u64,
    /// Invocations of the functions.
    pub invocations: u64,
    /// Minutes at whose end a task had waited for more than a minute.
    pub minutes_short: u64,
    /// The parts of the waits of services' tasks that ran.
    #[serde(skip)]
    pub stages: Vec<stages::Stages>,
    /// Minute by minute.
    #[serde(skip)]
    pub minutes: Vec<Minute>,
}

/// A minute's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// The hosts that are paid for.
    pub hosts: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that wait.
    pub waiting: u32,
}

/// Waits, in seconds, in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Quantiles")]
pub struct Waits(Vec<u32>);

/// The quantiles of waits that a document has.
#[derive(Debug, Clone, Serialize)]
struct Quantiles {
    tasks: usize,
    median_s: Option<u32>,
    p99_s: Option<u32>,
    max_s: Option<u32>,
}

impl From<Waits> for Quantiles {
    fn from(waits: Waits) -> Self {
        let of = |per_mille| waits.quantile(per_mille);
        Self { tasks: waits.0.len(), median_s: of(500), p99_s: of(990), max_s: of(1000) }
    }
}

impl Waits {
    /// Adds a wait.
    pub fn add(&mut self, seconds: u32) {
        self.0.push(seconds);
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(&others.0).copied().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The wait that this share of a thousand waits does not exceed; none if nothing waited.
    #[must_use]
    pub fn quantile(&self, per_mille: usize) -> Option<u32> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
        sorted.get(place).copied()
    }
}

impl Figures {
    /// The waits of all tasks.
    #[must_use]
    pub fn waits(&self) -> Waits {
        self.service_waits.and(&self.batch_waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_wait_that_occurred() {
        let waits = Waits((1..=200).rev().collect());
        assert_eq!(
            (waits.quantile(500), waits.quantile(990), waits.quantile(1000)),
            (Some(100), Some(198), Some(200))
        );
        assert_eq!(Waits(vec![7]).quantile(990), Some(7));
        assert_eq!(Waits::default().quantile(990), None);
    }
}
