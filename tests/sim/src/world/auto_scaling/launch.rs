//! From the launch of an instance to its service.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::hook::LifecycleTransition;
use super::instance::{GroupInstance, LifecycleState};
use super::notice::Place;
use crate::world::agenda::Transition;
use crate::world::ecs::container_instance::InstanceType;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// One more instance of the type that the group launches next, in service at once, past its
    /// launch hooks.
    pub fn launch_now(&mut self, group: &str) -> Result<Ec2InstanceId, ApiError> {
        let (instance_type, _) = self.group_mut(group)?.next_type();
        self.launch_now_of_type(group, instance_type)
    }

    /// One more instance, of a type of the caller's choice, in service at once.
    pub fn launch_now_of_type(
        &mut self,
        group: &str,
        instance_type: InstanceType,
    ) -> Result<Ec2InstanceId, ApiError> {
        let found = self.group_mut(group)?;
        let weight = found.weight_of(&instance_type);
        found.desired_capacity += weight.unwrap_or(1);
        let id = self.launch(group, (instance_type, weight))?;
        self.enter_service(group, &id);
        if let Some(instance) = self.group_mut(group)?.instances.get_mut(&id) {
            // As if it had been there for long: it has no warm-up.
            instance.in_service_at = None;
        }
        Ok(id)
    }

    /// The group launches an instance: one from its warm pool, or else a new one; what it is of the
    /// capacity.
    pub(crate) fn launch_one(&mut self, name: &str) -> Option<u32> {
        let (instance, seconds) = if let Some(warm) = self.start_warm_instance(name) {
            warm
        } else {
            let group = self.groups.get_mut(name)?;
            let (of_type, seconds) = (group.next_type(), group.next_launch_seconds());
            (self.launch(name, of_type).ok()?, seconds)
        };
        let units = self.groups.get(name)?.instances.get(&instance).map(GroupInstance::units);
        let up = self.after(seconds);
        self.agenda.enter(up, Transition::InService { group: name.to_owned(), instance });
        units
    }

    pub(super) fn launch(
        &mut self,
        group: &str,
        (instance_type, weighted_capacity): (InstanceType, Option<u32>),
    ) -> Result<Ec2InstanceId, ApiError> {
        let id = self.ids.ec2_instance();
        let launched_at = self.now;
        let found = self.group_mut(group)?;
        let zone = instance_type.availability_zone.clone().unwrap_or_else(|| found.emptiest_zone());
        let instance = GroupInstance {
            state: LifecycleState::Pending,
            instance_type,
            zone,
            weighted_capacity,
            protected_from_scale_in: found.settings.new_instances_protected,
            launch_template_version: found.launch_template_version,
            joins: found.launches_join,
            launched_at,
            origin: Place::Ec2,
            in_service_at: None,
            scale_out_warmup_seconds: found.scaling_out_with_warmup,
        };
        found.instances.insert(id.clone(), instance);
        self.record(Occurrence::InstanceLaunching { group: group.to_owned(), instance: id.clone() });
        self.begin_launch_activity(group, &id, false);
        Ok(id)
    }

    /// A launched instance is up: it comes in service, if no launch hook holds it back.
    pub(crate) fn instance_is_up(&mut self, name: &str, id: &Ec2InstanceId) {
        let Some(instance) = self.groups.get_mut(name).and_then(|group| group.instances.get_mut(id)) else {
            return;
        };
        if !matches!(instance.state, LifecycleState::Pending | LifecycleState::ReplacingRootVolumeProceed) {
            return;
        }
        let origin = instance.origin;
        let hooks = self.hooks_on(name, LifecycleTransition::InstanceLaunching);
        if hooks.is_empty() {
            self.enter_service(name, id);
        } else {
            self.hold(name, id, &hooks, LifecycleState::PendingWait, (origin, Place::AutoScalingGroup));
        }
    }

    /// An instance comes in service, and its agent registers: no sooner, as if the agent waited for
    /// the launch hooks, so that an abandoned launch never has tasks.
    pub(crate) fn enter_service(&mut self, name: &str, id: &Ec2InstanceId) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(instance) = group.instances.get_mut(id) else { return };
        instance.state = LifecycleState::InService;
        instance.in_service_at = Some(now);
        let (instance_type, origin) = (instance.instance_type.clone(), instance.origin);
        let cluster = group.settings.cluster.clone().filter(|_| instance.joins);
        self.end_activity(name, id);
        self.record(Occurrence::InstanceInService { group: name.to_owned(), instance: id.clone() });
        if origin == Place::AutoScalingGroup {
            self.record_root_volume(name, id, false);
        } else {
            self.notify_of(name, id, super::notification::GroupEvent::InstanceLaunch);
        }
        match (cluster, origin) {
            (Some(cluster), Place::WarmPool) => self.rejoin_cluster(name, &cluster, id, &instance_type),
            (Some(cluster), _) => {
                self.register_container_instance(&cluster, id, &instance_type);
            }
            (None, _) => {}
        }
        self.go_on_with_refresh(name);
        self.go_on_with_rebalancing(name, id);
    }
}
