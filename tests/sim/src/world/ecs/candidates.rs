//! The hosts that one more task may go to, in the order in which they are tried.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::placement::{self, Placing, takes_tasks};
use super::placement_mode::{PlacementChoice, PlacementMode};
use crate::world::chance::Chance;

/// The instances that have room for a task of one kind. While they are being placed room only
/// shrinks: an instance without is not asked again, so that thousands of tasks are placed quickly.
pub(crate) struct Candidates {
    order: Order,
    lacking: BTreeSet<&'static str>,
}

enum Order {
    /// The lowest rank first, then as drawn, then by ARN.
    Ranked(PlacementMode, BTreeSet<(u64, u64, ContainerInstanceArn)>),
    /// Any of the pool that has the fewest tasks of the service.
    Drawn(Vec<Pool>),
}

#[derive(Default)]
struct Pool {
    tasks: u32,
    hosts: Vec<ContainerInstanceArn>,
}

impl Candidates {
    pub(crate) fn of(cluster: &Cluster, placing: &Placing<'_>, choice: &mut PlacementChoice) -> Self {
        Self::among(cluster, placing, choice, cluster.container_instances.values())
    }

    /// One instance and no other.
    pub(crate) fn only(
        cluster: &Cluster,
        placing: &Placing<'_>,
        choice: &mut PlacementChoice,
        arn: &ContainerInstanceArn,
    ) -> Self {
        Self::among(cluster, placing, choice, cluster.container_instances.get(arn))
    }

    fn among<'a>(
        cluster: &Cluster,
        placing: &Placing<'_>,
        choice: &mut PlacementChoice,
        instances: impl IntoIterator<Item = &'a ContainerInstance>,
    ) -> Self {
        let mut lacking = BTreeSet::new();
        let mut with_room = Vec::new();
        for instance in instances.into_iter().filter(|it| takes_tasks(it) && placing.is_provided_by(it)) {
            match cluster.has_room(instance, placing) {
                Ok(()) => with_room.push(instance),
                Err(reason) => {
                    lacking.insert(reason);
                }
            }
        }
        Self { order: Order::of(cluster, placing, choice, &with_room), lacking }
    }

    /// The instance for one more task. The reason, where there is none, is that of the instance
    /// that lacks least.
    pub(crate) fn place(
        &mut self,
        cluster: &Cluster,
        placing: &Placing<'_>,
        chance: &mut Chance,
    ) -> Result<ContainerInstanceArn, &'static str> {
        while let Some((arn, pool)) = self.order.take(chance) {
            let Some(instance) = cluster.container_instances.get(&arn) else { continue };
            match cluster.has_room(instance, placing) {
                Ok(()) => {
                    self.order.put_back(instance, placing, pool, chance);
                    return Ok(arn);
                }
                Err(reason) => self.lacking.insert(reason),
            };
        }
        Err(placement::least(&self.lacking))
    }
}

impl Order {
    fn of(
        cluster: &Cluster,
        placing: &Placing<'_>,
        choice: &mut PlacementChoice,
        instances: &[&ContainerInstance],
    ) -> Self {
        let arns = || instances.iter().map(|instance| instance.arn.clone());
        match choice.mode {
            PlacementMode::Random => Self::Drawn(vec![Pool { tasks: 0, hosts: arns().collect() }]),
            PlacementMode::SpreadOverZones => Self::Drawn(pools(cluster, placing, instances)),
            mode => {
                let chance = &mut choice.chance;
                let ranked = instances.iter().map(|instance| {
                    (rank(mode, instance, placing, 0), tie(mode, chance), instance.arn.clone())
                });
                Self::Ranked(mode, ranked.collect())
            }
        }
    }

    /// The next one to try, and its pool.
    fn take(&mut self, chance: &mut Chance) -> Option<(ContainerInstanceArn, usize)> {
        match self {
            Self::Ranked(_, ranked) => ranked.pop_first().map(|(.., arn)| (arn, 0)),
            Self::Drawn(pools) => {
                let some = pools.iter_mut().enumerate().filter(|(_, pool)| !pool.hosts.is_empty());
                let (number, pool) = some.min_by_key(|(_, pool)| pool.tasks)?;
                let bound = u64::try_from(pool.hosts.len()).unwrap_or(u64::MAX);
                let drawn = usize::try_from(chance.below(bound)).unwrap_or(0);
                Some((pool.hosts.swap_remove(drawn), number))
            }
        }
    }

    /// An instance that gets a task may get another.
    fn put_back(
        &mut self,
        instance: &ContainerInstance,
        placing: &Placing<'_>,
        pool: usize,
        chance: &mut Chance,
    ) {
        let arn = instance.arn.clone();
        match self {
            Self::Ranked(mode, ranked) => {
                ranked.insert((rank(*mode, instance, placing, 1), tie(*mode, chance), arn));
            }
            Self::Drawn(pools) => {
                if let Some(pool) = pools.get_mut(pool) {
                    pool.tasks += 1;
                    pool.hosts.push(arn);
                }
            }
        }
    }
}

/// An instance's rank, with this many more of the tasks.
fn rank(mode: PlacementMode, instance: &ContainerInstance, placing: &Placing<'_>, added: u32) -> u64 {
    let (registered, reserved, definition) = (&instance.registered, &instance.reserved, placing.definition);
    let left = |has: u64, taken: u64, each: u64| has.saturating_sub(taken + each * u64::from(added));
    match mode {
        PlacementMode::BinpackCpu => left(registered.cpu.0, reserved.cpu.0, definition.cpu.0),
        PlacementMode::BinpackMemory => left(registered.memory.0, reserved.memory.0, definition.memory.0),
        _ => u64::from(reserved.tasks + added),
    }
}

fn tie(mode: PlacementMode, chance: &mut Chance) -> u64 {
    if mode == PlacementMode::FewestTasks { 0 } else { chance.below(u64::MAX) }
}

/// A pool for each zone, with the tasks that the service has there.
fn pools(cluster: &Cluster, placing: &Placing<'_>, instances: &[&ContainerInstance]) -> Vec<Pool> {
    let mut pools: BTreeMap<&str, Pool> = BTreeMap::new();
    for instance in instances {
        pools.entry(instance.zone()).or_default().hosts.push(instance.arn.clone());
    }
    let tasks = placing.service.map(|service| cluster.tasks_of_service(&service.name));
    for task in tasks.into_iter().flatten().filter(|task| task.desired_status == DesiredStatus::Running) {
        let host = cluster.container_instances.get(&task.container_instance);
        if let Some(pool) = host.and_then(|host| pools.get_mut(host.zone())) {
            pool.tasks += 1;
        }
    }
    pools.into_values().collect()
}
