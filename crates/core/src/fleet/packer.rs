//! Missing hosts against the best packing there is, which is searched for among all.

use std::cell::Cell;

use super::adversary::each_drawn;
use super::drawn::{Draws, Room, Scale, State, World};
use super::{Decision, Headroom};

const CASES: u32 = 20_000;
const SMALL: Scale = Scale { hosts: (1, 3), tasks_a_host: 3, waiting: 4, alike: true };
/// The most tasks that the search takes.
const TASKS_MAX: usize = 9;

/// A task to place: its kind, and whether `distinctInstance` is asked.
type Task = (usize, bool);

/// A host that is there, or one to add, and what is left on it.
#[derive(Debug, Clone, Copy)]
struct Bin {
    /// The host that it is, or is like.
    like: usize,
    is_new: bool,
    room: Room,
}

/// What must have room before any headroom of one more task: the waiting tasks, those of hosts that
/// leave, and a share.
fn to_place(world: &World) -> Vec<Task> {
    let leaves = |host: usize| world.hosts[host].leaves();
    let kinds = (0..world.kinds.len()).filter(|kind| can_be_placed(world, *kind));
    let tasks = kinds.flat_map(|kind| {
        let leave = (0..world.hosts.len()).filter(|host| leaves(*host));
        let leave: u64 = leave.map(|host| world.hosts[host].tasks[kind]).sum();
        let of_kind = |apart: bool, tasks: u64| (0..tasks).map(move |_| (kind, apart));
        of_kind(true, world.kinds[kind].waiting + leave).chain(of_kind(false, world.share(kind)))
    });
    tasks.collect()
}

/// The kinds that need room for one more task, each on its own.
fn one_more(world: &World) -> Vec<usize> {
    let kinds = 0..world.kinds.len();
    let kinds = kinds.filter(|kind| world.desired(*kind) > 0 && can_be_placed(world, *kind));
    kinds.filter(|_| world.headroom == Headroom::One).collect()
}

pub(super) fn can_be_placed(world: &World, kind: usize) -> bool {
    (0..world.hosts.len()).any(|host| world.fits_when_empty(host, kind))
}

/// Returns whether some packing of the tasks onto the hosts, with this many more of each group,
/// leaves the headroom. That is room for one more task of each kind, each separately: there, or on
/// an empty host of the groups `spare`.
fn has_packing(world: &World, more: &[u64], spare: &[bool]) -> bool {
    let there = world.hosts.iter().enumerate();
    let there = there.filter(|(_, host)| matches!(host.state, State::Active | State::Disconnected));
    let mut bins: Vec<_> =
        there.map(|(host, _)| Bin { like: host, is_new: false, room: world.room(host) }).collect();
    // A group's hosts are alike.
    let like = |group: usize| world.hosts.iter().position(|host| host.group == group).unwrap();
    for (number, (group, more)) in world.groups.iter().zip(more).enumerate() {
        let bin = Bin { like: like(number), is_new: true, room: world.empty(like(number)) };
        bins.extend((0..group.coming + more).map(|_| bin));
    }
    let spare = (0..spare.len()).filter(|group| spare[*group]).map(like);
    let spare: Vec<_> = spare.map(|host| Bin { like: host, is_new: true, room: world.empty(host) }).collect();
    let mut tasks = to_place(world);
    let size = |(kind, _): &Task| world.kinds[*kind].needs;
    tasks.sort_by_key(|task| (std::cmp::Reverse(size(task)), *task));
    let one_more = one_more(world);
    let has_headroom = |bins: &[Bin]| {
        let takes = |kind: usize, bin: &Bin| bin.beside(world, (kind, false)).is_some();
        one_more.iter().all(|kind| bins.iter().chain(&spare).any(|bin| takes(*kind, bin)))
    };
    have_room(world, &mut bins, &tasks, 0, &has_headroom)
}

