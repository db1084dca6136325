//! Rule 1, no early kill: a hook is completed only if every task on the instance has STOPPED, or the instance is not in
//! the cluster.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};

use super::{Breach, Rule};
use crate::stage::{HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct NoEarlyKill;

impl Rule for NoEarlyKill {
    fn name(&self) -> &'static str {
        "no early kill"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let mut hosts: BTreeMap<&Ec2InstanceId, BTreeSet<&ContainerInstanceArn>> = BTreeMap::new();
        let mut unfinished: BTreeMap<&TaskArn, &ContainerInstanceArn> = BTreeMap::new();
        for entry in played.world.history().entries() {
            match &entry.what {
                Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                    hosts.entry(ec2_instance_id).or_default().insert(container_instance);
                }
                Occurrence::TaskPlaced { task, container_instance, .. } => {
                    unfinished.insert(task, container_instance);
                }
                Occurrence::TaskStatus { task, status: LastStatus::Stopped }
                | Occurrence::TaskKilled { task, .. } => {
                    unfinished.remove(task);
                }
                Occurrence::ActionEnded { hook, instance, end: ActionEnd::Completed(_), .. }
                    if hook == HOOK && entry.by.is_some() =>
                {
                    let of = hosts.get(instance);
                    let left = unfinished.iter().find(|(_, on)| of.is_some_and(|of| of.contains(*on)));
                    if let Some((task, _)) = left {
                        let how = format!("{instance} was let go with {} unfinished", task.0);
                        return Err(Breach { rule: self.name(), at: entry.at, how });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
