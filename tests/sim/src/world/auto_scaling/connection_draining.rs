//! A group behind a load balancer: connections drain before the termination hooks run.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::instance::LifecycleState;
use super::notice::Place;
use crate::world::World;
use crate::world::agenda::Transition;

impl World {
    /// Deregisters an instance from the load balancer. It is `Terminating` until its connections
    /// have drained.
    ///
    /// In AWS an instance that returns to the warm pool drains, too. The world sends it to its
    /// hooks at once.
    pub(crate) fn drain_connections(&mut self, group: &str, id: &Ec2InstanceId, seconds: u32) {
        self.set_lifecycle_state(group, id, LifecycleState::Terminating);
        let drained = Transition::ConnectionsDrained { group: group.to_owned(), instance: id.clone() };
        self.agenda.enter(self.after(seconds), drained);
    }

    /// The connections have drained: the hooks run now.
    pub(crate) fn connections_drained(&mut self, group: &str, id: &Ec2InstanceId) {
        if self.lifecycle_state(group, id) == Some(LifecycleState::Terminating) {
            let waiting = Some(LifecycleState::TerminatingWait);
            self.wait_for_termination_hooks(group, id, waiting, Place::AutoScalingGroup);
        }
    }
}
