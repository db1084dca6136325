//! The destination of an instance that leaves its group.

use std::fmt;

/// The `Destination` of a lifecycle action (Auto Scaling user guide, EventBridge events). Each
/// destination has the same hook and transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Back to EC2, which terminates the instance.
    Ec2,
    /// Into the group's warm pool. Auto Scaling stops, hibernates or keeps the instance there.
    WarmPool,
    /// Into the group, as at a launch, or at a root volume replacement.
    AutoScalingGroup,
    /// A destination that AWS added later.
    Other(String),
}

impl From<&str> for Destination {
    fn from(text: &str) -> Self {
        match text {
            "EC2" => Self::Ec2,
            "WarmPool" => Self::WarmPool,
            "AutoScalingGroup" => Self::AutoScalingGroup,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ec2 => "EC2",
            Self::WarmPool => "WarmPool",
            Self::AutoScalingGroup => "AutoScalingGroup",
            Self::Other(text) => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_auto_scaling_writes_it() {
        for (text, known) in [
            ("EC2", Destination::Ec2),
            ("WarmPool", Destination::WarmPool),
            ("AutoScalingGroup", Destination::AutoScalingGroup),
            ("Elsewhere", Destination::Other("Elsewhere".to_owned())),
        ] {
            assert_eq!(Destination::from(text), known);
            assert_eq!(known.to_string(), text);
        }
    }
}
