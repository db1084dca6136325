//! What to do about an instance whose drain's time is up.

use std::fmt;
use std::str::FromStr;

/// `ON_DRAIN_TIMEOUT`: what ends a drain whose time is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDrainTimeout {
    /// Stop what is left by `StopTask`, early enough that it can still stop in its own way, then CONTINUE.
    #[default]
    StopTasks,
    /// CONTINUE, whatever still runs.
    Continue,
    /// ABANDON: the instance is terminated all the same, unless the group's lifecycle policy retains it.
    Abandon,
}

impl FromStr for OnDrainTimeout {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "stop-tasks" => Ok(Self::StopTasks),
            "continue" => Ok(Self::Continue),
            "abandon" => Ok(Self::Abandon),
            _ => Err(()),
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
