//! Why a message is left alone.

use std::fmt;

/// Why a message is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// A hook was created or changed, and Auto Scaling tries its target.
    TestNotification,
    /// A lifecycle action of another transition: a launch, say.
    OtherTransition(String),
    /// An ordinary Auto Scaling notification, on the same topic.
    OrdinaryNotification(String),
    /// An EventBridge event of Auto Scaling that is no lifecycle action of a termination, by its `detail-type`.
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
