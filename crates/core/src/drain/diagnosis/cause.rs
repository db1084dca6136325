//! Why the tasks of a service are still on the instance.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Why the tasks of a service are still there. Written as `cause`, a word that stays the same, and
/// `detail`, a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// ECS cannot place a replacement.
    NoRoom(Lacking),
    /// The service's percentages let ECS neither stop a task before its replacement starts nor
    /// start one before it stops.
    NoLeeway {
        /// How many tasks are wanted.
        desired: u32,
        /// The minimum healthy percent.
        minimum: u32,
        /// The maximum percent.
        maximum: u32,
    },
    /// Replacements start and don't stay up: ECS starts them less and less often.
    TaskStartImpaired,
    /// Tasks fail their health checks.
    Unhealthy,
    /// The service's own operations are throttled.
    OperationsThrottled,
    /// Tasks protected from being scaled in.
    Protected {
        /// Until when the last of them is.
        until: Option<DateTime<Utc>>,
    },
    /// Replacements are on their way.
    Replacing {
        /// The service's desired count.
        desired: u32,
        /// How many run.
        running: u32,
        /// How many are in PENDING.
        pending: u32,
    },
    /// A daemon's task: stopped once the others have gone.
    Daemon,
    /// DEACTIVATING: connections drain from the load balancer.
    DeregistrationDelay,
    /// STOPPING: the containers have their stop timeout.
    StopTimeout,
    /// DEPROVISIONING: the task's network interface is detached.
    NetworkInterface,
    /// To be stopped; the agent has not begun to.
    NotYetStopping,
    /// Nothing is known of the service: it was not asked for, or is deleted.
    NotDescribed,
    /// None of these; ECS's last words, if any.
    Unknown(Option<String>),
}

/// The resource or attribute that the closest container instance lacks for a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
    /// A host port that is free.
    Port,
    /// Room for one more network interface.
    NetworkInterface,
    /// A GPU.
    Gpu,
    /// An attribute, or what a placement constraint asks for.
    Attribute,
    /// An agent that is connected.
    Agent,
    /// There is no container instance that takes tasks.
    ContainerInstance,
    /// ECS names none, or in words unknown here.
    Unnamed,
}

impl Cause {
    /// The word for it, which stays the same.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoRoom(_) => "no-room",
            Self::NoLeeway { .. } => "no-leeway",
            Self::TaskStartImpaired => "task-start-impaired",
            Self::Unhealthy => "unhealthy",
            Self::OperationsThrottled => "operations-throttled",
            Self::Protected { .. } => "protected",
            Self::Replacing { .. } => "replacing",
            Self::Daemon => "daemon",
            Self::DeregistrationDelay => "deregistration-delay",
            Self::StopTimeout => "stop-timeout",
            Self::NetworkInterface => "network-interface",
            Self::NotYetStopping => "not-yet-stopping",
            Self::NotDescribed => "not-described",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom(lacking) => return write!(f, "no room for the replacement ({lacking})"),
            Self::NoLeeway { desired, minimum, maximum } => {
                return write!(
                    f,
                    "minimum {minimum} % and maximum {maximum} % of {desired} let ECS neither stop nor start a task \
                     first: it will not drain until they are changed"
                );
            }
            Self::TaskStartImpaired => "replacements start and don't stay up, so that ECS tries less and less often",
            Self::Unhealthy => "its tasks fail their health checks",
            Self::OperationsThrottled => "ECS is throttled for this service and retries later",
            Self::Protected { until: None } => "protected from scale-in",
            Self::Protected { until: Some(until) } => {
                return write!(f, "protected until {}", until.format("%Y-%m-%d %H:%M UTC"));
            }
            Self::Replacing { desired, running, pending } => {
                return write!(
                    f,
                    "waiting for replacements to start and be healthy ({desired} wanted, {running} running, {pending} \
                     pending)"
                );
            }
            Self::Daemon => "a daemon, which ECS stops once the other tasks have gone",
            Self::DeregistrationDelay => "waiting for the deregistration delay of its target group",
            Self::StopTimeout => "waiting for its containers to stop, at most their stop timeout",
            Self::NetworkInterface => "waiting for its network interface to be detached",
            Self::NotYetStopping => "to be stopped, but the agent has not begun to",
            Self::NotDescribed => "nothing is known of the service: it was not asked for, or is deleted",
            Self::Unknown(None) => "ECS logged no reason",
            Self::Unknown(Some(message)) => return write!(f, "ECS logged last: {message}"),
        })
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Port => "a host port",
            Self::NetworkInterface => "network interfaces",
            Self::Gpu => "GPU",
            Self::Attribute => "an attribute or a placement constraint",
            Self::Agent => "the closest instance's agent is disconnected",
            Self::ContainerInstance => "no container instance takes tasks",
            Self::Unnamed => "no container instance meets all of its requirements",
        })
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Cause", 2)?;
        fields.serialize_field("cause", self.word())?;
        fields.serialize_field("detail", &self.to_string())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        let (desired, minimum, maximum, running, pending) = (1, 100, 100, 1, 0);
        let words = [
            Cause::NoRoom(Lacking::Cpu),
            Cause::NoLeeway { desired, minimum, maximum },
            Cause::TaskStartImpaired,
            Cause::Unhealthy,
            Cause::OperationsThrottled,
            Cause::Protected { until: None },
            Cause::Replacing { desired, running, pending },
            Cause::Daemon,
            Cause::DeregistrationDelay,
            Cause::StopTimeout,
            Cause::NetworkInterface,
            Cause::NotYetStopping,
            Cause::NotDescribed,
            Cause::Unknown(None),
        ]
        .map(|cause| cause.word());
        assert_eq!(
            words,
            [
                "no-room",
                "no-leeway",
                "task-start-impaired",
                "unhealthy",
                "operations-throttled",
                "protected",
                "replacing",
                "daemon",
                "deregistration-delay",
                "stop-timeout",
                "network-interface",
                "not-yet-stopping",
                "not-described",
                "unknown",
            ]
        );
        // A reader of the log finds there what to do about it.
        let page = include_str!("../../../../../docs/troubleshooting.md");
        for word in words {
            assert!(
                page.contains(&format!("\n| `{word}` |")),
                "docs/troubleshooting.md does not explain {word}"
            );
        }
    }
}