/// The same for the tasks that are left; one like the last task goes on no earlier a host than
/// that.
fn have_room(
    world: &World,
    bins: &mut [Bin],
    tasks: &[Task],
    first: usize,
    has_headroom: &impl Fn(&[Bin]) -> bool,
) -> bool {
    let Some((task, others)) = tasks.split_first() else { return has_headroom(bins) };
    let mut tried: Vec<(usize, Room)> = Vec::new();
    for number in first..bins.len() {
        let bin = bins[number];
        let Some(room) = bin.beside(world, *task) else { continue };
        // Of hosts to add that are alike, one stands for all.
        if bin.is_new && tried.contains(&(bin.like, bin.room)) {
            continue;
        }
        tried.extend(bin.is_new.then_some((bin.like, bin.room)));
        bins[number].room = room;
        let next = if others.first() == Some(task) { number } else { 0 };
        if have_room(world, bins, others, next, has_headroom) {
            return true;
        }
        bins[number] = bin;
    }
    false
}

impl Bin {
    fn beside(&self, world: &World, (kind, apart): Task) -> Option<Room> {
        self.room.beside(&world.kinds[kind], apart).filter(|_| world.takes(self.like, kind))
    }
}

/// Returns whether this many more hosts of each group are enough. One of each may be the headroom
/// alone.
fn is_enough(world: &World, more: &[u64]) -> bool {
    (0_usize..1 << more.len()).any(|choice| {
        let spare: Vec<_> = (0..more.len()).map(|group| choice & 1 << group != 0).collect();
        let packed = more.iter().zip(&spare).map(|(more, spare)| more.checked_sub(u64::from(*spare)));
        let packed: Option<Vec<_>> = packed.collect();
        packed.is_some_and(|packed| has_packing(world, &packed, &spare))
    })
}

pub(super) fn missing(decision: &Decision) -> Vec<u64> {
    decision.groups.iter().map(|it| it.missing.units.unwrap()).collect()
}

fn drawn(draws: &mut Draws<'_>) -> World {
    let mut world = World::drawn(draws, SMALL);
    if draws.one_in(2) {
        let largest = |of: usize| world.hosts.iter().map(|host| host.size[of]).max().unwrap();
        let size = [largest(0), largest(1), largest(2)];
        world.hosts.iter_mut().for_each(|host| host.size = size);
    }
    for group in &mut world.groups {
        group.coming = u64::from(draws.one_in(6));
    }
    for (number, kind) in world.kinds.iter_mut().enumerate() {
        // Amid a deployment it is not known what replaces a task: more hosts than the fewest are
        // right.
        kind.service = number;
        kind.waiting += draws.between(0, 2);
    }
    while to_place(&world).len() > TASKS_MAX {
        let kind = world.kinds.iter_mut().max_by_key(|kind| kind.waiting).unwrap();
        if kind.waiting == 0 {
            break;
        }
        kind.waiting -= 1;
    }
    world
}

#[test]
fn the_missing_hosts_are_enough_and_hardly_more_than_the_fewest() {
    let (some, exact) = (Cell::new(0), Cell::new(0));
    each_drawn(CASES, 160, |draws| {
        let world = drawn(draws);
        let decision = world.cluster().decide();
        let missing = missing(&decision);
        if to_place(&world).len() > TASKS_MAX {
            return Ok(());
        }
        let case = || format!("{missing:?}\n{world:?}\n{decision:?}");
        if !is_enough(&world, &missing) {
            return Err(format!("too few hosts: {}", case()));
        }
        // Where one group's hosts are smaller, and it is preferred, more of them are right.
        let is_one_size = world.hosts.iter().all(|host| host.size == world.hosts[0].size);
        let mut is_fewest = is_one_size;
        for group in 0..missing.len() {
            let fewer_by = |hosts: u64| {
                let mut fewer = missing.clone();
                fewer[group] = fewer[group].checked_sub(hosts)?;
                Some(fewer)
            };
            if is_one_size && fewer_by(2).is_some_and(|fewer| is_enough(&world, &fewer)) {
                return Err(format!("too many hosts of group {group}: {}", case()));
            }
            is_fewest &= !fewer_by(1).is_some_and(|fewer| is_enough(&world, &fewer));
        }
        let count = |cell: &Cell<u32>, so: bool| cell.set(cell.get() + u32::from(so));
        count(&some, is_one_size && missing.iter().any(|hosts| *hosts > 0));
        count(&exact, is_fewest && missing.iter().any(|hosts| *hosts > 0));
        Ok(())
    });
    let share = f64::from(exact.get()) / f64::from(some.get());
    println!("of {CASES} clusters {} miss hosts, {:.2} % of these the fewest", some.get(), 100.0 * share);
    assert!(some.get() > CASES / 4, "{}", some.get());
    assert!(share >= 0.98, "{share}");
}
