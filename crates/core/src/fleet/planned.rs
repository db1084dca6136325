//! Removal plans against an adversary, who picks the order of the tasks that must move, and for
//! each any host with room.

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::adversary::{each_drawn, harm, pickable};
use super::drawn::{Draws, Scale, State, World};
use super::fixture::Cluster;
use super::{Direct, DirectDecision, DirectSettings, Fleet, MaxDraining, ScalingMemory};
use crate::container_instance::Ec2InstanceId;

const CASES: u32 = 24_000;
const SMALL: Scale = Scale { hosts: (2, 4), tasks_a_host: 3, waiting: 2, alike: false };

/// Decides for a cluster whose hosts have all been removable for long enough, as far as they are
/// removable.
fn scale(cluster: &Cluster, max_draining: MaxDraining) -> (Vec<u64>, DirectDecision) {
    let mut memory = ScalingMemory::default();
    let now = cluster.snapshot.began;
    let mut before = cluster.snapshot.clone();
    before.began = now - TimeDelta::minutes(30);
    memory.observe(&before);
    for group in &cluster.snapshot.groups {
        let ids: Vec<_> = group.instances.iter().map(|it| it.ec2_instance_id.clone()).collect();
        memory.observe_removable(&group.name, &ids, now - TimeDelta::minutes(2));
    }
    memory.observe(&cluster.snapshot);
    let refreshes: BTreeMap<_, _> =
        cluster.snapshot.groups.iter().map(|group| (group.name.clone(), None)).collect();
    let settings = DirectSettings { scale_in_after: TimeDelta::minutes(2), max_draining };
    let fleet = Fleet::new(&cluster.snapshot, &cluster.memory, cluster.headroom);
    let decision = fleet.decide();
    let missing = decision.groups.iter().map(|group| group.missing.units.unwrap_or(1)).collect();
    let direct = Direct { settings, memory: &memory, refreshes: &refreshes };
    (missing, fleet.scale(&decision, &direct))
}

fn number(cluster: &Cluster, id: &Ec2InstanceId) -> usize {
    let instances = &cluster.snapshot.container_instances;
    instances.iter().position(|it| it.ec2_instance_id == id.as_str()).unwrap()
}

/// The hosts that the plans have together, and those of them that are removed at once.
fn planned(cluster: &Cluster, decided: &DirectDecision) -> (Vec<usize>, Vec<usize>) {
    let removed = decided.groups.iter().flat_map(|group| &group.remove);
    let removed: Vec<_> = removed.map(|removal| number(cluster, &removal.instance)).collect();
    let further = decided.groups.iter().flat_map(|group| &group.removable);
    let mut planned: Vec<_> = further.map(|removal| number(cluster, &removal.instance)).collect();
    planned.extend(&removed);
    planned.sort_unstable();
    (planned, removed)
}

/// Checks a plan against the drawn world.
fn is_true(world: &World, planned: &[usize]) -> Result<(), String> {
    for (number, group) in world.groups.iter().enumerate() {
        let of_group: Vec<_> = planned.iter().filter(|host| world.hosts[**host].group == number).collect();
        let there = world.hosts.iter().filter(|it| it.group == number && it.state != State::Terminating);
        let most = there.count().saturating_sub(usize::try_from(group.minimum).unwrap());
        if of_group.len() > most {
            return Err(format!("{of_group:?} of group {number} of minimum {}", group.minimum));
        }
        let may = pickable(world, number);
        if let Some(host) = of_group.iter().find(|host| !may.contains(host)) {
            return Err(format!("host {host} cannot be removed"));
        }
        if let Some(host) = of_group.iter().find(|host| world.hosts[***host].state != State::Active) {
            return Err(format!("host {host} is not one that takes tasks"));
        }
    }
    // A cluster may leave a task over as it is.
    if planned.is_empty() { Ok(()) } else { harm(world, planned).map_or(Ok(()), Err) }
}

