//! Clusters drawn at random, in plain numbers: what is true of one is worked out from these, and
//! not by the code under test.

use super::fixture::{Cluster, needs, with_tcp};
use super::{Headroom, PlacedTask};
use crate::service::{Deployment, Launch};
use crate::task::{HostRequirements, TaskArn, TaskDefinition, TaskDefinitionArn};
use crate::task_needs::TaskNeeds;

/// Network interfaces that tasks can have on an `m5.large`: three, less its own.
const NETWORK_INTERFACES: u64 = 2;

/// Random numbers off a tape of bytes: the smaller the bytes, the simpler what is drawn.
pub(super) struct Draws<'a>(std::slice::Iter<'a, u8>);

impl<'a> Draws<'a> {
    pub(super) fn new(tape: &'a [u8]) -> Self {
        Self(tape.iter())
    }

    /// A number from 0 to `bound - 1`; 0 where the tape has ended.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % bound
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + u64::try_from(self.below(usize::try_from(most - least + 1).unwrap())).unwrap()
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A cluster.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) groups: Vec<Group>,
    pub(super) hosts: Vec<Host>,
    pub(super) kinds: Vec<Kind>,
    /// The CPU and memory of a daemon's task on each host; none for no daemon.
    pub(super) daemon: Option<u64>,
    pub(super) headroom: Headroom,
}

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) minimum: u64,
    pub(super) maximum: u64,
    /// Hosts that its desired capacity asks for beside those that are there.
    pub(super) coming: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Host {
    /// Its number among all hosts that there ever were.
    pub(super) id: usize,
    pub(super) group: usize,
    /// CPU, memory and GPUs.
    pub(super) size: [u64; 3],
    pub(super) arm: bool,
    pub(super) state: State,
    /// Protected from scale-in: Auto Scaling never picks it.
    pub(super) protected: bool,
    /// Why nobody may remove it.
    pub(super) stays: Option<Stays>,
    /// Its daemon's task is still to come.
    pub(super) fresh: bool,
    /// How many tasks of each kind run there.
    pub(super) tasks: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Disconnected,
    Draining,
    Terminating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stays {
    Kept,
    Standalone,
    TaskProtected,
}

impl Host {
    /// Returns whether its tasks must be placed elsewhere.
    pub(super) fn leaves(&self) -> bool {
        matches!(self.state, State::Draining | State::Terminating)
    }
}

/// The tasks of a definition of a service.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) service: usize,
    /// CPU, memory and GPUs.
    pub(super) needs: [u64; 3],
    pub(super) network_interface: bool,
    pub(super) port: Option<u8>,
    pub(super) distinct: bool,
    /// The hosts that match its `memberOf` constraint.
    pub(super) members: Option<Vec<bool>>,
    /// The groups of its capacity providers; none for launch type EC2.
    pub(super) providers: Vec<usize>,
    pub(super) arm: Option<bool>,
    pub(super) waiting: u64,
}

/// The room on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// CPU, memory, GPUs and network interfaces.
    left: [u8; 4],
    /// The static ports that are taken.
    ports: u8,
    /// The services with a task there.
    services: u8,
}

impl Room {
    /// The same as a number, of less than 24 bits.
    pub(super) fn packed(self) -> u128 {
        let fields = self.left.into_iter().chain([self.ports, self.services]);
        fields.fold(0, |packed, field| packed << 4 | u128::from(field))
    }

    /// The room that is left beside one task more; none where it does not fit. `apart` is true if
    /// `distinctInstance` is asked.
    pub(super) fn beside(mut self, kind: &Kind, apart: bool) -> Option<Self> {
        let [cpu, memory, gpus] = kind.needs;
        let needs = [cpu, memory, gpus, kind.network_interface.into()];
        for (left, need) in self.left.iter_mut().zip(needs) {
            *left = left.checked_sub(u8::try_from(need).unwrap())?;
        }
        if let Some(port) = kind.port {
            if self.ports & 1 << port != 0 {
                return None;
            }
            self.ports |= 1 << port;
        }
        if apart {
            if kind.distinct && self.services & 1 << kind.service != 0 {
                return None;
            }
            self.services |= 1 << kind.service;
        }
        Some(self)
    }
}

/// How large clusters are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) hosts: (u64, u64),
    pub(super) tasks_a_host: usize,
    pub(super) waiting: u64,
    /// Constraints name all hosts of a group or none, and these are alike.
    pub(super) alike: bool,
}

/// A cluster's share of the rarer things.
struct Special {
    is_plain: bool,
    gpus: bool,
    arm: bool,
}

impl Special {
    fn one_in(&self, draws: &mut Draws<'_>, times: usize) -> bool {
        !self.is_plain && draws.one_in(times)
    }
}

