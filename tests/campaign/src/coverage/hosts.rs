//! The rare states of hosts, their hooks and their tasks.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::managed_draining::MANAGED_DRAINING_HOOK;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};

use super::Seen;
use crate::stage::HOOK;

/// The hosts so far.
#[derive(Default)]
pub(super) struct Hosts {
    known: BTreeMap<Ec2InstanceId, Host>,
    of: BTreeMap<ContainerInstanceArn, Ec2InstanceId>,
    standalone: BTreeMap<TaskArn, Ec2InstanceId>,
    warm: BTreeSet<Ec2InstanceId>,
    desired: BTreeMap<String, u32>,
    /// Groups with a suspended process, or amid a refresh.
    left_alone: BTreeSet<String>,
    removed_directly: bool,
    registering: BTreeSet<Ec2InstanceId>,
}

#[derive(Default)]
struct Host {
    registered_as: Option<ContainerInstanceArn>,
    disconnected: bool,
    terminating: bool,
    /// The hooks that hold it back.
    hooks: BTreeSet<String>,
    expired: bool,
}

impl Hosts {
    pub(super) fn observe(&mut self, entry: &Entry, seen: &mut BTreeSet<Seen>) {
        match &entry.what {
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                self.of.insert(container_instance.clone(), ec2_instance_id.clone());
                let host = self.known.entry(ec2_instance_id.clone()).or_default();
                if host.registered_as.replace(container_instance.clone()).is_some() {
                    seen.insert(Seen::RegisteredAnew);
                }
                host.disconnected = false;
            }
            Occurrence::ContainerInstanceStatus { container_instance, status } => {
                let Some(host) = self.of.get(container_instance) else { return };
                if *status == ContainerInstanceStatus::Registering {
                    self.registering.insert(host.clone());
                } else {
                    self.registering.remove(host);
                }
            }
            Occurrence::AgentConnected { container_instance, connected } => {
                if let Some(host) = self.host_of(container_instance) {
                    host.disconnected = !connected;
                    if host.disconnected && host.hooks.contains(HOOK) {
                        seen.insert(Seen::AgentLostMeanwhile);
                    }
                }
            }
            Occurrence::InstanceTerminating { instance, .. } => {
                self.known.entry(instance.clone()).or_default().terminating = true;
            }
            Occurrence::InstanceTerminated { instance, .. } => self.terminated(instance, seen),
            Occurrence::ActionOpened { hook, instance, .. } => {
                self.known.entry(instance.clone()).or_default().hooks.insert(hook.clone());
                if self.registering.contains(instance) {
                    seen.insert(Seen::RegisteringMeanwhile);
                }
            }
            Occurrence::ActionEnded { hook, instance, end, .. } => {
                let host = self.known.entry(instance.clone()).or_default();
                host.action_ended(hook, *end, entry.by.is_some(), seen);
            }
            Occurrence::TaskPlaced { task, group, container_instance } if group.starts_with("family:") => {
                if let Some(host) = self.of.get(container_instance) {
                    self.standalone.insert(task.clone(), host.clone());
                }
            }
            Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                let host = self.standalone.remove(task).and_then(|host| self.known.get(&host));
                if host.is_some_and(|host| host.hooks.contains(HOOK)) {
                    seen.insert(Seen::StandaloneWaitedFor);
                }
            }
            Occurrence::TaskKilled { container_instance, .. }
                if self.host_of(container_instance).is_some_and(|host| host.expired) =>
            {
                seen.insert(Seen::TaskKilledAfterExpiry);
            }
            Occurrence::InstanceInWarmPool { instance, .. } => {
                self.warm.insert(instance.clone());
            }
            Occurrence::InstanceInService { instance, .. } if self.warm.remove(instance) => {
                seen.insert(Seen::WarmStarted);
            }
            Occurrence::InstanceRetained { .. } => {
                seen.insert(Seen::Retained);
            }
            Occurrence::DeploymentStarted { .. }
                if self.known.values().any(|host| host.hooks.contains(HOOK)) =>
            {
                seen.insert(Seen::DeployedMeanwhile);
            }
            Occurrence::PolicyExecuted { from, to, .. } => {
                seen.insert(if to > from { Seen::ScaledOut } else { Seen::ScaledIn });
            }
            _ => self.observe_direct_scaling(entry, seen),
        }
    }

    fn observe_direct_scaling(&mut self, entry: &Entry, seen: &mut BTreeSet<Seen>) {
        match &entry.what {
            Occurrence::InstanceRefresh { group, in_progress }
            | Occurrence::ProcessesSuspended { group, suspended: in_progress, .. } => {
                if matches!(entry.what, Occurrence::InstanceRefresh { .. }) {
                    seen.insert(Seen::InstancesRefreshed);
                }
                if *in_progress {
                    self.left_alone.insert(group.clone());
                } else {
                    self.left_alone.remove(group);
                }
            }
            Occurrence::ApiCalled { operation: Operation::DescribeInstanceRefreshes, .. }
                if !self.left_alone.is_empty() =>
            {
                seen.insert(Seen::HandsOff);
            }
            Occurrence::DesiredCapacity { desired_capacity, group } => {
                let before = self.desired.insert(group.clone(), *desired_capacity);
                if entry.by.is_some() && before.is_none_or(|before| before < *desired_capacity) {
                    seen.insert(Seen::ScaledOutDirectly);
                }
            }
            Occurrence::TerminationRequested { .. } if entry.by.is_some() => {
                self.removed_directly = true;
                seen.insert(Seen::HostRemoved);
            }
            Occurrence::RebalancingZones { .. } if self.removed_directly => {
                seen.insert(Seen::ZonesRebalanced);
            }
            Occurrence::RebalancingService { .. } => {
                seen.insert(Seen::ServiceRebalanced);
                if self.removed_directly {
                    seen.insert(Seen::ServiceRebalancedMeanwhile);
                }
            }
            _ => {}
        }
    }

    fn host_of(&mut self, container_instance: &ContainerInstanceArn) -> Option<&mut Host> {
        self.known.get_mut(self.of.get(container_instance)?)
    }

    fn terminated(&mut self, instance: &Ec2InstanceId, seen: &mut BTreeSet<Seen>) {
        let Some(host) = self.known.get_mut(instance) else { return };
        if !host.terminating {
            seen.insert(Seen::HostLost);
        } else if !host.hooks.is_empty() {
            seen.insert(Seen::ActionAbandoned);
        }
        host.hooks.clear();
    }
}

impl Host {
    fn action_ended(&mut self, hook: &str, end: ActionEnd, by_function: bool, seen: &mut BTreeSet<Seen>) {
        self.hooks.remove(hook);
        if hook != HOOK {
            let ours = self.hooks.contains(HOOK);
            if hook == MANAGED_DRAINING_HOOK {
                seen.insert(if ours { Seen::DrainedByEcsFirst } else { Seen::DrainedByEcsLast });
                return;
            }
            seen.insert(if ours { Seen::OtherHookFirst } else { Seen::OtherHookLast });
            return;
        }
        match end {
            ActionEnd::Expired(_) => {
                self.expired = true;
                seen.insert(Seen::HookExpired);
            }
            ActionEnd::NotificationRefused(_) => {}
            ActionEnd::Completed(_) if !by_function => {
                seen.insert(Seen::HookCompletedByHand);
            }
            ActionEnd::Completed(_) => {
                if self.disconnected {
                    seen.insert(Seen::DisconnectedAtCompletion);
                }
            }
        }
    }
}
