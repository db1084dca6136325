//! Decisions that are carried out, round after round: hosts are added and removed, and tasks placed
//! on any host with room.

use std::cell::Cell;

use super::adversary::{each_drawn, pickable, removable};
use super::drawn::{Draws, Host, Scale, State, World};
use super::packer::{can_be_placed, missing};
use super::{Fleet, Headroom, Memory};

const CASES: u32 = 4_000;
const LARGER: Scale = Scale { hosts: (2, 10), tasks_a_host: 6, waiting: 4, alike: true };
/// As ECS places tasks anywhere, the hosts that may suffice are not always enough at once.
const ROUNDS_OF_GROWTH: u32 = 6;

impl World {
    /// Lets DRAINING hosts finish: their tasks wait.
    fn drain(&mut self) {
        let leaving: Vec<_> = (0..self.hosts.len()).filter(|host| self.hosts[*host].leaves()).collect();
        self.remove(&leaving);
    }

    pub(super) fn remove(&mut self, hosts: &[usize]) {
        for host in hosts.iter().rev() {
            let removed = self.hosts.remove(*host);
            for (kind, tasks) in self.kinds.iter_mut().zip(removed.tasks) {
                kind.waiting += tasks;
                if let Some(members) = &mut kind.members {
                    members.remove(*host);
                }
            }
        }
    }

    /// Adds a host like those that its group began with.
    fn add(&mut self, id: usize, group: usize, like: &Self) {
        let number = like.hosts.iter().position(|host| host.group == group).unwrap();
        let tasks = vec![0; self.kinds.len()];
        let Host { size, arm, .. } = like.hosts[number];
        let (state, protected, stays, fresh) = (State::Active, false, None, true);
        self.hosts.push(Host { id, group, size, arm, state, protected, stays, fresh, tasks });
        for (kind, like) in self.kinds.iter_mut().zip(&like.kinds) {
            if let (Some(members), Some(like)) = (&mut kind.members, &like.members) {
                members.push(like[number]);
            }
        }
    }

    /// Places waiting tasks, in any order, each on any host with room of the capacity provider that
    /// ECS picks.
    pub(super) fn place(&mut self, draws: &mut Draws<'_>) {
        let waiting = self.kinds.iter().enumerate();
        let mut waiting: Vec<_> = waiting.flat_map(|(kind, it)| (0..it.waiting).map(move |_| kind)).collect();
        while !waiting.is_empty() {
            let kind = waiting.swap_remove(draws.below(waiting.len()));
            let providers = &self.kinds[kind].providers;
            let provider = (!providers.is_empty()).then(|| draws.pick(providers));
            let hosts = (0..self.hosts.len()).filter(|host| {
                let it = &self.hosts[*host];
                it.state == State::Active
                    && provider.is_none_or(|group| it.group == group)
                    && self.takes(*host, kind)
                    && self.room(*host).beside(&self.kinds[kind], true).is_some()
            });
            let hosts: Vec<_> = hosts.collect();
            if !hosts.is_empty() {
                let host = draws.pick(&hosts);
                self.hosts[host].tasks[kind] += 1;
                self.hosts[host].fresh = false;
                self.kinds[kind].waiting -= 1;
            }
        }
    }

    /// Returns whether a task waits, or is on a host that leaves, and some host could take it, were
    /// it empty.
    fn waits(&self, first: &Self) -> bool {
        let leaves = |kind: usize| self.hosts.iter().any(|host| host.leaves() && host.tasks[kind] > 0);
        let waits = |kind: usize| self.kinds[kind].waiting > 0 || leaves(kind);
        (0..self.kinds.len()).any(|kind| waits(kind) && can_be_placed(first, kind))
    }

    /// Returns whether one more task of each kind has room, each separately.
    fn has_room_for_one_more(&self, first: &Self) -> bool {
        let has_room = |kind: usize| {
            (0..self.hosts.len()).any(|host| {
                let takes_tasks = matches!(self.hosts[host].state, State::Active | State::Disconnected);
                takes_tasks
                    && self.takes(host, kind)
                    && self.room(host).beside(&self.kinds[kind], false).is_some()
            })
        };
        let wanted = |kind: &usize| self.desired(*kind) > 0 && can_be_placed(first, *kind);
        (0..self.kinds.len()).filter(wanted).all(has_room)
    }

