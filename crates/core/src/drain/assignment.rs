//! An invocation's role as it changes: it is decided once the group was read, and decided again
//! where another message may coordinate.

use super::role::{Placement, Probes, Role, Standing};
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::LifecycleActionState;
use crate::ports::MessageAttributes;

/// See the module.
#[derive(Debug)]
pub(super) struct Assignment {
    role: Role,
    is_in_doubt: bool,
    probes: Probes,
    coordinates: bool,
    took_all: bool,
}

impl Assignment {
    /// The assignment of a message with these attributes, or of a sweep.
    pub(super) fn new(message: Option<&MessageAttributes>) -> Self {
        Self {
            role: if message.is_some() { Role::Undecided } else { Role::Standby },
            is_in_doubt: false,
            probes: Probes::new(),
            coordinates: message.is_some_and(|attributes| attributes.coordinates),
            took_all: false,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn is(&self, role: Role) -> bool {
        self.role == role
    }

    /// Returns whether the role must be decided again.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Returns whether other drains may have been delegated to the message, here or in the
    /// invocation before.
    pub(super) fn coordinates(&self) -> bool {
        self.coordinates
    }

    /// Returns whether every drain is over that may have been delegated to the message before its
    /// own drain ended.
    pub(super) fn took_all(&self) -> bool {
        self.took_all
    }

    /// Every drain is over that may have been delegated to the message.
    pub(super) fn has_taken_all(&mut self) {
        self.took_all = true;
    }

    /// The role must be decided again, by new probes.
    pub(super) fn doubt(&mut self) {
        self.is_in_doubt = true;
        self.probes.clear();
    }

    /// Another instance's action was asked for.
    pub(super) fn probed(&mut self, id: Ec2InstanceId, answer: Option<LifecycleActionState>) {
        self.probes.insert(id, answer);
    }

    /// The message drains its own instance, while nothing shows who else polls.
    pub(super) fn drain_blind(&mut self) {
        self.role = Role::Own;
    }

    /// Decides by the group as it was read. A placement that is not a role yet changes nothing.
    pub(super) fn decide(&mut self, standing: &Standing<'_>) -> Placement {
        let placement = standing.placement(&self.probes);
        self.role = match placement {
            Placement::Own | Placement::Blind => Role::Own,
            Placement::Coordinator => Role::Coordinator,
            Placement::Delegated(_) | Placement::Probe(_) | Placement::ReadHooks => return placement,
        };
        match placement {
            Placement::Own => self.coordinates = false,
            Placement::Coordinator => self.coordinates = true,
            _ => {}
        }
        self.is_in_doubt = false;
        placement
    }
}
