//! An exhaustive packer: whether tasks find places at all, whichever of all ways to place them is tried. For a handful of
//! small hosts, and on purpose without a slot, a sum or a division.

use std::collections::BTreeSet;

use super::worst_case::WorstCase;
use crate::container_instance::{ContainerInstance, Port};

/// What a task needs of its host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Needs {
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) tcp: BTreeSet<Port>,
    pub(super) udp: BTreeSet<Port>,
}

impl Needs {
    pub(super) fn of(worst: &WorstCase) -> Self {
        Self {
            cpu: worst.cpu().0,
            memory: worst.memory().0,
            tcp: worst.tcp_ports().clone(),
            udp: worst.udp_ports().clone(),
        }
    }

    fn fits_on(&self, host: &ContainerInstance) -> bool {
        let free = |needed: &BTreeSet<Port>, taken: [&BTreeSet<Port>; 2]| {
            taken.iter().all(|taken| taken.is_disjoint(needed))
        };
        self.cpu <= host.remaining.cpu.0
            && self.memory <= host.remaining.memory.0
            && free(&self.tcp, [&host.remaining.tcp_ports_taken, &host.registered.tcp_ports_taken])
            && free(&self.udp, [&host.remaining.udp_ports_taken, &host.registered.udp_ports_taken])
    }
}

/// A host on which the task runs, too; none where it does not fit.
pub(super) fn placed(mut host: ContainerInstance, task: &Needs) -> Option<ContainerInstance> {
    if !task.fits_on(&host) {
        return None;
    }
    host.remaining.cpu.0 -= task.cpu;
    host.remaining.memory.0 -= task.memory;
    host.remaining.tcp_ports_taken.extend(&task.tcp);
    host.remaining.udp_ports_taken.extend(&task.udp);
    host.running_tasks += 1;
    Some(host)
}

/// Whether all of the tasks find places.
pub(super) fn fit(tasks: &[Needs], hosts: &[ContainerInstance]) -> bool {
    let Some((task, others)) = tasks.split_first() else { return true };
    (0..hosts.len()).any(|on| {
        let Some(host) = placed(hosts[on].clone(), task) else { return false };
        let mut hosts = hosts.to_vec();
        hosts[on] = host;
        fit(others, &hosts)
    })
}

/// A host and what runs on it.
pub(super) type Busy = (ContainerInstance, Vec<Needs>);

/// Whether any `count` of the hosts can go: what ran on them and `more` find places on those that stay.
pub(super) fn any_can_go(count: usize, hosts: &[Busy], more: &[Needs]) -> bool {
    ways_to_pick(hosts.len(), count).into_iter().all(|gone| {
        let going = |number: &usize| gone.contains(number);
        let moved = (0..hosts.len()).filter(going).flat_map(|number| hosts[number].1.clone());
        let tasks: Vec<_> = moved.chain(more.iter().cloned()).collect();
        let stay = (0..hosts.len()).filter(|number| !going(number));
        fit(&tasks, &stay.map(|number| hosts[number].0.clone()).collect::<Vec<_>>())
    })
}

fn ways_to_pick(of: usize, count: usize) -> Vec<BTreeSet<usize>> {
    let mut ways = vec![BTreeSet::new()];
    for _ in 0..count {
        let one_more = |way: &BTreeSet<usize>| {
            let way = way.clone();
            (way.last().map_or(0, |last| last + 1)..of).map(move |next| {
                let mut more = way.clone();
                more.insert(next);
                more
            })
        };
        ways = ways.iter().flat_map(one_more).collect();
    }
    ways
}
