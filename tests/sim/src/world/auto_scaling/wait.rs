//! Instances that wait at hooks, and the steps after the wait.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::event::LifecycleActionEvent;
use super::hook::{Action, ActionResult, LifecycleHook, LifecycleTransition};
use super::instance::LifecycleState;
use super::notice::{self, Place};
use crate::world::agenda::Transition;
use crate::world::history::{ActionEnd, Occurrence};
use crate::world::outbox::Emitted;
use crate::world::{World, sns};

impl World {
    pub(crate) fn hooks_on(&self, group: &str, transition: LifecycleTransition) -> Vec<LifecycleHook> {
        let hooks = self.groups.get(group).map(|group| group.hooks.values());
        hooks.into_iter().flatten().filter(|hook| hook.transition == transition).cloned().collect()
    }

    /// An instance waits at hooks. Several run at the same time, and the group waits for all of
    /// them.
    pub(crate) fn hold(
        &mut self,
        group: &str,
        id: &Ec2InstanceId,
        hooks: &[LifecycleHook],
        state: LifecycleState,
        way: (Place, Place),
    ) {
        self.set_lifecycle_state(group, id, state);
        let mut refused = Vec::new();
        for hook in hooks {
            let token = self.open_action(group, hook, id, way);
            if hook.notification_is_refused {
                refused.push((token, hook.default_result));
            }
        }
        // Only now, so that the group waits for the others.
        for (token, result) in refused {
            self.end_action(group, &token, ActionEnd::NotificationRefused(result));
        }
    }

    /// Opens a hook's action; its token.
    fn open_action(
        &mut self,
        group: &str,
        hook: &LifecycleHook,
        id: &Ec2InstanceId,
        way: (Place, Place),
    ) -> String {
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
        let old_form = self.groups.get(group).is_none_or(|found| found.settings.without_action_member);
        let action_member = (!old_form).then(|| notice::action(hook.transition, way));
        self.send_event(group, hook, id, &token, (way, action_member));
        self.drain_by_ecs(group, &hook.name, &token);
        let topic = hook.notification_target_arn.clone().filter(|_| !hook.notification_is_refused);
        let Some(topic_arn) = topic else { return token };
        let request_id = self.ids.uuid();
        let message = notice::lifecycle(&request_id, group, hook, id, &token, way, action_member, self.now);
        self.emit(Emitted::SnsMessage(sns::SnsMessage {
            topic_arn,
            subject: Some(notice::subject(hook.transition, id)),
            message: message.to_string(),
            attributes: None,
            origin: sns::Origin::LifecycleHook {
                group: group.to_owned(),
                hook: hook.name.clone(),
                instance: id.clone(),
                token: token.clone(),
            },
        }));
        token
    }

    fn send_event(
        &mut self,
        group: &str,
        hook: &LifecycleHook,
        id: &Ec2InstanceId,
        token: &str,
        ((origin, destination), action): ((Place, Place), Option<&'static str>),
    ) {
        let event_id = self.ids.event();
        let event = LifecycleActionEvent {
            group: group.to_owned(),
            hook: hook.name.clone(),
            instance: id.clone(),
            token: token.to_owned(),
            transition: hook.transition,
            notification_metadata: hook.notification_metadata.clone(),
            origin,
            destination,
            action,
        };
        self.emit(Emitted::LifecycleAction { id: event_id, event });
    }

    pub(crate) fn watch_deadline(&mut self, group: &str, token: &str, deadline: DateTime<Utc>) {
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

    /// An action is over. Its instance goes on with the end of its last action, or at once on
    /// ABANDON.
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
        let abandoned = end.result() == ActionResult::Abandon;
        if !others || abandoned {
            self.waited(group, &action.instance, abandoned);
        }
    }

    /// No hook holds an instance back any more.
    fn waited(&mut self, group: &str, id: &Ec2InstanceId, abandoned: bool) {
        let Some(found) = self.groups.get_mut(group) else { return };
        found.actions.retain(|_, action| action.instance != *id);
        let retains = found.settings.retains_abandoned && abandoned;
        let keeps = found.settings.warm_pool.as_ref().is_some_and(|pool| pool.keeps_abandoned);
        let Some(state) = found.instances.get(id).map(|instance| instance.state) else { return };
        match (state, state.retained().filter(|_| retains)) {
            (_, Some(retained)) => self.retain_instance(group, id, retained),
            (LifecycleState::ReplacingRootVolumeWait, _) => self.exchange_root_volume(group, id),
            (LifecycleState::PendingWait, _) if abandoned => {
                // AWS terminates what could not be launched, and launches another.
                self.end_instance(group, id);
                self.balance(group);
            }
            (LifecycleState::PendingWait, _) => self.enter_service(group, id),
            (LifecycleState::WarmedPendingWait, _) if keeps || !abandoned => self.enter_warm_pool(group, id),
            _ => self.end_instance(group, id),
        }
    }

    pub(crate) fn set_lifecycle_state(&mut self, group: &str, id: &Ec2InstanceId, state: LifecycleState) {
        if let Some(instance) = self.groups.get_mut(group).and_then(|group| group.instances.get_mut(id)) {
            instance.state = state;
        }
    }
}
