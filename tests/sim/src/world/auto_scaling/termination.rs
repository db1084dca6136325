//! From the decision to terminate an instance to its end.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::hook::LifecycleTransition;
use super::instance::LifecycleState;
use super::notice::Place;
use super::notification::GroupEvent;
use super::termination_by_id::TerminatedAgain;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `TerminateInstanceInAutoScalingGroup`. Without `decrement` a replacement is launched at
    /// once. What the group has retained or keeps in its warm pool is none of its capacity: there
    /// is nothing to decrement or replace.
    pub fn terminate_instance(
        &mut self,
        group: &str,
        instance: &Ec2InstanceId,
        decrement: bool,
    ) -> Result<(), ApiError> {
        self.terminate_instances(group, std::slice::from_ref(instance), decrement)
    }

    /// Many calls of `TerminateInstanceInAutoScalingGroup` at one time. If one of them is an error,
    /// none is made.
    pub fn terminate_instances(
        &mut self,
        group: &str,
        instances: &[Ec2InstanceId],
        decrement: bool,
    ) -> Result<(), ApiError> {
        let found = self.group_mut(group)?;
        let mut decrements = 0_u32;
        for instance in instances {
            let Some(known) = found.instances.get(instance) else {
                let said =
                    format!("Instance Id not found - No managed instance found for instance ID: {instance}");
                return Err(ApiError::validation(said));
            };
            if decrement && known.state.is_retained() && found.settings.retained_run_hooks_again {
                // AWS's words are unknown; that it refuses is recorded (2026).
                let said = format!("The instance {instance} is retained: there is no capacity to decrement.");
                return Err(ApiError::validation(said));
            }
            let leaves = known.state.is_leaving() || known.state == LifecycleState::WarmedTerminatingWait;
            match found.settings.terminated_again {
                TerminatedAgain::Refused if leaves => {
                    let said = format!("The instance {instance} is not in a state that can be terminated.");
                    return Err(ApiError::validation(said));
                }
                TerminatedAgain::Ignored if leaves => continue,
                _ => {}
            }
            let no_capacity = matches!(known.state, LifecycleState::WarmedStopped | LifecycleState::Standby);
            if decrement && !known.state.is_retained() && !no_capacity {
                decrements += known.units();
            }
        }
        let desired = found.desired_capacity.checked_sub(decrements);
        let Some(desired) = desired.filter(|desired| decrements == 0 || *desired >= found.settings.min_size)
        else {
            let said = "Terminating instance without replacement will violate group's min size constraint.";
            return Err(ApiError::validation(said));
        };
        self.record_desired_capacity(group, desired);
        for instance in instances {
            self.take_out_of_service(group, instance, Place::Ec2);
        }
        self.replace_missing(group);
        Ok(())
    }

    /// The EC2 instance fails or is reclaimed: it is gone at once, hooks or not, and replaced.
    pub fn lose_instance(&mut self, group: &str, instance: &Ec2InstanceId) -> Result<(), ApiError> {
        self.group(group)?;
        self.end_instance(group, instance);
        self.balance(group);
        Ok(())
    }

    /// An instance leaves service, for its termination or for the warm pool. In either case the
    /// termination hooks hold it back.
    pub(crate) fn take_out_of_service(&mut self, group: &str, id: &Ec2InstanceId, to: Place) {
        let Some(found) = self.groups.get(group) else { return };
        let Some(instance) = found.instances.get(id) else { return };
        let again = found.settings.retained_run_hooks_again;
        let draining = found.settings.connection_draining_seconds.filter(|_| instance.state.counts());
        let (group_name, instance_id) = (group.to_owned(), id.clone());
        let (from, waiting) = match (instance.state, to) {
            (state, _) if state.is_leaving() || state == LifecycleState::WarmedTerminatingWait => return,
            (LifecycleState::InService, Place::WarmPool) => {
                self.record(Occurrence::InstanceEnteringWarmPool {
                    group: group_name,
                    instance: instance_id,
                });
                (Place::AutoScalingGroup, Some(LifecycleState::WarmedPendingWait))
            }
            (state, _) => {
                self.begin_termination_activity(group, id);
                self.record(Occurrence::InstanceTerminating { group: group_name, instance: instance_id });
                match state {
                    LifecycleState::InService | LifecycleState::Standby => {
                        (Place::AutoScalingGroup, Some(LifecycleState::TerminatingWait))
                    }
                    LifecycleState::ReplacingRootVolumeWait | LifecycleState::ReplacingRootVolumeProceed => {
                        self.drop_actions(group, id);
                        (Place::AutoScalingGroup, Some(LifecycleState::TerminatingWait))
                    }
                    LifecycleState::TerminatingRetained if again => {
                        (Place::AutoScalingGroup, Some(LifecycleState::TerminatingWait))
                    }
                    LifecycleState::WarmedStopped => {
                        (Place::WarmPool, Some(LifecycleState::WarmedTerminatingWait))
                    }
                    LifecycleState::WarmedPendingRetained | LifecycleState::WarmedTerminatingRetained
                        if again =>
                    {
                        (Place::WarmPool, Some(LifecycleState::WarmedTerminatingWait))
                    }
                    // An instance that is not up yet has nothing to drain, and a retained one has
                    // been through its hooks.
                    _ => (Place::AutoScalingGroup, None),
                }
            }
        };
        match (waiting, draining) {
            (Some(LifecycleState::TerminatingWait), Some(seconds)) => {
                self.drain_connections(group, id, seconds);
            }
            _ => self.wait_for_termination_hooks(group, id, waiting, from),
        }
    }

    /// The termination hooks hold an instance back, where there are any.
    pub(crate) fn wait_for_termination_hooks(
        &mut self,
        group: &str,
        id: &Ec2InstanceId,
        waiting: Option<LifecycleState>,
        from: Place,
    ) {
        let hooks = self.hooks_on(group, LifecycleTransition::InstanceTerminating);
        match waiting {
            Some(state) if !hooks.is_empty() => {
                let destination = match state {
                    LifecycleState::WarmedPendingWait => Place::WarmPool,
                    _ => Place::Ec2,
                };
                self.hold(group, id, &hooks, state, (from, destination));
            }
            Some(LifecycleState::WarmedPendingWait) => self.enter_warm_pool(group, id),
            _ => self.end_instance(group, id),
        }
    }

    /// The instance stays as it is, out of the group's capacity, until somebody terminates it.
    pub(crate) fn retain_instance(&mut self, group: &str, id: &Ec2InstanceId, state: LifecycleState) {
        self.set_lifecycle_state(group, id, state);
        self.end_activity(group, id);
        self.record(Occurrence::InstanceRetained { group: group.to_owned(), instance: id.clone() });
        self.go_on_with_refresh(group);
        self.hook_ended(group);
    }

    /// Terminates the EC2 instance and kills its tasks. The group may list the instance a while
    /// longer.
    pub(crate) fn end_instance(&mut self, group: &str, id: &Ec2InstanceId) {
        let Some(found) = self.groups.get(group) else { return };
        let Some(state) = found.instances.get(id).map(|instance| instance.state) else { return };
        let lingers = found.settings.lingering_seconds;
        if state == LifecycleState::TerminatingProceed {
            self.leave_group(group, id);
            self.go_on_with_refresh(group);
            return;
        }
        self.begin_termination_activity(group, id);
        if state == LifecycleState::TerminatingWait && lingers > 0 {
            self.set_lifecycle_state(group, id, LifecycleState::TerminatingProceed);
            let leaves = Transition::LeavesGroup { group: group.to_owned(), instance: id.clone() };
            self.agenda.enter(self.after(lingers), leaves);
        } else {
            self.leave_group(group, id);
        }
        self.drop_actions(group, id);
        let cluster = self.groups.get(group).and_then(|found| found.settings.cluster.clone());
        self.record(Occurrence::InstanceTerminated { group: group.to_owned(), instance: id.clone() });
        if let Some(cluster) = cluster {
            for arn in self.container_instances_of(&cluster, id) {
                self.host_gone(&cluster, &arn);
            }
        }
        self.go_on_with_refresh(group);
        self.hook_ended(group);
    }

    /// The group no longer lists an instance.
    fn leave_group(&mut self, group: &str, id: &Ec2InstanceId) {
        self.end_activity(group, id);
        self.notify_of(group, id, GroupEvent::InstanceTerminate);
        if let Some(found) = self.groups.get_mut(group) {
            found.instances.remove(id);
            found.rebalancing.remove(id);
        }
    }

    /// Drops an instance's open actions, without a message and without an entry in the history.
    fn drop_actions(&mut self, group: &str, id: &Ec2InstanceId) {
        if let Some(found) = self.groups.get_mut(group) {
            found.actions.retain(|_, action| action.instance != *id);
        }
    }
}