impl World {
    pub(super) fn drawn(draws: &mut Draws<'_>, scale: Scale) -> Self {
        let headroom = match draws.below(8) {
            0..=3 => Headroom::None,
            4..=6 => Headroom::One,
            _ => Headroom::Percent(draws.pick(&[10, 50])),
        };
        let mut hosts = draws.between(scale.hosts.0, scale.hosts.1);
        hosts += u64::from(scale.hosts.1 == 4 && draws.one_in(8));
        let groups = if hosts < 2 || draws.below(5) < 3 { 1 } else { 2 };
        let is_plain = draws.one_in(3);
        let special =
            Special { is_plain, gpus: !is_plain && draws.one_in(5), arm: !is_plain && draws.one_in(5) };
        let mut world = Self {
            groups: vec![Group { minimum: 0, maximum: 100, coming: 0 }; groups],
            hosts: Vec::new(),
            kinds: Vec::new(),
            daemon: special.one_in(draws, 4).then_some(1),
            headroom,
        };
        world.draw_hosts(draws, scale, &special, usize::try_from(hosts).unwrap());
        for number in 0..usize::try_from(draws.between(1, 4)).unwrap() {
            let kind = world.draw_kind(draws, scale, &special, number);
            world.kinds.push(kind);
        }
        for number in 0..world.hosts.len() {
            world.draw_tasks(draws, scale, number);
        }
        for group in &mut world.groups {
            group.minimum = if draws.one_in(6) { draws.between(0, 3) } else { 0 };
        }
        world
    }

    fn draw_hosts(&mut self, draws: &mut Draws<'_>, scale: Scale, special: &Special, hosts: usize) {
        let are_alike = scale.alike || draws.below(4) < 2;
        for id in 0..hosts {
            // Each group has a host.
            let groups = self.groups.len();
            let group = if id < groups { id } else { draws.below(groups) };
            let like = self.hosts.iter().find(|host| are_alike && host.group == group);
            let gpus = if special.gpus { draws.between(0, 2) } else { 0 };
            let (size, arm) = like.map_or_else(
                || ([draws.between(4, 12), draws.between(4, 12), gpus], special.arm && draws.one_in(2)),
                |host| (host.size, host.arm),
            );
            let (state, protected, stays, fresh) = (State::Active, false, None, false);
            self.hosts.push(Host { id, group, size, arm, state, protected, stays, fresh, tasks: Vec::new() });
        }
    }

    fn draw_kind(&self, draws: &mut Draws<'_>, scale: Scale, special: &Special, number: usize) -> Kind {
        let groups = self.groups.len();
        let before = number.checked_sub(1).filter(|_| special.one_in(draws, 6));
        let mut kind = before.map_or_else(
            || Kind {
                service: number,
                needs: [0; 3],
                network_interface: false,
                port: None,
                distinct: special.one_in(draws, 5),
                members: special.one_in(draws, 3).then(|| {
                    let of_group = draws.below(groups);
                    let hosts = self.hosts.iter();
                    let matches = |host: &Host| {
                        if scale.alike { host.group == of_group } else { !draws.one_in(3) }
                    };
                    hosts.map(matches).collect()
                }),
                providers: match (special.one_in(draws, 3), draws.below(groups)) {
                    (true, _) if groups == 2 && draws.one_in(2) => vec![0, 1],
                    (true, group) => vec![group],
                    (false, _) => Vec::new(),
                },
                arm: None,
                waiting: 0,
            },
            |before| self.kinds[before].clone(),
        );
        kind.needs = [
            if draws.one_in(10) { 0 } else { draws.between(1, 4) },
            draws.between(1, 4),
            u64::from(special.gpus && draws.one_in(3)),
        ];
        kind.network_interface = special.one_in(draws, 5);
        kind.port = special.one_in(draws, 4).then(|| draws.pick(&[0, 1]));
        kind.arm = (special.arm && draws.one_in(2)).then(|| draws.one_in(2));
        kind.waiting = if draws.one_in(4) { draws.between(0, scale.waiting) } else { 0 };
        kind
    }

    fn draw_tasks(&mut self, draws: &mut Draws<'_>, scale: Scale, number: usize) {
        self.hosts[number].tasks = vec![0; self.kinds.len()];
        for _ in 0..draws.below(scale.tasks_a_host + 1) {
            let kind = draws.below(self.kinds.len());
            let has_room = self.room(number).beside(&self.kinds[kind], true).is_some();
            self.hosts[number].tasks[kind] += u64::from(has_room && self.takes(number, kind));
        }
        let host = &mut self.hosts[number];
        let is_idle = host.tasks.iter().all(|tasks| *tasks == 0);
        host.fresh = is_idle && draws.one_in(2);
        host.state = match draws.below(16) {
            13 => State::Disconnected,
            14 => State::Draining,
            15 => State::Terminating,
            _ => State::Active,
        };
        host.protected = draws.one_in(14);
        if draws.one_in(40) {
            let stays = draws.pick(&[Stays::Kept, Stays::Standalone, Stays::TaskProtected]);
            host.stays = Some(stays).filter(|stays| !is_idle || *stays != Stays::TaskProtected);
            host.fresh &= stays != Stays::Standalone;
        }
    }

