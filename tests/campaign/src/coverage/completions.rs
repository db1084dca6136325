//! The ways in which the drainer completes actions, found in the history and not in its answers.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::auto_scaling::hook::ActionResult;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;
use serde_json::Value;

use super::Seen;
use crate::stage::{DRAINER, HOOK};

/// The instances and the drainer's invocations so far.
#[derive(Default)]
pub(super) struct Completions {
    /// The instance that each invocation's notice is of; none for a sweep.
    running: BTreeMap<InvocationId, Option<String>>,
    instances: BTreeMap<ContainerInstanceArn, Ec2InstanceId>,
    homes: BTreeMap<TaskArn, Ec2InstanceId>,
    unfinished: BTreeMap<Ec2InstanceId, BTreeSet<TaskArn>>,
    /// The instances on which a function stopped tasks.
    stopped_on: BTreeSet<Ec2InstanceId>,
}

impl Completions {
    pub(super) fn observe(&mut self, entry: &Entry, seen: &mut BTreeSet<Seen>) {
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == DRAINER =>
            {
                self.running.insert(*invocation, instance_of(payload));
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                self.running.remove(invocation);
            }
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                self.instances.insert(container_instance.clone(), ec2_instance_id.clone());
            }
            Occurrence::ContainerInstanceStatus {
                container_instance,
                status: ContainerInstanceStatus::Inactive,
            } => {
                self.instances.remove(container_instance);
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                let Some(instance) = self.instances.get(container_instance) else { return };
                self.homes.insert(task.clone(), instance.clone());
                self.unfinished.entry(instance.clone()).or_default().insert(task.clone());
            }
            Occurrence::TaskStopping { task, .. } if entry.by.is_some() => {
                self.stopped_on.extend(self.homes.get(task).cloned());
            }
            Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                let home = self.homes.get(task).and_then(|home| self.unfinished.get_mut(home));
                home.map(|tasks| tasks.remove(task));
            }
            Occurrence::ActionEnded { hook, instance, end: ActionEnd::Completed(result), .. }
                if hook == HOOK =>
            {
                if let Some(of) = entry.by.and_then(|by| self.running.get(&by)) {
                    self.completed(instance, *result, of.as_deref(), seen);
                }
            }
            _ => {}
        }
    }

    fn completed(
        &self,
        instance: &Ec2InstanceId,
        result: ActionResult,
        of: Option<&str>,
        seen: &mut BTreeSet<Seen>,
    ) {
        match of {
            None => seen.insert(Seen::SweepCompleted),
            Some(own) if own != instance.as_str() => seen.insert(Seen::Coordinated),
            Some(_) => false,
        };
        let left = self.unfinished.get(instance).is_some_and(|tasks| !tasks.is_empty());
        let there = self.instances.values().any(|of| of == instance);
        if result == ActionResult::Abandon {
            seen.insert(Seen::EndedByAbandon);
        } else if !there {
            seen.insert(Seen::NoInstanceFound);
        } else if self.stopped_on.contains(instance) {
            seen.insert(Seen::EndedWithTasksStopped);
        } else if left {
            seen.insert(Seen::EndedWithTasksLeft);
        }
    }
}

fn instance_of(payload: &Value) -> Option<String> {
    let text = payload.pointer("/Records/0/Sns/Message")?.as_str()?;
    let message: Value = serde_json::from_str(text).ok()?;
    message.get("EC2InstanceId")?.as_str().map(str::to_owned)
}
