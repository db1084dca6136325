//! From the decision to terminate an instance to its end.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::group::LifecycleState;
use super::hook::{Action, ActionResult, LifecycleHook};
use super::notice;
use crate::world::agenda::Transition;
use crate::world::history::{ActionEnd, Occurrence};
use crate::world::outbox::Emitted;
use crate::world::{ApiError, World, sns};

impl World {
    /// `TerminateInstanceInAutoScalingGroup`. Without `decrement` a replacement is launched at once.
    pub fn terminate_instance(
        &mut self,
        group: &str,
        instance: &Ec2InstanceId,
        decrement: bool,
    ) -> Result<(), ApiError> {
        let found = self.group_mut(group)?;
        if !found.instances.contains_key(instance) {
            let said =
                format!("Instance Id not found - No managed instance found for instance ID: {instance}");
            return Err(ApiError::validation(said));
        }
        if decrement {
            if found.desired_capacity <= found.settings.min_size {
                let said =
                    "Terminating instance without replacement will violate group's min size constraint.";
                return Err(ApiError::validation(said));
            }
            found.desired_capacity -= 1;
        }
        self.begin_termination(group, instance);
        self.balance(group);
        Ok(())
    }

    /// The EC2 instance fails or is reclaimed: it is gone at once, hooks or not, and replaced.
    pub fn lose_instance(&mut self, group: &str, instance: &Ec2InstanceId) -> Result<(), ApiError> {
        self.group(group)?;
        self.end_instance(group, instance);
        self.balance(group);
        Ok(())
    }

    pub(crate) fn begin_termination(&mut self, group: &str, id: &Ec2InstanceId) {
        let Some(found) = self.groups.get_mut(group) else { return };
        let hooks: Vec<LifecycleHook> = found.hooks.values().cloned().collect();
        let Some(instance) = found.instances.get_mut(id) else { return };
        if instance.state == LifecycleState::TerminatingWait {
            return;
        }
        // What is not up yet has nothing to drain.
        let held = instance.state == LifecycleState::InService && !hooks.is_empty();
        instance.state = LifecycleState::TerminatingWait;
        self.record(Occurrence::InstanceTerminating { group: group.to_owned(), instance: id.clone() });
        if !held {
            self.end_instance(group, id);
            return;
        }
        // Several hooks run at the same time, and the group waits for all of them.
        for hook in &hooks {
            self.open_action(group, hook, id);
        }
    }

    fn open_action(&mut self, group: &str, hook: &LifecycleHook, id: &Ec2InstanceId) {
        let token = self.ids.uuid();
        let action = Action::new(hook, id, self.now);
        let deadline = action.deadline;
        if let Some(found) = self.groups.get_mut(group) {
            found.actions.insert(token.clone(), action);
        }
        self.watch_deadline(group, &token, deadline);
        self.record(Occurrence::ActionOpened {
            group: group.to_owned(),
            hook: hook.name.clone(),
            instance: id.clone(),
            token: token.clone(),
        });
        let Some(topic_arn) = hook.notification_target_arn.clone() else { return };
        let request_id = self.ids.uuid();
        let message = notice::terminating(&request_id, group, hook, id, &token, self.now).to_string();
        self.emit(Emitted::SnsMessage(sns::SnsMessage {
            topic_arn,
            subject: Some(notice::subject(id)),
            message,
            attempt: None,
            origin: sns::Origin::LifecycleHook {
                group: group.to_owned(),
                hook: hook.name.clone(),
                instance: id.clone(),
                token,
            },
        }));
    }

    pub(crate) fn watch_deadline(
        &mut self,
        group: &str,
        token: &str,
        deadline: chrono::DateTime<chrono::Utc>,
    ) {
        let watch = Transition::LifecycleActionDeadline { group: group.to_owned(), token: token.to_owned() };
        self.agenda.enter(deadline, watch);
    }

    /// An action's time may be up; a heartbeat may have moved it.
    pub(crate) fn lifecycle_action_deadline(&mut self, group: &str, token: &str) {
        let Some(found) = self.groups.get(group) else { return };
        let Some(action) = found.actions.get(token).filter(|action| action.deadline <= self.now) else {
            return;
        };
        let result = found.hooks.get(&action.hook).map_or(ActionResult::Abandon, |hook| hook.default_result);
        self.end_action(group, token, ActionEnd::Expired(result));
    }

    /// An action is over. Its instance ends with the last of its actions, or at once on ABANDON.
    pub(crate) fn end_action(&mut self, group: &str, token: &str, end: ActionEnd) {
        let Some(found) = self.groups.get_mut(group) else { return };
        let Some(action) = found.actions.remove(token) else { return };
        let others = found.actions.values().any(|other| other.instance == action.instance);
        self.record(Occurrence::ActionEnded {
            group: group.to_owned(),
            hook: action.hook,
            instance: action.instance.clone(),
            token: token.to_owned(),
            end,
        });
        if !others || end.result() == ActionResult::Abandon {
            self.end_instance(group, &action.instance);
        }
    }

    /// The EC2 instance is terminated, and whatever still ran on it with it.
    fn end_instance(&mut self, group: &str, id: &Ec2InstanceId) {
        let Some(found) = self.groups.get_mut(group) else { return };
        if found.instances.remove(id).is_none() {
            return;
        }
        found.actions.retain(|_, action| action.instance != *id);
        let cluster = found.settings.cluster.clone();
        self.record(Occurrence::InstanceTerminated { group: group.to_owned(), instance: id.clone() });
        let Some(cluster) = cluster else { return };
        let known = self.clusters.get(&cluster).map(|found| found.all_of_ec2_instance(id));
        let arns: Vec<_> = known.into_iter().flatten().map(|instance| instance.arn.clone()).collect();
        for arn in arns {
            self.host_gone(&cluster, &arn);
        }
    }
}
