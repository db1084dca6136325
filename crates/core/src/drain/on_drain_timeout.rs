//! The policy for a drain whose timeout has passed.

use std::fmt;
use std::str::FromStr;

/// The policy for an instance that still runs tasks when its drain timeout has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDrainTimeout {
    /// Stop what is left in an orderly way, wait for it, then complete the hook: CONTINUE.
    #[default]
    StopTasks,
    /// Complete the hook, whatever still runs: CONTINUE.
    Continue,
    /// Give the action up: ABANDON, which a group's instance lifecycle policy may answer by keeping
    /// the instance.
    Abandon,
}

/// A text that names no such policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: {accepted}", accepted = OnDrainTimeout::ACCEPTED)]
pub struct NotAnOnDrainTimeout(String);

impl OnDrainTimeout {
    /// The values that [`FromStr`] accepts.
    pub const ACCEPTED: &str = "stop-tasks, continue or abandon";
}

impl FromStr for OnDrainTimeout {
    type Err = NotAnOnDrainTimeout;

    fn from_str(text: &str) -> Result<Self, NotAnOnDrainTimeout> {
        match text {
            "stop-tasks" => Ok(Self::StopTasks),
            "continue" => Ok(Self::Continue),
            "abandon" => Ok(Self::Abandon),
            _ => Err(NotAnOnDrainTimeout(text.to_owned())),
        }
    }
}

impl fmt::Display for OnDrainTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StopTasks => "stop-tasks",
            Self::Continue => "continue",
            Self::Abandon => "abandon",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_as_it_is_read() {
        assert_eq!(OnDrainTimeout::default(), OnDrainTimeout::StopTasks);
        for policy in [OnDrainTimeout::StopTasks, OnDrainTimeout::Continue, OnDrainTimeout::Abandon] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
            assert!(OnDrainTimeout::ACCEPTED.contains(&policy.to_string()));
        }
    }

    #[test]
    fn anything_else_says_what_would_be_accepted() {
        for text in ["", "STOP-TASKS", "stop_tasks", "continue ", "retain"] {
            let said = text.parse::<OnDrainTimeout>().unwrap_err().to_string();
            assert_eq!(said, format!("{text:?} is not accepted: stop-tasks, continue or abandon"));
        }
    }
}
