//! Removable hosts against an adversary: it picks the hosts that are removed, the order of the
//! tasks that must move, and for each any host with room. It tries all there is.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};

use super::drawn::{Draws, Room, Scale, State, World};
use super::{Decision, Headroom};

const HOSTS_MAX: usize = 5;
/// As many as fit into the 64 bits of what was seen.
const MOVERS_MAX: usize = 16;
const CASES: u32 = 24_000;
const SMALL: Scale = Scale { hosts: (2, 4), tasks_a_host: 3, waiting: 2, alike: false };

/// Tasks that must move, all alike.
#[derive(Debug, Clone)]
struct Movers {
    tasks: u8,
    /// What ECS picks of before it looks for room: the definition of a service amid a deployment,
    /// and the capacity provider.
    picks: Vec<Pick>,
}

/// A kind, and the hosts that are there for its tasks.
#[derive(Debug, Clone)]
struct Pick {
    kind: usize,
    /// Those that meet its constraints.
    own: Vec<usize>,
    /// The same with those of another architecture, which ECS may or may not place it on.
    all: Vec<usize>,
    /// True if `distinctInstance` is asked.
    apart: bool,
}

/// Tries all orders and all hosts.
struct Adversary<'a> {
    world: &'a World,
    movers: Vec<Movers>,
    /// The tasks that were left to place, and the rooms, packed.
    seen: BTreeSet<(u64, u128)>,
}

/// How many of the movers are left to place.
type Left = [u8; MOVERS_MAX];

impl<'a> Adversary<'a> {
    /// The adversary's moves once hosts are removed, without headroom.
    fn new(world: &'a World, removed: &[usize]) -> Self {
        let mut movers = Vec::new();
        let mut add = |kinds: &[usize], apart: bool, runs: bool, tasks: u64| {
            let picks = kinds.iter().flat_map(|kind| picks(world, removed, *kind, apart, runs));
            if tasks > 0 {
                movers.push(Movers { tasks: u8::try_from(tasks).unwrap(), picks: picks.collect() });
            }
        };
        let leaves = |host: usize| world.hosts[host].leaves();
        for (number, kind) in world.kinds.iter().enumerate() {
            add(&[number], true, false, kind.waiting);
            add(&[number], false, false, world.share(number));
            let of_service: Vec<_> =
                (0..world.kinds.len()).filter(|other| world.kinds[*other].service == kind.service).collect();
            if of_service.first() == Some(&number) {
                let tasks =
                    |host: usize| of_service.iter().map(|it| world.hosts[host].tasks[*it]).sum::<u64>();
                add(
                    &of_service,
                    true,
                    false,
                    (0..world.hosts.len()).filter(|it| leaves(*it)).map(tasks).sum(),
                );
                add(&of_service, true, true, removed.iter().copied().map(tasks).sum());
            }
        }
        Self { world, movers, seen: BTreeSet::new() }
    }

    /// Returns whether some task can be left unplaced.
    fn leaves_one_over(world: &'a World, removed: &[usize]) -> bool {
        let mut rooms = [world.room(0); HOSTS_MAX];
        for (host, room) in rooms.iter_mut().enumerate().take(world.hosts.len()) {
            *room = world.room(host);
        }
        let none = Self::new(world, removed);
        let one_more = world.headroom == Headroom::One;
        let extras = (0..world.kinds.len())
            .filter(|kind| one_more && world.may_grow(*kind) && can_be_placed(world, *kind));
        let mut extras: Vec<_> = extras.map(Some).collect();
        if extras.is_empty() {
            extras.push(None);
        }
        extras.into_iter().any(|extra| {
            let mut adversary = Self { world, movers: none.movers.clone(), seen: BTreeSet::new() };
            if let Some(kind) = extra {
                let picks = picks(world, removed, kind, false, false);
                adversary.movers.push(Movers { tasks: 1, picks });
            }
            let mut left = [0; MOVERS_MAX];
            for (number, movers) in adversary.movers.iter().enumerate() {
                left[number] = movers.tasks;
            }
            adversary.wins(left, rooms)
        })
    }

