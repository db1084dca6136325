//! The blocking certificate: whether tasks that must move are all placed, in any order and wherever
//! ECS places them.
//!
//! One of the tasks that must move can be left over only if others of them block every host that it
//! may be on. Those others block a host once they leave too little of some resource there. `k` is
//! the fewest of them that can. Where the sum of `k` over the hosts is more than the number of
//! others, they cannot block all hosts.
//!
//! It is a proof for each task, whatever order and hosts ECS picks. ECS's strategies are best
//! effort, and its constraints bind (developer guide, "How Amazon ECS places tasks on container
//! instances").

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::Fleet;
use super::amounts::{Amounts, RESOURCES, count};
use super::hosts::Host;
use super::task_kind::TaskKind;

/// Tasks that must move, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moving(BTreeMap<usize, u64>);

impl Moving {
    pub(super) fn add(&mut self, kind: usize, tasks: u64) {
        if tasks > 0 {
            *self.0.entry(kind).or_default() += tasks;
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (kind, tasks) in &other.0 {
            self.add(*kind, *tasks);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().map(|(kind, tasks)| (*kind, *tasks))
    }
}

/// Hosts that tasks may move to, and of which group how many are left out, whichever they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooms {
    /// The hosts that are removed.
    pub(super) without: FixedBitSet,
    /// The number of hosts that each group loses.
    pub(super) fewer: Vec<u64>,
}

/// A task that must be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// One more of a kind, after all others.
    OneMore(usize),
    /// One of those of a kind that move.
    Moving(usize),
}

impl Asked {
    pub(super) fn kind(self) -> usize {
        match self {
            Self::OneMore(kind) | Self::Moving(kind) => kind,
        }
    }

    /// All tasks of `moving`, and one more of any one of the kinds `one_more`: that of them which
    /// is doubtful first.
    pub(super) fn all<'a>(
        moving: &'a Moving,
        one_more: &'a [usize],
        doubtful: Option<Self>,
    ) -> impl Iterator<Item = Self> + 'a {
        let doubtful = doubtful.filter(|asked| match asked {
            Self::OneMore(kind) => one_more.contains(kind),
            Self::Moving(kind) => moving.0.contains_key(kind),
        });
        let one_more = one_more.iter().copied().map(Self::OneMore);
        let all = one_more.chain(moving.iter().map(|(kind, _)| Self::Moving(kind)));
        doubtful.into_iter().chain(all.filter(move |asked| Some(*asked) != doubtful))
    }
}

/// Returns whether all of `moving`, and one more task of any one of the kinds `one_more`, are
/// placed. The one that was left over before is asked first, and `doubtful` takes the one that is
/// left over now.
pub(super) fn all_are_placed(
    fleet: &Fleet<'_>,
    rooms: &Rooms,
    moving: &Moving,
    one_more: &[usize],
    doubtful: &mut Option<Asked>,
) -> bool {
    let certificate = Certificate::new(fleet, rooms, moving);
    let left_over = Asked::all(moving, one_more, *doubtful).find(|it| !certificate.places(*it, one_more));
    *doubtful = left_over.or(*doubtful);
    left_over.is_none()
}

/// The hosts whose room the proof for all of `moving` relies on, and perhaps some more; none where
/// there is no proof.
pub(super) fn hosts_of_proof(
    fleet: &Fleet<'_>,
    rooms: &Rooms,
    moving: &Moving,
    one_more: &[usize],
) -> Option<FixedBitSet> {
    let relied_on = RefCell::new(FixedBitSet::with_capacity(fleet.hosts.len()));
    let certificate = Certificate { relied_on: Some(&relied_on), ..Certificate::new(fleet, rooms, moving) };
    let proven = Asked::all(moving, one_more, None).all(|asked| certificate.places(asked, one_more));
    proven.then(|| relied_on.take())
}

