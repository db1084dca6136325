//! The reasons that an invocation's drains wait.

use std::collections::BTreeMap;

use super::reason::WaitReason;
use crate::container_instance::Ec2InstanceId;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waits {
    now: BTreeMap<Ec2InstanceId, WaitReason>,
    /// The last reason of each that was more than a confirmation.
    last: BTreeMap<Ec2InstanceId, WaitReason>,
}

impl Waits {
    /// Takes in what a drain waits for; returns whether that is new.
    pub(super) fn observe(&mut self, id: &Ec2InstanceId, reason: &WaitReason) -> bool {
        if self.now.get(id) == Some(reason) {
            return false;
        }
        if *reason != WaitReason::Settling {
            self.last.insert(id.clone(), reason.clone());
        }
        self.now.insert(id.clone(), reason.clone());
        true
    }

    /// The last reason that a drain waited, other than its confirmation.
    pub(super) fn last(&self, id: &Ec2InstanceId) -> Option<&WaitReason> {
        self.last.get(id)
    }
}
