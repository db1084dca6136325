//! Direct scaling, as a scenario has it.

use fleetkeeper_sim::{ScalingProcess, TerminatedAgain};
use serde::{Deserialize, Serialize};

/// How the calculator scales groups directly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectPlan {
    /// `SCALE_IN_MINUTES`.
    pub scale_in_minutes: u32,
    /// `MAX_DRAINING_HOSTS`.
    pub max_draining: DrainingAtOnce,
    /// `FLEETKEEPER_DRY_RUN`.
    #[serde(default)]
    pub dry_run: bool,
}

/// `MAX_DRAINING_HOSTS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrainingAtOnce {
    /// This many.
    Hosts(u32),
    /// A share of the group's hosts, in percent.
    Percent(u32),
}

impl DrainingAtOnce {
    /// The share of this many hosts.
    #[must_use]
    pub fn of(self, hosts: u64) -> u64 {
        match self {
            Self::Hosts(most) => u64::from(most),
            Self::Percent(percent) => (hosts * u64::from(percent) / 100).max(1),
        }
    }
}

/// AWS's answer to terminating an instance that is on its way out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Again {
    /// It decrements once more.
    #[default]
    Decremented,
    /// It changes nothing.
    Ignored,
    /// It refuses.
    Refused,
}

impl From<Again> for TerminatedAgain {
    fn from(again: Again) -> Self {
        match again {
            Again::Decremented => Self::Decremented,
            Again::Ignored => Self::Ignored,
            Again::Refused => Self::Refused,
        }
    }
}

/// A process that somebody suspends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS names them so")]
pub enum Process {
    Launch,
    Terminate,
    AlarmNotification,
    AzRebalance,
}

impl From<Process> for ScalingProcess {
    fn from(process: Process) -> Self {
        match process {
            Process::Launch => Self::Launch,
            Process::Terminate => Self::Terminate,
            Process::AlarmNotification => Self::AlarmNotification,
            Process::AzRebalance => Self::AzRebalance,
        }
    }
}
