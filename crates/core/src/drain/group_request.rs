//! The request of an invocation, and what follows from it alone.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::message::{Destination, Notice};
use super::on_drain_timeout::OnDrainTimeout;
use crate::cluster::Cluster;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{LifecycleAction, LifecycleActionId};
use crate::ports::MessageAttributes;
use crate::time_left::between;

/// A group that cannot be read is waited for this long, and by [`spread`] longer, before a message
/// drains its own.
const GROUP_PATIENCE: Duration = Duration::from_secs(15);

/// How long the cluster must not have listed an instance before that is believed. An instance that
/// registered just before its termination may be listed late.
const ABSENCE_ALLOWANCE: Duration = Duration::from_secs(60);

/// The request of an invocation.
#[derive(Debug, Clone)]
pub struct GroupRequest {
    /// The cluster.
    pub cluster: Cluster,
    /// The group.
    pub group: String,
    /// The hook.
    pub hook: String,
    /// The message's notice and its attributes; a sweep has none.
    pub own: Option<(Notice, MessageAttributes)>,
    /// The drain timeout, where no notice or hook gives one.
    pub drain_timeout: Duration,
    /// The policy.
    pub policy: OnDrainTimeout,
    /// Between two polls.
    pub poll_interval: Duration,
    /// When the invocation began.
    pub begins: DateTime<Utc>,
    /// When it must stop working: the rest is for republishing.
    pub until: DateTime<Utc>,
}

impl GroupRequest {
    /// The instance of its message.
    pub(super) fn own(&self) -> Option<&Ec2InstanceId> {
        self.own.as_ref().map(|(notice, _)| &notice.ec2_instance_id)
    }

    /// Which delivery of its message this is.
    pub(super) fn attempt(&self) -> u32 {
        self.own.as_ref().map_or(1, |(_, attributes)| attributes.attempt)
    }

    /// Returns whether its instance was seen in the cluster when the message was republished.
    pub(super) fn was_seen(&self, attributes: &MessageAttributes) -> bool {
        attributes.seen_in.as_ref().is_some_and(|seen_in| seen_in.name() == self.cluster.name())
    }

    /// The drain timeout of its notice.
    pub(super) fn own_drain_timeout(&self) -> Option<Duration> {
        self.own.as_ref().and_then(|(notice, _)| notice.drain_timeout)
    }

    /// Returns whether its instance is on its way to a warm pool: the group does not show that.
    pub(super) fn to_warm_pool(&self) -> bool {
        let destination = self.own.as_ref().and_then(|(notice, _)| notice.destination.as_ref());
        destination == Some(&Destination::WarmPool)
    }

    /// The action of an instance of which there is no notice.
    pub(super) fn action_of(&self, id: &Ec2InstanceId) -> LifecycleAction {
        LifecycleAction {
            group: self.group.clone(),
            hook: self.hook.clone(),
            id: LifecycleActionId::Instance(id.clone()),
        }
    }

    /// How long a group that cannot be read is waited for.
    pub(super) fn patient_until(&self) -> DateTime<Utc> {
        self.begins + GROUP_PATIENCE + self.own().map(spread).unwrap_or_default()
    }

    /// How long the cluster must not have listed an instance before an invocation believes that:
    /// half of its time where that is short, or short invocations would republish without end.
    pub(super) fn absence_allowance(&self) -> Duration {
        let time = between(self.begins, self.until);
        ABSENCE_ALLOWANCE.min(time / 2)
    }
}

/// Spreads over a minute and more what many invocations do that began at the same time.
fn spread(id: &Ec2InstanceId) -> Duration {
    let hash = id.as_str().bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_secs(hash % 75)
}