    fn decide(&self, memory: &mut Memory) -> (Vec<u64>, Vec<usize>) {
        let cluster = self.cluster();
        memory.observe(&cluster.snapshot);
        let decision = Fleet::new(&cluster.snapshot, memory, self.headroom).decide();
        (missing(&decision), removable(&decision))
    }
}

fn drawn(draws: &mut Draws<'_>) -> World {
    let mut world = World::drawn(draws, LARGER);
    for (number, kind) in world.kinds.iter_mut().enumerate() {
        // Amid a deployment each task that moves changes what the deployments want.
        kind.service = number;
    }
    world
}

/// A cluster whose decisions are carried out.
struct Play {
    world: World,
    /// As it was drawn: what its groups' hosts are like.
    first: World,
    launched: usize,
    memory: Memory,
}

impl Play {
    /// Carries decisions out until there are no more; in how many rounds hosts were added, and
    /// removed.
    fn settle(&mut self, draws: &mut Draws<'_>) -> Result<(u32, u32), String> {
        let Self { world, first, launched, memory } = self;
        let (mut grown, mut shrunk) = (0, 0);
        let most = u32::try_from(world.hosts.len()).unwrap() + ROUNDS_OF_GROWTH;
        loop {
            let (missing, removable) = world.decide(memory);
            let failed = |why: &str| Err(format!("{why}: {missing:?} {removable:?}\n{world:?}"));
            if missing.iter().zip(&removable).any(|(missing, removable)| *missing > 0 && *removable > 0) {
                return failed("a group is missing hosts and can lose some");
            }
            let (are_missing, can_shrink) =
                (missing.iter().any(|it| *it > 0), removable.iter().any(|it| *it > 0));
            if !are_missing && !can_shrink {
                return Ok((grown, shrunk));
            }
            if are_missing && shrunk > 0 {
                return failed("hosts are missing after some were removed");
            }
            if are_missing
                && !world.waits(first)
                && world.headroom == Headroom::One
                && world.has_room_for_one_more(first)
            {
                return failed("hosts are missing though no task waits and each kind has room for one more");
            }
            if are_missing && !world.waits(first) && world.headroom == Headroom::None {
                return failed("hosts are missing though no task waits");
            }
            grown += u32::from(are_missing);
            shrunk += u32::from(can_shrink);
            if grown > ROUNDS_OF_GROWTH || grown + shrunk > most {
                return failed("no end");
            }
            let before = format!("{world:?}");
            for (group, hosts) in missing.iter().enumerate() {
                for _ in 0..*hosts {
                    world.add(*launched, group, first);
                    *launched += 1;
                }
            }
            let mut removed = Vec::new();
            for (group, hosts) in removable.iter().enumerate() {
                let mut pickable = pickable(world, group);
                let picked = (0..*hosts).map(|_| pickable.swap_remove(draws.below(pickable.len())));
                removed.extend(picked);
            }
            removed.sort_unstable();
            world.remove(&removed);
            world.drain();
            world.place(draws);
            if can_shrink && world.waits(first) {
                return Err(format!("a task waits without {removed:?}: {removable:?}\n{before}\n{world:?}"));
            }
        }
    }
}

#[test]
fn decisions_that_are_carried_out_settle_and_do_not_fight() {
    let (growth, both, rounds) = (Cell::new(0), Cell::new(0), Cell::new(0));
    each_drawn(CASES, 1_000, |draws| {
        let world = drawn(draws);
        let launched = world.hosts.len();
        let mut play = Play { first: world.clone(), world, launched, memory: Memory::default() };
        for phase in 0..4 {
            let (grown, shrunk) = play.settle(draws)?;
            growth.set(growth.get().max(grown));
            rounds.set(rounds.get().max(grown + shrunk));
            both.set(both.get() + u32::from(grown > 0 && shrunk > 0));
            // Some services want fewer tasks, then others more.
            let kind = draws.below(play.world.kinds.len());
            if phase % 2 == 0 {
                play.world.hosts.iter_mut().for_each(|host| host.tasks[kind] = 0);
                play.world.kinds[kind].waiting = 0;
            } else {
                play.world.kinds[kind].waiting += draws.between(1, 6);
            }
        }
        Ok(())
    });
    println!(
        "of {CASES} clusters, each four times out of balance, {} grew and shrank at once; at most {} rounds of growth, {} \
         in all",
        both.get(),
        growth.get(),
        rounds.get()
    );
    assert!(both.get() > 10, "{}", both.get());
}
