//! A group's processes, which can be suspended.

use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// A process of a group. All are shown as suspended; the world honours `Launch`, `Terminate`,
/// `AlarmNotification` and `AZRebalance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScalingProcess {
    /// Adds instances.
    Launch,
    /// Removes instances, by a lower desired capacity.
    Terminate,
    /// Lets alarms execute policies.
    AlarmNotification,
    /// Balances the zones.
    AzRebalance,
    /// Replaces all instances.
    InstanceRefresh,
    /// Replaces unhealthy instances.
    ReplaceUnhealthy,
}

impl ScalingProcess {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Launch => "Launch",
            Self::Terminate => "Terminate",
            Self::AlarmNotification => "AlarmNotification",
            Self::AzRebalance => "AZRebalance",
            Self::InstanceRefresh => "InstanceRefresh",
            Self::ReplaceUnhealthy => "ReplaceUnhealthy",
        }
    }
}

impl World {
    /// `SuspendProcesses`.
    pub fn suspend_processes(&mut self, group: &str, processes: &[ScalingProcess]) -> Result<(), ApiError> {
        self.group_mut(group)?.suspended.extend(processes);
        self.record_processes(group, processes, true);
        Ok(())
    }

    /// `ResumeProcesses`: the group catches up with its desired capacity.
    pub fn resume_processes(&mut self, group: &str, processes: &[ScalingProcess]) -> Result<(), ApiError> {
        self.group_mut(group)?.suspended.retain(|process| !processes.contains(process));
        self.record_processes(group, processes, false);
        self.balance(group);
        Ok(())
    }

    fn record_processes(&mut self, group: &str, processes: &[ScalingProcess], suspended: bool) {
        let (group, processes) = (group.to_owned(), processes.to_vec());
        self.record(Occurrence::ProcessesSuspended { group, processes, suspended });
    }

    /// Sets whether instances that a group launches from now on join its cluster. With broken user
    /// data they come in service, and never register.
    pub fn set_launches_join(&mut self, group: &str, join: bool) -> Result<(), ApiError> {
        self.group_mut(group)?.launches_join = join;
        Ok(())
    }
}
