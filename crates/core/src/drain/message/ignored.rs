//! Why the drainer ignores a message.

use std::fmt;

/// Why the drainer ignores a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// Auto Scaling tests the target of a hook that was created or changed.
    TestNotification,
    /// A lifecycle action of another transition, such as a launch.
    OtherTransition(String),
    /// An ordinary Auto Scaling notification, which the group may send to the same topic.
    OrdinaryNotification(String),
    /// An EventBridge event of Auto Scaling that is not a termination's lifecycle action, by its
    /// `detail-type`.
    OtherEvent(String),
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestNotification => f.write_str("a test notification of Auto Scaling"),
            Self::OtherTransition(transition) => {
                write!(f, "a lifecycle action of another transition, {transition}")
            }
            Self::OtherEvent(detail_type) => write!(f, "another event of Auto Scaling, {detail_type}"),
            Self::OrdinaryNotification(event) => write!(f, "an ordinary Auto Scaling notification, {event}"),
        }
    }
}