pub(super) struct Certificate<'a> {
    fleet: &'a Fleet<'a>,
    rooms: &'a Rooms,
    moving: &'a Moving,
    /// For each resource the kinds that need it, those that need most first.
    by_need: [Vec<(u64, usize, u64)>; RESOURCES],
    /// Keeps the hosts whose room is counted.
    relied_on: Option<&'a RefCell<FixedBitSet>>,
}

/// A task that stands for one of several kinds.
struct AnyOf {
    needs: Amounts,
    shares_port: bool,
}

impl<'a> Certificate<'a> {
    pub(super) fn new(fleet: &'a Fleet<'a>, rooms: &'a Rooms, moving: &'a Moving) -> Self {
        let mut by_need: [Vec<(u64, usize, u64)>; RESOURCES] = Default::default();
        for (kind, tasks) in moving.iter() {
            let Some(it) = fleet.kinds.all.get(kind) else { continue };
            for (needing, needed) in by_need.iter_mut().zip(it.needs.0) {
                if needed > 0 {
                    needing.push((needed, kind, tasks));
                }
            }
        }
        for needing in &mut by_need {
            needing.sort_by_key(|(needed, ..)| Reverse(*needed));
        }
        Self { fleet, rooms, moving, by_need, relied_on: None }
    }

    /// Returns whether a task is placed, where one more task of any one of the kinds `one_more` may
    /// be placed before.
    pub(super) fn places(&self, asked: Asked, one_more: &[usize]) -> bool {
        let kind = match asked {
            Asked::OneMore(kind) => return self.is_placed(kind, None, false),
            Asked::Moving(kind) => kind,
        };
        // One more task that is the largest of its kinds in each resource stands for each of them.
        let Some(any) = self.any_of(kind, one_more) else { return self.is_placed(kind, None, true) };
        self.is_placed(kind, Some(&any), true) || {
            one_more.iter().all(|more| {
                let mut with = self.moving.clone();
                with.add(*more, 1);
                let certificate = Certificate::new(self.fleet, self.rooms, &with);
                Certificate { relied_on: self.relied_on, ..certificate }.is_placed(kind, None, true)
            })
        }
    }

    /// The largest needs among kinds that may take room from `kind`.
    fn any_of(&self, kind: usize, kinds: &[usize]) -> Option<AnyOf> {
        let it = self.fleet.kinds.all.get(kind)?;
        let blocking = kinds.iter().filter(|other| self.fleet.may_block(**other, kind));
        let blocking = blocking.filter_map(|other| self.fleet.kinds.all.get(*other));
        blocking.fold(None, |any: Option<AnyOf>, other| {
            let any = any.unwrap_or(AnyOf { needs: Amounts::default(), shares_port: false });
            Some(AnyOf {
                needs: any.needs.at_least(&other.needs),
                shares_port: any.shares_port || it.shares_port(other),
            })
        })
    }

    /// Returns whether a task of a kind is placed, after all others. It is one of those that move,
    /// or one more.
    fn is_placed(&self, kind: usize, any: Option<&AnyOf>, moves: bool) -> bool {
        let Some(it) = self.fleet.kinds.all.get(kind) else { return false };
        if it.domains.is_empty() {
            return false;
        }
        (0..it.domains.len()).all(|domain| {
            self.by_count(kind, it, domain, any, moves) || self.by_share(kind, it, domain, any, moves)
        })
    }

    /// The other tasks that may be on the hosts of a kind.
    fn others(&self, kind: usize, moves: bool) -> impl Iterator<Item = (usize, u64)> {
        let blocking = self.moving.iter().filter(move |(other, _)| self.fleet.may_block(*other, kind));
        blocking.map(move |(other, tasks)| (other, if moves && other == kind { tasks - 1 } else { tasks }))
    }

