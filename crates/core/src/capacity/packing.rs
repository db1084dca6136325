//! An exhaustive packer: whether tasks find places at all, whichever of all ways to place them is tried. For a handful of
//! small hosts, and on purpose without a slot, a sum or a division.

use std::collections::BTreeSet;

use crate::container_instance::{ContainerInstance, Port};
use crate::network_interfaces::task_network_interfaces;
use crate::task_needs::TaskNeeds;

fn fits_on(task: &TaskNeeds, host: &ContainerInstance) -> bool {
    let free = |needed: &BTreeSet<Port>, taken: [&BTreeSet<Port>; 2]| {
        taken.iter().all(|taken| taken.is_disjoint(needed))
    };
    let held = host.network_interfaces.unwrap_or(host.running_tasks + host.pending_tasks);
    task.cpu <= host.remaining.cpu
        && task.memory <= host.remaining.memory
        && free(&task.tcp_ports, [&host.remaining.tcp_ports_taken, &host.registered.tcp_ports_taken])
        && free(&task.udp_ports, [&host.remaining.udp_ports_taken, &host.registered.udp_ports_taken])
        && (!task.network_interface || task_network_interfaces(host).is_some_and(|limit| held < limit))
        && task.gpus <= host.remaining.gpus
}

/// A host on which the task runs, too; none where it does not fit.
pub(super) fn placed(mut host: ContainerInstance, task: &TaskNeeds) -> Option<ContainerInstance> {
    if !fits_on(task, &host) {
        return None;
    }
    host.remaining.cpu.0 -= task.cpu.0;
    host.remaining.memory.0 -= task.memory.0;
    host.remaining.tcp_ports_taken.extend(&task.tcp_ports);
    host.remaining.udp_ports_taken.extend(&task.udp_ports);
    host.remaining.gpus -= task.gpus;
    if let Some(held) = &mut host.network_interfaces {
        *held += u32::from(task.network_interface);
    }
    host.running_tasks += 1;
    Some(host)
}

/// Whether all of the tasks find places.
pub(super) fn fit(tasks: &[TaskNeeds], hosts: &[ContainerInstance]) -> bool {
    let Some((task, others)) = tasks.split_first() else { return true };
    (0..hosts.len()).any(|on| {
        let Some(host) = placed(hosts[on].clone(), task) else { return false };
        let mut hosts = hosts.to_vec();
        hosts[on] = host;
        fit(others, &hosts)
    })
}

/// A host and what runs on it.
pub(super) type Busy = (ContainerInstance, Vec<TaskNeeds>);

/// Whether any `count` of the hosts can go: what ran on them, and `more`, find places on those that stay.
pub(super) fn any_can_go(count: usize, hosts: &[Busy], more: &[TaskNeeds]) -> bool {
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