    /// Returns whether a kind's tasks may be placed on a host, were it empty and its daemon there.
    pub(super) fn fits_when_empty(&self, host: usize, kind: usize) -> bool {
        self.takes(host, kind) && self.empty(host).beside(&self.kinds[kind], true).is_some()
    }

    /// Returns whether a host meets the constraints of a kind.
    pub(super) fn takes(&self, host: usize, kind: usize) -> bool {
        let architecture = self.kinds[kind].arm;
        self.may_take(host, kind) && architecture.is_none_or(|arm| arm == self.hosts[host].arm)
    }

    /// The same, where ECS places tasks on hosts of another architecture, too: AWS leaves that
    /// open.
    pub(super) fn may_take(&self, host: usize, kind: usize) -> bool {
        let Kind { members, providers, .. } = &self.kinds[kind];
        members.as_ref().is_none_or(|members| members[host])
            && (providers.is_empty() || providers.contains(&self.hosts[host].group))
    }

    /// The room for tasks on an empty host, beside its daemon's.
    pub(super) fn empty(&self, host: usize) -> Room {
        let [cpu, memory, gpus] = self.hosts[host].size;
        let daemon = self.daemon.unwrap_or(0);
        let left = [cpu - daemon, memory - daemon, gpus, NETWORK_INTERFACES];
        Room { left: left.map(|left| u8::try_from(left).unwrap()), ports: 0, services: 0 }
    }

    /// The room for further tasks on a host.
    pub(super) fn room(&self, host: usize) -> Room {
        let mut room = self.empty(host);
        for (kind, tasks) in self.kinds.iter().zip(&self.hosts[host].tasks) {
            for _ in 0..*tasks {
                room = room.beside(kind, true).unwrap();
            }
        }
        room
    }

    /// How many tasks of a kind its deployment wants.
    pub(super) fn desired(&self, kind: usize) -> u64 {
        self.kinds[kind].waiting + self.hosts.iter().map(|host| host.tasks[kind]).sum::<u64>()
    }

    /// Returns whether the headroom is about a kind: a service starts tasks of its last definition.
    pub(super) fn may_grow(&self, kind: usize) -> bool {
        let mut later = self.kinds.iter().skip(kind + 1);
        self.desired(kind) > 0 && !later.any(|other| other.service == self.kinds[kind].service)
    }

    /// The share of a kind's tasks that is kept free beside them.
    pub(super) fn share(&self, kind: usize) -> u64 {
        match self.headroom {
            Headroom::Percent(_) if !self.may_grow(kind) => 0,
            Headroom::Percent(percent) => (self.desired(kind) * u64::from(percent)).div_ceil(100),
            Headroom::None | Headroom::One => 0,
        }
    }