/// Returns whether one host of the only group could be removed, whichever it is.
fn could_lose_one(world: &World) -> bool {
    let hosts = 0..world.hosts.len();
    let mut hosts = hosts.filter(|host| world.hosts[*host].state == State::Active);
    hosts.any(|host| is_true(world, &[host]).is_ok())
}

#[test]
fn no_task_is_left_over_by_a_plan_or_by_any_part_of_it() {
    let (any, several, both, one_can, seen) =
        (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    each_drawn(CASES, 160, |draws| {
        let world = World::drawn(draws, SMALL);
        let cluster = world.cluster();
        let (missing, decided) = scale(&cluster, MaxDraining::Percent(100));
        let (planned, removed) = planned(&cluster, &decided);
        let failed = |why: String| format!("{why}\n{planned:?}\n{decided:#?}\n{world:#?}");
        is_true(&world, &planned).map_err(failed)?;
        is_true(&world, &removed).map_err(failed)?;
        let count = |cell: &Cell<u32>, so: bool| cell.set(cell.get() + u32::from(so));
        count(&any, !planned.is_empty());
        count(&several, planned.len() > 1);
        count(&both, decided.groups.iter().filter(|group| !group.remove.is_empty()).count() > 1);
        if missing == [0] {
            let can = could_lose_one(&world);
            count(&one_can, can);
            count(&seen, can && !planned.is_empty());
        }
        Ok(())
    });
    let share = f64::from(seen.get()) / f64::from(one_can.get());
    println!(
        "of {CASES} clusters {} have a plan, {} of several hosts, {} of two groups at once; of {} with one group that can \
         lose some host {:.1} % are seen to",
        any.get(),
        several.get(),
        both.get(),
        one_can.get(),
        100.0 * share
    );
    assert!(any.get() > CASES / 4 && several.get() > 1_000 && both.get() > 100 && one_can.get() > CASES / 8);
    assert!(share >= 0.9, "{share}");
}

/// Carries plans out one decision after another: each host's tasks are placed before the next
/// decision, on any host with room. Returns the number of hosts removed.
fn carry_out(world: &World, draws: &mut Draws<'_>) -> Result<usize, String> {
    let (mut world, mut steps) = (world.clone(), 0);
    loop {
        let cluster = world.cluster();
        let most = MaxDraining::Hosts(u32::try_from(draws.between(1, 3)).unwrap());
        let (_, decided) = scale(&cluster, most);
        let (_, mut removed) = planned(&cluster, &decided);
        if removed.is_empty() {
            return Ok(steps);
        }
        let before = format!("{world:?}");
        removed.sort_unstable();
        world.remove(&removed);
        world.place(draws);
        if world.kinds.iter().any(|kind| kind.waiting > 0) {
            return Err(format!("a task is unplaced without {removed:?}\n{before}\n{world:?}"));
        }
        steps += removed.len();
    }
}

#[test]
fn plans_that_are_carried_out_one_after_another_leave_no_task_over() {
    let (any, several) = (Cell::new(0), Cell::new(0));
    let larger = Scale { hosts: (3, 10), tasks_a_host: 4, waiting: 0, alike: false };
    each_drawn(6_000, 400, |draws| {
        let mut world = World::drawn(draws, larger);
        for (number, kind) in world.kinds.iter_mut().enumerate() {
            // A deployment holds the hosts of its service. Of several providers ECS picks one.
            kind.service = number;
            kind.providers.truncate(1);
            kind.arm = None;
        }
        for host in 0..world.hosts.len() {
            for kind in 0..world.kinds.len() {
                if !world.takes(host, kind) {
                    world.hosts[host].tasks[kind] = 0;
                }
            }
        }
        let steps = carry_out(&world, draws)?;
        any.set(any.get() + u32::from(steps > 0));
        several.set(several.get() + u32::from(steps > 2));
        Ok(())
    });
    println!("of 6000 clusters {} lose hosts, {} of them several", any.get(), several.get());
    assert!(any.get() > 2_000 && several.get() > 500, "{} {}", any.get(), several.get());
}
