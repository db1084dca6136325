//! Managed draining of a capacity provider: `managedDraining` ENABLED.
//!
//! ECS puts a termination hook of its own on the provider's group. When an instance waits there,
//! ECS sets its container instance DRAINING. It completes the hook once every task on it has
//! stopped, standalone tasks included, and waits for 48 hours at most. With other hooks on the
//! group the order of their ends is open (developer guide, "managed-instance-draining"). On a Spot
//! interruption warning, too, ECS sets the instance DRAINING.
//!
//! ECS restarts the hook's timer as it needs it. AWS does not document how soon it reacts to an
//! event: a provider says so.

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};

use super::capacity_provider::CapacityProvider;
use crate::world::World;
use crate::world::agenda::Transition;
use crate::world::auto_scaling::hook::{ActionResult, LifecycleHook};
use crate::world::history::ActionEnd;

/// The name of ECS's hook.
pub const MANAGED_DRAINING_HOOK: &str = "ecs-managed-draining-termination-hook";

impl CapacityProvider {
    /// With managed draining ENABLED. ECS reacts to each event after this many seconds.
    #[must_use]
    pub fn draining_within(mut self, seconds: u32) -> Self {
        self.managed_draining = Some(TimeDelta::seconds(i64::from(seconds.max(1))));
        self
    }
}

impl World {
    /// ECS puts its hook on a provider's group.
    pub(super) fn begin_managed_draining(&mut self, provider: &CapacityProvider) {
        if provider.managed_draining.is_some()
            && let Some(group) = self.groups.get_mut(&provider.group)
        {
            let hook = LifecycleHook::new(MANAGED_DRAINING_HOOK, "").without_topic();
            let hook = hook.default_result(ActionResult::Continue);
            group.hooks.insert(hook.name.clone(), hook);
        }
    }

    /// An instance waits at ECS's hook: ECS gets to know it.
    pub(crate) fn drain_by_ecs(&mut self, group: &str, hook: &str, token: &str) {
        if hook == MANAGED_DRAINING_HOOK {
            self.drain_by_ecs_later(group, token);
        }
    }

    /// EC2 takes an instance back: ECS gets to know it.
    pub(crate) fn drain_for_spot(&mut self, group: &str, instance: &Ec2InstanceId) {
        if let Some(within) = self.managed_draining_of(group) {
            let (group, instance) = (group.to_owned(), instance.clone());
            self.agenda.enter(self.now + within, Transition::ManagedDrainingForSpot { group, instance });
        }
    }

    /// ECS sets an instance DRAINING that EC2 takes back.
    pub(crate) fn set_draining_for_spot(&mut self, group: &str, instance: &Ec2InstanceId) {
        let Some(cluster) = self.groups.get(group).and_then(|group| group.settings.cluster.clone()) else {
            return;
        };
        for arn in self.container_instances_of(&cluster, instance) {
            self.drain_registration(&cluster, &arn);
        }
    }

    fn managed_draining_of(&self, group: &str) -> Option<TimeDelta> {
        let mut providers = self.capacity_providers.values().filter(|provider| provider.group == group);
        providers.find_map(|provider| provider.managed_draining)
    }

    fn drain_by_ecs_later(&mut self, group: &str, token: &str) {
        let Some(within) = self.managed_draining_of(group) else { return };
        let (group, token) = (group.to_owned(), token.to_owned());
        self.agenda.enter(self.now + within, Transition::ManagedDraining { group, token });
    }

    /// ECS looks after an instance that waits at its hook.
    pub(crate) fn step_managed_draining(&mut self, group: &str, token: &str) {
        let now = self.now;
        let Some(found) = self.groups.get_mut(group) else { return };
        let cluster = found.settings.cluster.clone();
        let Some(action) = found.actions.get_mut(token) else { return };
        let instance = action.instance.clone();
        if let Some(hook) = found.hooks.get(MANAGED_DRAINING_HOOK) {
            action.restart_timer(hook, now);
        }
        let deadline = action.deadline;
        self.watch_deadline(group, token, deadline);
        let mut is_busy = false;
        if let Some(cluster) = cluster {
            for arn in self.container_instances_of(&cluster, &instance) {
                is_busy |= self.drain_registration(&cluster, &arn);
            }
        }
        if is_busy {
            self.drain_by_ecs_later(group, token);
        } else {
            self.end_action(group, token, ActionEnd::Completed(ActionResult::Continue));
        }
    }

    /// Sets a container instance DRAINING. Returns whether a task on it has not stopped.
    fn drain_registration(&mut self, cluster: &str, arn: &ContainerInstanceArn) -> bool {
        let found = self.clusters.get(cluster).and_then(|it| it.container_instances.get(arn));
        let Some(found) = found else { return false };
        let is_busy = !found.tasks.is_empty();
        if found.status == ContainerInstanceStatus::Active {
            self.change_status(cluster, arn, ContainerInstanceStatus::Draining);
            self.stop_pending_service_tasks(cluster, arn);
        }
        is_busy
    }
}