    /// The hosts with room for a task.
    fn hosts(&self, kind: usize, domain: usize, apart: bool) -> impl Iterator<Item = (usize, &Host<'_>)> {
        let rooms = self.fleet.rooms_of.get(kind).and_then(|domains| domains.get(domain));
        let rooms = rooms.map(Vec::as_slice).unwrap_or_default().iter();
        let rooms =
            rooms.filter(move |room| !self.rooms.without.contains(room.host) && (!apart || room.apart));
        let rooms = rooms.filter_map(|room| Some((room.host, self.fleet.hosts.get(room.host)?)));
        rooms.inspect(|(host, _)| {
            if let Some(relied_on) = self.relied_on {
                relied_on.borrow_mut().insert(*host);
            }
        })
    }

    /// Returns whether fewer tasks move than it takes to block all hosts.
    fn by_count(&self, kind: usize, it: &TaskKind, domain: usize, any: Option<&AnyOf>, moves: bool) -> bool {
        let others = self.others(kind, moves).map(|(_, tasks)| tasks).sum::<u64>() + u64::from(any.is_some());
        // A task that is room for what might come is not kept apart from the others of its service.
        let apart = it.distinct && moves;
        let meeting = self.meeting(kind, it, moves);
        let mut sum = Sum::of(self.rooms);
        self.hosts(kind, domain, apart).any(|(host, room)| {
            let at_once = any.is_some_and(|any| any.shares_port)
                || meeting.iter().any(|it| it.may_block.contains(host));
            let fewest = || self.fewest_that_block(kind, host, &it.needs, &room.free, any, moves);
            sum.add(room.group, if at_once { 1 } else { fewest().unwrap_or(others + 1) });
            sum.value() > others
        })
    }

    /// The kinds of other tasks that keep a task of `kind` from a host by being there: those that
    /// share a static port, and with `distinctInstance` those of its service.
    fn meeting(&self, kind: usize, it: &TaskKind, moves: bool) -> Vec<&'a TaskKind> {
        let others = self.others(kind, moves).filter(|(_, tasks)| *tasks > 0);
        let others = others.filter_map(|(other, _)| self.fleet.kinds.all.get(other));
        let apart = it.distinct && moves;
        others.filter(|other| it.shares_port(other) || (apart && it.service == other.service)).collect()
    }

    /// The fewest other tasks that leave too little of some resource on a host; none where all of
    /// them do not.
    fn fewest_that_block(
        &self,
        kind: usize,
        host: usize,
        needs: &Amounts,
        free: &Amounts,
        any: Option<&AnyOf>,
        moves: bool,
    ) -> Option<u64> {
        let resources = self.by_need.iter().enumerate().zip(needs.0.iter().zip(free.0));
        let resources = resources.filter(|(_, (needed, _))| **needed > 0);
        let of_each = resources.filter_map(|((resource, needing), (needed, free))| {
            let too_much = free - needed + 1;
            let without = self.fewest_of(kind, host, needing, too_much, moves);
            let any = any.and_then(|any| any.needs.0.get(resource)).filter(|any| **any > 0);
            let with = any.and_then(|any| {
                let left = too_much.saturating_sub(*any);
                Some(self.fewest_of(kind, host, needing, left, moves)? + 1)
            });
            without.into_iter().chain(with).min()
        });
        of_each.min()
    }

    /// The fewest other tasks that together need so much: those that need most, first.
    fn fewest_of(
        &self,
        kind: usize,
        host: usize,
        needing: &[(u64, usize, u64)],
        mut left: u64,
        moves: bool,
    ) -> Option<u64> {
        let mut tasks = 0;
        for (each, other, there) in needing {
            if left == 0 {
                break;
            }
            let there = if moves && *other == kind { there - 1 } else { *there };
            let may_block = || self.fleet.kinds.all.get(*other).is_some_and(|it| it.may_block.contains(host));
            if there > 0 && may_block() {
                let enough = left.div_ceil(*each).min(there);
                left = left.saturating_sub(each.saturating_mul(enough));
                tasks += enough;
            }
        }
        (left == 0).then_some(tasks)
    }

    /// The same for tasks of mixed sizes. Each task weighs the largest share that it has of some
    /// resource, on a scale. Each host takes the weight that blocks it, of the resource that is
    /// scarcest there.
    fn by_share(&self, kind: usize, it: &TaskKind, domain: usize, any: Option<&AnyOf>, moves: bool) -> bool {
        let apart = it.distinct && moves;
        if any.is_some_and(|any| any.shares_port) || !self.meeting(kind, it, moves).is_empty() {
            return false;
        }
        let others = self.others(kind, moves).filter(|(_, tasks)| *tasks > 0);
        let of = |kind: usize| self.fleet.kinds.all.get(kind);
        let needs = |(other, tasks): (usize, u64)| Some((of(other)?.needs, tasks));
        let mut blocking: Vec<(Amounts, u64)> = others.filter_map(needs).collect();
        blocking.extend(any.map(|any| (any.needs, 1)));
        let sum = blocking.iter().fold(Amounts::default(), |sum, (needs, tasks)| {
            sum.plus(&Amounts(needs.0.map(|need| need.saturating_mul(*tasks))))
        });
        let largest = blocking.iter().fold(Amounts::default(), |most, (needs, _)| most.at_least(needs));
        [sum, self.fleet.largest, largest, it.needs].iter().any(|scale| {
            let share = |amount: u64, resource: usize| {
                let whole = scale.0.get(resource).copied().unwrap_or(0).max(1);
                float(amount) / float(whole)
            };
            let used = || it.needs.0.iter().enumerate().filter(|(_, needed)| **needed > 0);
            let weight = |needs: &Amounts| {
                let shares =
                    used().map(|(resource, _)| share(needs.0.get(resource).copied().unwrap_or(0), resource));
                shares.fold(0.0, f64::max)
            };
            let needed: f64 = blocking.iter().map(|(needs, tasks)| weight(needs) * float(*tasks)).sum();
            let mut sum = Sum::of(self.rooms);
            self.hosts(kind, domain, apart).any(|(_, room)| {
                let blocked = used().map(|(resource, needed)| {
                    let free = room.free.0.get(resource).copied().unwrap_or(0);
                    share(free - needed + 1, resource)
                });
                sum.add(room.group, blocked.fold(f64::INFINITY, f64::min));
                // More by what rounding could hide.
                sum.value() > needed * (1.0 + 1e-9) + 1e-9
            })
        })
    }
}

