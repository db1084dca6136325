//! The tasks that move, placed on the other instances as they are read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::verdict::Verdict;
use crate::capacity::Resource;
use crate::container_instance::{ContainerInstance, CpuUnits, Ec2InstanceId, Mib, Resources};
use crate::task::{DesiredStatus, Task};

/// Places the tasks that move first-fit decreasing: by memory, then CPU, each on the first instance
/// that has room.
///
/// Placing every task on one instance after another gives the same result as trying every instance
/// for one task after another. So no page of instances is kept.
#[derive(Debug, Clone)]
pub struct Preflight {
    leaving: Ec2InstanceId,
    moving: usize,
    /// The largest first.
    unplaced: Vec<Unplaced>,
    looked_at: usize,
}

#[derive(Debug, Clone)]
struct Unplaced {
    service: String,
    task: Task,
    /// On how many instances each resource was lacking for it.
    lacking: BTreeMap<Resource, usize>,
}

impl Preflight {
    /// For the EC2 instance that is `leaving`, and the `tasks` on it. Service tasks that are
    /// desired RUNNING move. Tasks of `daemons`, services that run one task on each instance, do
    /// not move, nor do standalone ones.
    #[must_use]
    pub fn new(leaving: Ec2InstanceId, tasks: &[Task], daemons: &BTreeSet<String>) -> Self {
        let to_run = |task: &&Task| task.desired_status == DesiredStatus::Running && !task.is_stopped();
        let mut unplaced: Vec<_> = tasks
            .iter()
            .filter(to_run)
            .filter_map(|task| Some((task.service()?, task)))
            .filter(|(service, _)| !daemons.contains(*service))
            .map(|(service, task)| Unplaced {
                service: service.to_owned(),
                task: task.clone(),
                lacking: BTreeMap::new(),
            })
            .collect();
        // The ARN last: what is said must not depend on the order of the tasks.
        unplaced.sort_by(|a, b| {
            let key = |it: &Unplaced| Reverse((it.task.memory, it.task.cpu));
            key(a).cmp(&key(b)).then_with(|| a.task.arn.cmp(&b.task.arn))
        });
        Self { leaving, moving: unplaced.len(), unplaced, looked_at: 0 }
    }

    /// Takes in a page of the cluster's container instances. Those that take no tasks, and those of
    /// the EC2 instance that is leaving, are passed over.
    pub fn see(&mut self, page: &[ContainerInstance]) {
        let others = page.iter().filter(|it| it.takes_tasks() && it.ec2_instance_id != self.leaving.as_str());
        for instance in others {
            self.looked_at += 1;
            let mut free = free(instance);
            self.unplaced.retain_mut(|unplaced| {
                let lacking = lacking(&unplaced.task, &free);
                if lacking.is_empty() {
                    place(&unplaced.task, &mut free);
                }
                for &resource in &lacking {
                    *unplaced.lacking.entry(resource).or_default() += 1;
                }
                !lacking.is_empty()
            });
        }
    }

    /// Whether all tasks are placed: no further page need be read.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.unplaced.is_empty()
    }

    /// The result; `all_seen` is true if every page of the cluster was taken in.
    #[must_use]
    pub fn verdict(&self, all_seen: bool) -> Verdict {
        let (moving, looked_at) = (self.moving, self.looked_at);
        let Some(largest) = self.unplaced.first() else {
            return Verdict::Room { moving, looked_at };
        };
        let mut unplaced = BTreeMap::<String, usize>::new();
        for task in &self.unplaced {
            *unplaced.entry(task.service.clone()).or_default() += 1;
        }
        if !all_seen {
            return Verdict::AtMost { moving, unplaced, looked_at };
        }
        let most = largest.lacking.iter().max_by_key(|&(resource, count)| (*count, Reverse(*resource)));
        Verdict::NoRoom { moving, unplaced, lacking: most.map(|(resource, _)| *resource), looked_at }
    }
}

