//! What holds for every small cluster: a place that is promised is there.
//!
//! The oracle tries every assignment of tasks to instances.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::fixture::{instance, leaving, task};
use super::{Preflight, Verdict};
use crate::container_instance::{ContainerInstance, Port};
use crate::task::{Task, TaskArn};

/// The most of `tasks` that fit on `instances` together: each is left out or put on any instance.
fn most_placed(tasks: &[Task], instances: &[ContainerInstance]) -> usize {
    let ways = instances.len() + 1;
    let assignments = (0..tasks.len()).fold(1, |count, _| count * ways);
    let chosen = |assignment: usize| {
        let digits = (0..tasks.len()).scan(assignment, move |rest, _| {
            let digit = *rest % ways;
            *rest /= ways;
            Some(digit)
        });
        digits.collect::<Vec<_>>()
    };
    (0..assignments)
        .map(chosen)
        .filter(|chosen| {
            instances.iter().enumerate().all(|(number, instance)| {
                let there = tasks.iter().zip(chosen).filter(|(_, at)| **at == number).map(|(task, _)| task);
                hold(instance, &there.collect::<Vec<_>>())
            })
        })
        .map(|chosen| chosen.iter().filter(|at| **at < instances.len()).count())
        .max()
        .unwrap()
}

/// Returns whether the instance can hold all of these at once.
fn hold(instance: &ContainerInstance, tasks: &[&Task]) -> bool {
    let (free, own) = (&instance.remaining, &instance.registered);
    let none_twice = |ports: fn(&Task) -> &BTreeSet<Port>, taken: [&BTreeSet<Port>; 2]| {
        let wanted: Vec<_> = tasks.iter().flat_map(|task| ports(task)).collect();
        let distinct: BTreeSet<_> = wanted.iter().collect();
        distinct.len() == wanted.len() && wanted.iter().all(|port| !taken.iter().any(|it| it.contains(port)))
    };
    tasks.iter().map(|task| task.cpu.0).sum::<u64>() <= free.cpu.0
        && tasks.iter().map(|task| task.memory.0).sum::<u64>() <= free.memory.0
        && none_twice(|task| &task.tcp_ports, [&free.tcp_ports_taken, &own.tcp_ports_taken])
        && none_twice(|task| &task.udp_ports, [&free.udp_ports_taken, &own.udp_ports_taken])
}

/// Few ports, so that they collide.
fn ports() -> impl Strategy<Value = BTreeSet<Port>> {
    btree_set((20_u16..23).prop_map(Port), 0..2)
}

fn any_task() -> impl Strategy<Value = Task> {
    (0_u64..7, 0_u64..7, ports(), ports()).prop_map(|(cpu, memory, tcp_ports, udp_ports)| Task {
        tcp_ports,
        udp_ports,
        ..task(cpu, memory)
    })
}

fn tasks(most: usize) -> impl Strategy<Value = Vec<Task>> {
    vec(any_task(), 0..=most).prop_map(|mut tasks| {
        for (number, task) in tasks.iter_mut().enumerate() {
            task.arn = TaskArn(format!("task-{number}"));
        }
        tasks
    })
}

fn any_instance() -> impl Strategy<Value = ContainerInstance> {
    (2_u64..12, 2_u64..12, ports(), ports(), ports()).prop_map(|(cpu, memory, tcp, udp, agent)| {
        let mut instance = instance(cpu, memory);
        instance.remaining.tcp_ports_taken = tcp;
        instance.remaining.udp_ports_taken = udp;
        instance.registered.tcp_ports_taken = agent;
        instance
    })
}

fn unplaced(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Room { .. } => 0,
        Verdict::NoRoom { unplaced, .. } | Verdict::AtMost { unplaced, .. } => unplaced.values().sum(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_promised_is_there_and_never_more_than_could_be(
        tasks in tasks(5), instances in vec(any_instance(), 0..4),
    ) {
        let mut preflight = Preflight::new(leaving(), &tasks, &BTreeSet::new());
        preflight.see(&instances);
        let verdict = preflight.verdict(true);
        let most = most_placed(&tasks, &instances);
        if matches!(verdict, Verdict::Room { .. }) {
            prop_assert_eq!(most, tasks.len());
        }
        if most < tasks.len() {
            let no_room = matches!(verdict, Verdict::NoRoom { .. });
            prop_assert!(no_room, "{}", verdict);
        }
        prop_assert!(tasks.len() - unplaced(&verdict) <= most);
    }

    #[test]
    fn pages_and_the_order_of_the_tasks_change_nothing_and_more_instances_leave_no_more_unplaced(
        tasks in tasks(7), instances in vec(any_instance(), 1..8), page in 1_usize..4,
    ) {
        let mut at_once = Preflight::new(leaving(), &tasks, &BTreeSet::new());
        at_once.see(&instances);
        let reversed: Vec<_> = tasks.iter().rev().cloned().collect();
        let mut by_page = Preflight::new(leaving(), &reversed, &BTreeSet::new());
        let mut before = tasks.len();
        for page in instances.chunks(page) {
            by_page.see(page);
            let now = unplaced(&by_page.verdict(false));
            prop_assert!(now <= before);
            before = now;
        }
        prop_assert_eq!(by_page.verdict(true), at_once.verdict(true));
    }
}