    fn wins(&mut self, left: Left, rooms: [Room; HOSTS_MAX]) -> bool {
        for number in 0..self.movers.len() {
            if left[number] == 0 {
                continue;
            }
            let mut fewer = left;
            fewer[number] -= 1;
            for pick in 0..self.movers[number].picks.len() {
                let Pick { kind, ref own, apart, .. } = self.movers[number].picks[pick];
                let kind = &self.world.kinds[kind];
                if own.iter().all(|host| rooms[*host].beside(kind, apart).is_none()) {
                    return true;
                }
                for host in 0..self.world.hosts.len() {
                    if !self.movers[number].picks[pick].all.contains(&host) {
                        continue;
                    }
                    let Some(beside) = rooms[host].beside(kind, apart) else { continue };
                    let mut rooms = rooms;
                    rooms[host] = beside;
                    if self.seen.insert(packed(fewer, rooms)) && self.wins(fewer, rooms) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

fn packed(left: Left, rooms: [Room; HOSTS_MAX]) -> (u64, u128) {
    let left = left.into_iter().fold(0, |packed, tasks| packed << 4 | u64::from(tasks));
    (left, rooms.into_iter().fold(0, |packed, room| packed << 24 | room.packed()))
}

/// ECS's choices for a task of a kind. A task that runs must be placed. For one that does not run,
/// a choice that no host could ever take is no harm that the removed hosts do.
fn picks(world: &World, removed: &[usize], kind: usize, apart: bool, runs: bool) -> Vec<Pick> {
    let providers = &world.kinds[kind].providers;
    let providers: Vec<_> =
        if providers.is_empty() { vec![None] } else { providers.iter().copied().map(Some).collect() };
    let of_provider = |provider: Option<usize>| {
        let hosts = 0..world.hosts.len();
        hosts.filter(move |host| provider.is_none_or(|group| world.hosts[*host].group == group))
    };
    let could = |provider| of_provider(provider).any(|host| world.fits_when_empty(host, kind));
    let providers = providers.into_iter().filter(|provider| runs || could(*provider));
    let pick = |provider: Option<usize>| {
        let hosts = of_provider(provider).filter(|host| world.may_take(*host, kind));
        let there = |host: &usize| world.hosts[*host].state == State::Active && !removed.contains(host);
        let all: Vec<_> = hosts.filter(there).collect();
        let own = all.iter().copied().filter(|host| world.takes(*host, kind)).collect();
        Pick { kind, own, all, apart }
    };
    providers.map(pick).collect()
}

/// Returns whether some host could take a task of a kind, were it empty.
fn can_be_placed(world: &World, kind: usize) -> bool {
    (0..world.hosts.len()).any(|host| world.fits_when_empty(host, kind))
}

/// The hosts of a group that Auto Scaling may pick.
pub(super) fn pickable(world: &World, group: usize) -> Vec<usize> {
    let hosts = world.hosts.iter().enumerate().filter(|(_, host)| {
        host.group == group && matches!(host.state, State::Active | State::Disconnected) && !host.protected
    });
    hosts.map(|(host, _)| host).collect()
}

/// Why hosts may not be removed together, where it is so.
pub(super) fn harm(world: &World, removed: &[usize]) -> Option<String> {
    if let Some(stays) = removed.iter().find_map(|host| world.hosts[*host].stays) {
        return Some(format!("{stays:?} stays: {removed:?}"));
    }
    Adversary::leaves_one_over(world, removed).then(|| format!("a task is left over without {removed:?}"))
}

pub(super) fn removable(decision: &Decision) -> Vec<usize> {
    decision.groups.iter().map(|it| usize::try_from(it.removable.hosts).unwrap()).collect()
}

/// Auto Scaling may pick any of the removable hosts, of all groups together, and none of its
/// choices does harm.
fn is_true(world: &World, removable: &[usize]) -> Result<(), String> {
    let pickable: Vec<_> = (0..world.groups.len()).map(|group| pickable(world, group)).collect();
    for (number, group) in world.groups.iter().enumerate() {
        let there = world.hosts.iter().filter(|it| it.group == number && it.state != State::Terminating);
        let most = there.count().saturating_sub(usize::try_from(group.minimum).unwrap());
        if removable[number] > most.min(pickable[number].len()) {
            return Err(format!("{} of group {number}", removable[number]));
        }
    }
    for choice in 1_usize..1 << world.hosts.len() {
        let removed: Vec<_> = (0..world.hosts.len()).filter(|host| choice & 1 << host != 0).collect();
        let of_group = |group: usize| removed.iter().filter(move |host| world.hosts[**host].group == group);
        let can_be_picked = (0..world.groups.len()).all(|group| {
            of_group(group).count() <= removable[group]
                && of_group(group).all(|host| pickable[group].contains(host))
        });
        if can_be_picked && let Some(harm) = harm(world, &removed) {
            return Err(harm);
        }
    }
    Ok(())
}

/// Runs a check on clusters that are drawn: the same ones each time.
pub(super) fn each_drawn(cases: u32, tape: usize, check: impl Fn(&mut Draws<'_>) -> Result<(), String>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config.clone(), TestRng::deterministic_rng(config.rng_algorithm));
    let ran = runner
        .run(&vec(any::<u8>(), tape), |tape| check(&mut Draws::new(&tape)).map_err(TestCaseError::fail));
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(aborted) => panic!("{aborted}"),
    }
}

#[test]
fn no_task_is_left_over_whichever_hosts_are_removed() {
    let (any, both, several) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let (one_can, seen) = (Cell::new(0), Cell::new(0));
    each_drawn(CASES, 160, |draws| {
        let world = World::drawn(draws, SMALL);
        let decision = world.cluster().decide();
        let removable = removable(&decision);
        is_true(&world, &removable).map_err(|why| format!("{why}\n{world:#?}\n{decision:#?}"))?;
        let count = |cell: &Cell<u32>, so: bool| cell.set(cell.get() + u32::from(so));
        count(&any, removable.iter().any(|hosts| *hosts > 0));
        count(&both, removable.iter().filter(|hosts| **hosts > 0).count() > 1);
        count(&several, removable.iter().any(|hosts| *hosts > 1));
        if let [removable] = removable.as_slice() {
            let pickable = pickable(&world, 0);
            let can = *removable > 0 || (!pickable.is_empty() && is_true(&world, &[1]).is_ok());
            count(&one_can, can);
            count(&seen, can && *removable > 0);
        }
        Ok(())
    });
    let share = f64::from(seen.get()) / f64::from(one_can.get());
    println!(
        "of {CASES} clusters {} can lose hosts, {} of two groups, {} more than one of a group; of {} with one group that \
         can lose any one host {:.1} % are seen to",
        any.get(),
        both.get(),
        several.get(),
        one_can.get(),
        100.0 * share
    );
    assert!(any.get() > CASES / 4 && both.get() > 100 && several.get() > 100 && one_can.get() > CASES / 8);
    assert!(share >= 0.9, "{share}");
}

#[test]
fn no_more_hosts_are_removable_where_tasks_were_not_read() {
    let (had, fewer) = (Cell::new(0), Cell::new(0));
    each_drawn(CASES / 4, 200, |draws| {
        let world = World::drawn(draws, SMALL);
        let mut cluster = world.cluster();
        let before = removable(&cluster.decide());
        // What another group keeps leaves room to this one: so it is its own hosts.
        let group = draws.below(world.groups.len());
        for (number, host) in world.hosts.iter().enumerate() {
            if host.group == group && draws.one_in(2) {
                let arn = cluster.host_mut(number).arn.clone();
                cluster.snapshot.tasks.remove(&arn);
            }
        }
        let after = removable(&cluster.decide());
        let count = |cell: &Cell<u32>, so: bool| cell.set(cell.get() + u32::from(so));
        count(&had, before[group] > 0);
        count(&fewer, after[group] < before[group]);
        if after[group] > before[group] {
            return Err(format!("{before:?} {after:?}\n{world:?}"));
        }
        Ok(())
    });
    assert!(had.get() > 1_000 && fewer.get() > 500, "{} {}", had.get(), fewer.get());
}