/// The free resources of an instance. A port that the agent keeps for itself is not free, whether
/// or not ECS also lists it among those in use.
fn free(instance: &ContainerInstance) -> Resources {
    let mut free = instance.remaining.clone();
    free.tcp_ports_taken.extend(&instance.registered.tcp_ports_taken);
    free.udp_ports_taken.extend(&instance.registered.udp_ports_taken);
    free
}

/// The resources of which too little is free for the task.
fn lacking(task: &Task, free: &Resources) -> Vec<Resource> {
    let lacks = |resource: &Resource| match resource {
        Resource::Cpu => task.cpu > free.cpu,
        Resource::Memory => task.memory > free.memory,
        Resource::TcpPorts => !task.tcp_ports.is_disjoint(&free.tcp_ports_taken),
        Resource::UdpPorts => !task.udp_ports.is_disjoint(&free.udp_ports_taken),
        // Only the tasks there show how many are free, and they are not read. No task shows its
        // GPUs.
        Resource::NetworkInterfaces | Resource::Gpus => false,
    };
    Resource::ALL.into_iter().filter(lacks).collect()
}

/// Takes what the task needs of what is free: it fits.
fn place(task: &Task, free: &mut Resources) {
    free.cpu = CpuUnits(free.cpu.0.saturating_sub(task.cpu.0));
    free.memory = Mib(free.memory.0.saturating_sub(task.memory.0));
    free.tcp_ports_taken.extend(&task.tcp_ports);
    free.udp_ports_taken.extend(&task.udp_ports);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{instance, leaving, of_service, task};
    use super::*;
    use crate::container_instance::{ContainerInstanceStatus, Port};

    fn preflight(tasks: &[Task]) -> Preflight {
        Preflight::new(leaving(), tasks, &BTreeSet::new())
    }

    /// The verdict over these instances.
    fn verdict(tasks: &[Task], instances: &[ContainerInstance]) -> Verdict {
        let mut preflight = preflight(tasks);
        preflight.see(instances);
        preflight.verdict(true)
    }

    fn no_room(moving: usize, unplaced: usize, lacking: Option<Resource>, looked_at: usize) -> Verdict {
        Verdict::NoRoom { moving, unplaced: [("web".to_owned(), unplaced)].into(), lacking, looked_at }
    }

    #[test]
    fn what_fits_exactly_has_room_and_one_unit_more_does_not() {
        let tasks = [task(512, 500), task(512, 500)];
        assert_eq!(verdict(&tasks, &[instance(1024, 1000)]), Verdict::Room { moving: 2, looked_at: 1 });
        assert_eq!(verdict(&tasks, &[instance(1023, 1000)]), no_room(2, 1, Some(Resource::Cpu), 1));
        assert_eq!(verdict(&tasks, &[instance(1024, 999)]), no_room(2, 1, Some(Resource::Memory), 1));
    }

    #[test]
    fn a_port_is_taken_by_a_task_that_runs_by_the_agent_and_by_the_task_placed_before() {
        let with_tcp = || Task { tcp_ports: [Port(80)].into(), ..task(1, 1) };
        let with_udp = || Task { udp_ports: [Port(53)].into(), ..task(1, 1) };
        let room = || instance(1000, 1000);
        assert_eq!(verdict(&[with_tcp(), with_udp()], &[room()]), Verdict::Room { moving: 2, looked_at: 1 });
        let mut used = room();
        used.remaining.tcp_ports_taken.insert(Port(80));
        used.remaining.udp_ports_taken.insert(Port(53));
        let mut kept = room();
        kept.registered.tcp_ports_taken.insert(Port(80));
        kept.registered.udp_ports_taken.insert(Port(53));
        let (tcp, udp) = (Some(Resource::TcpPorts), Some(Resource::UdpPorts));
        for taken in [[used], [kept]] {
            assert_eq!(verdict(&[with_tcp()], &taken), no_room(1, 1, tcp, 1));
            assert_eq!(verdict(&[with_udp()], &taken), no_room(1, 1, udp, 1));
        }
        assert_eq!(verdict(&[with_tcp(), with_tcp()], &[room()]), no_room(2, 1, tcp, 1));
        assert_eq!(verdict(&[with_udp(), with_udp()], &[room()]), no_room(2, 1, udp, 1));
    }

    #[test]
    fn the_largest_by_memory_then_cpu_is_placed_first() {
        let room = [instance(1000, 1000)];
        // Each fits alone only.
        let by_memory = [of_service("small", 1000, 900), of_service("large", 1, 901)];
        let by_cpu = [of_service("small", 600, 900), of_service("large", 601, 900)];
        for tasks in [by_memory, by_cpu] {
            let Verdict::NoRoom { unplaced, .. } = verdict(&tasks, &room) else { panic!() };
            assert_eq!(unplaced, [("small".to_owned(), 1)].into());
        }
    }

    #[test]
    fn daemons_standalone_and_stopping_tasks_do_not_move() {
        let standalone = Task { group: "family:job".to_owned(), ..task(1, 1) };
        let stopping = Task { desired_status: DesiredStatus::Stopped, ..task(1, 1) };
        let stopped = Task { last_status: "STOPPED".to_owned(), ..task(1, 1) };
        let tasks = [standalone, stopping, stopped, of_service("logs", 1, 1), task(1, 1)];
        let daemons = ["logs".to_owned()].into();
        let preflight = Preflight::new(leaving(), &tasks, &daemons);
        assert!(!preflight.is_decided());
        assert_eq!(preflight.verdict(true), no_room(1, 1, None, 0));
        assert!(Preflight::new(leaving(), &tasks[..4], &daemons).is_decided());
    }

    #[test]
    fn a_pending_task_moves_too() {
        let pending = Task { last_status: "PENDING".to_owned(), ..task(1, 1) };
        assert!(!preflight(&[pending]).is_decided());
    }

    #[test]
    fn only_others_that_take_tasks_count() {
        let mut itself = instance(1000, 1000);
        leaving().as_str().clone_into(&mut itself.ec2_instance_id);
        let mut away = instance(1000, 1000);
        away.agent_connected = false;
        let mut draining = instance(1000, 1000);
        draining.status = ContainerInstanceStatus::Draining;
        assert_eq!(verdict(&[task(1, 1)], &[itself, away, draining]), no_room(1, 1, None, 0));
    }

    #[test]
    fn page_by_page_it_is_decided_once_all_are_placed() {
        let mut preflight = preflight(&[task(600, 1), task(500, 1)]);
        preflight.see(&[instance(700, 700)]);
        assert!(!preflight.is_decided());
        let unplaced = [("web".to_owned(), 1)].into();
        assert_eq!(preflight.verdict(false), Verdict::AtMost { moving: 2, unplaced, looked_at: 1 });
        assert_eq!(preflight.verdict(true), no_room(2, 1, Some(Resource::Cpu), 1));
        preflight.see(&[instance(700, 700)]);
        assert!(preflight.is_decided());
        assert_eq!(preflight.verdict(false), Verdict::Room { moving: 2, looked_at: 2 });
    }

    #[test]
    fn what_the_largest_lacks_on_most_instances_is_named_the_first_among_equals() {
        let (cpu, memory) = (instance(1000, 1), instance(1, 1000));
        let large = [task(1, 1), task(500, 500)];
        let lacking = |instances: &[ContainerInstance]| {
            let Verdict::NoRoom { lacking, .. } = verdict(&large, instances) else { panic!() };
            lacking
        };
        assert_eq!(lacking(&[cpu.clone(), memory.clone(), memory.clone()]), Some(Resource::Cpu));
        assert_eq!(lacking(&[cpu.clone(), cpu.clone(), memory.clone()]), Some(Resource::Memory));
        assert_eq!(lacking(&[memory, cpu]), Some(Resource::Cpu));
    }
}