    /// The cluster as AWS describes it.
    pub(super) fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::new();
        cluster.headroom = self.headroom;
        for group in 0..self.groups.len() {
            cluster = cluster.group(&name_of_group(group), 0, 0, 0);
        }
        for (number, host) in self.hosts.iter().enumerate() {
            Self::add_host(&mut cluster, number, host);
        }
        for number in 0..self.kinds.len() {
            cluster = self.add_kind(cluster, number);
        }
        for (number, host) in self.hosts.iter().enumerate() {
            for (kind, tasks) in host.tasks.iter().enumerate() {
                let service = name_of_service(self.kinds[kind].service);
                (0..*tasks).for_each(|_| cluster.put(Some(&service), &definition(kind), number));
            }
        }
        if let Some(daemon) = self.daemon {
            cluster = cluster.service("daemon", 0, needs(daemon, daemon));
            cluster.service_mut("daemon").strategy = crate::service::SchedulingStrategy::Daemon;
            for (number, _) in self.hosts.iter().enumerate().filter(|(_, host)| !host.fresh) {
                cluster.run("daemon", number, 1);
            }
        }
        for (number, host) in self.hosts.iter().enumerate() {
            keep(&mut cluster, number, host.stays);
        }
        for (number, group) in self.groups.iter().enumerate() {
            let it = cluster.group_mut(&name_of_group(number));
            it.minimum = u32::try_from(group.minimum).unwrap();
            it.maximum = u32::try_from(group.maximum).unwrap();
            it.desired += u32::try_from(group.coming).unwrap();
        }
        cluster
    }

    fn add_host(cluster: &mut Cluster, number: usize, host: &Host) {
        let group = name_of_group(host.group);
        let [cpu, memory, gpus] = host.size;
        assert_eq!(cluster.add_host(&group, cpu, memory), number);
        let id = format!("i-{:017x}", host.id);
        let instance = cluster.host_mut(number);
        instance.ec2_instance_id.clone_from(&id);
        instance.registered.gpus = u32::try_from(gpus).unwrap();
        instance.remaining.gpus = u32::try_from(gpus).unwrap();
        instance.network_interfaces = Some(0);
        instance.agent_connected = host.state != State::Disconnected;
        if host.arm {
            let architecture = ("ecs.cpu-architecture".to_owned(), Some("arm64".to_owned()));
            instance.attributes.0.extend([architecture]);
        }
        if host.state == State::Draining {
            instance.status = crate::container_instance::ContainerInstanceStatus::Draining;
        }
        let it = cluster.group_mut(&group);
        let member = it.instances.last_mut().unwrap();
        member.ec2_instance_id = id.parse().unwrap();
        member.protected = host.protected;
        if host.state == State::Terminating {
            member.lifecycle_state = "Terminating:Wait".to_owned();
            it.desired -= 1;
        }
    }

    fn add_kind(&self, mut cluster: Cluster, number: usize) -> Cluster {
        let kind = &self.kinds[number];
        let service = name_of_service(kind.service);
        let [cpu, memory, gpus] = kind.needs;
        let needs = TaskNeeds {
            gpus: u32::try_from(gpus).unwrap(),
            network_interface: kind.network_interface,
            ..with_tcp(needs(cpu, memory), kind.port.map(|port| 8000 + u16::from(port)))
        };
        let first = kind.service == number;
        if first {
            cluster = cluster.service(&service, 0, needs.clone());
            cluster.service_mut(&service).deployments.clear();
        }
        cluster.snapshot.definitions.remove(&TaskDefinitionArn(format!("{service}:1")));
        let host = HostRequirements {
            cpu_architecture: kind.arm.map(|arm| if arm { "ARM64" } else { "X86_64" }.to_owned()),
            ..HostRequirements::default()
        };
        let arn = definition(number);
        cluster.snapshot.definitions.insert(arn.clone(), TaskDefinition { arn, needs, host });
        if first && kind.distinct {
            cluster = cluster.distinct(&service);
        }
        if let Some(members) = kind.members.as_ref().filter(|_| first) {
            let hosts: Vec<_> = (0..members.len()).filter(|host| members[*host]).collect();
            cluster = cluster.member_of(&service, &format!("of {service}"), &hosts);
        }
        let providers =
            kind.providers.iter().map(|group| (format!("provider-{group}"), name_of_group(*group)));
        cluster.snapshot.capacity_providers.extend(providers.clone());
        let count = |tasks: u64| u32::try_from(tasks).unwrap();
        let running = count(self.desired(number) - kind.waiting);
        let it = cluster.service_mut(&service);
        let deployment = Deployment {
            task_set: false,
            definition: definition(number),
            launch: if kind.providers.is_empty() {
                Launch::Ec2
            } else {
                Launch::CapacityProviders(providers.map(|(provider, _)| provider).collect())
            },
            desired: running + count(kind.waiting),
            running,
            pending: 0,
        };
        it.desired += deployment.desired;
        it.running += running;
        it.deployments.insert(0, deployment);
        cluster
    }
}

fn keep(cluster: &mut Cluster, number: usize, stays: Option<Stays>) {
    let instance = cluster.host_mut(number);
    match stays {
        None => {}
        Some(Stays::Kept) => {
            instance.attributes.0.insert("fleetkeeper.keep".to_owned(), None);
        }
        // A task of no size, so that the hosts' room is what was drawn.
        Some(Stays::Standalone) => {
            instance.running_tasks += 1;
            let (arn, task) = (instance.arn.clone(), standalone());
            cluster.snapshot.tasks.get_mut(&arn).unwrap().push(task);
        }
        Some(Stays::TaskProtected) => {
            let arn = instance.arn.clone();
            for task in cluster.snapshot.tasks.get_mut(&arn).unwrap() {
                task.protected = true;
            }
        }
    }
}

fn standalone() -> PlacedTask {
    PlacedTask {
        arn: TaskArn("standalone".to_owned()),
        service: None,
        definition: TaskDefinitionArn("job:1".to_owned()),
        protected: false,
    }
}

pub(super) fn name_of_group(number: usize) -> String {
    format!("group-{number}")
}

fn name_of_service(number: usize) -> String {
    format!("service-{number}")
}

fn definition(kind: usize) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("definition:{kind}"))
}