/// A sum over hosts without the largest terms of the groups that lose hosts, whichever they lose.
struct Sum<'a, Term> {
    rooms: &'a Rooms,
    total: Term,
    largest: BTreeMap<usize, Vec<Term>>,
    left_out: Term,
}

trait Addend: Copy + PartialOrd + Default {
    fn plus(self, other: Self) -> Self;
    fn less(self, other: Self) -> Self;
}

impl Addend for u64 {
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    fn less(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Addend for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn less(self, other: Self) -> Self {
        self - other
    }
}

impl<'a, Term: Addend> Sum<'a, Term> {
    fn of(rooms: &'a Rooms) -> Self {
        Self { rooms, total: Term::default(), largest: BTreeMap::new(), left_out: Term::default() }
    }

    /// Adds a host's term. The value never goes down: a term adds to what is left out no more than
    /// to the total.
    fn add(&mut self, group: Option<usize>, term: Term) {
        self.total = self.total.plus(term);
        let Some(group) = group else { return };
        let fewer = self.rooms.fewer.get(group).copied().unwrap_or(0);
        if fewer == 0 {
            return;
        }
        let largest = self.largest.entry(group).or_default();
        let at = largest.partition_point(|other| *other >= term);
        largest.insert(at, term);
        self.left_out = self.left_out.plus(term);
        if count(largest.len()) > fewer
            && let Some(least) = largest.pop()
        {
            self.left_out = self.left_out.less(least);
        }
    }

    fn value(&self) -> Term {
        self.total.less(self.left_out)
    }
}

/// Amounts of resources are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "below 2^53")]
fn float(amount: u64) -> f64 {
    amount as f64
}
