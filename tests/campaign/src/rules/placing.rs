//! Where the tasks of a cluster's services may be placed, as a history goes on: hosts, groups,
//! tasks and what services want, by what happened, and none of the calculator's code.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{
    ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId, Port,
};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};

use crate::scenario::{GroupPlan, HeadroomPlan, Scenario, ServicePlan, TaskPlan};
use crate::set_up::{GROUP_MOST, group_name, service_name};

/// The truth about the first cluster, whose groups the calculator knows.
#[derive(Debug)]
pub(super) struct Placing<'a> {
    headroom: HeadroomPlan,
    services: Vec<Service<'a>>,
    groups: BTreeMap<String, Group>,
    hosts: BTreeMap<&'a ContainerInstanceArn, &'a DescribedContainerInstance>,
    tasks: BTreeMap<&'a TaskArn, Task<'a>>,
    /// The instances that are protected from scale-in.
    protected: BTreeSet<&'a Ec2InstanceId>,
    /// Those that get a new root volume.
    replaced: BTreeSet<&'a str>,
    changed: DateTime<Utc>,
    /// When something last changed that no host shows: what services want, and which tasks are
    /// protected.
    demand_changed: DateTime<Utc>,
    /// When the calculator was last left without a clear answer to a termination that it requested.
    termination_unclear: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Service<'a> {
    name: String,
    plan: &'a ServicePlan,
    /// The one group that its tasks may be on.
    only_on: Option<String>,
    desired: u64,
    has: u64,
    /// Those of its last deployment.
    has_of_last: u64,
    deployments: u32,
}

impl Service<'_> {
    /// The tasks that ECS starts where it has these: as many as the last deployment lacks, within
    /// `maximumPercent`.
    fn wants(&self, has: u64, has_of_last: u64) -> u64 {
        let most = self.desired * u64::from(self.plan.maximum_percent) / 100;
        self.desired.saturating_sub(has_of_last).min(most.saturating_sub(has))
    }
}

/// A group's instances, each with what it does.
#[derive(Debug, Default)]
struct Group {
    instances: BTreeMap<String, Phase>,
    desired: u64,
    /// The most that it may have.
    most: u64,
    /// True if ECS scales it, so that nobody else says what it is missing.
    scaled_by_ecs: bool,
    deleted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Launching,
    InService,
    Leaving,
    /// On its way to the warm pool: it leaves, and is not listed among its group's.
    LeavingUnlisted,
    Elsewhere,
    /// It is gone, and its group still lists it for a while.
    Gone,
}

impl Phase {
    /// Returns whether its group counts on it.
    fn serves(self) -> bool {
        matches!(self, Self::Launching | Self::InService)
    }

    fn leaves(self) -> bool {
        matches!(self, Self::Leaving | Self::LeavingUnlisted)
    }
}

#[derive(Debug)]
struct Task<'a> {
    service: Option<String>,
    /// Which of its service's deployments it is of.
    deployment: u32,
    host: &'a ContainerInstanceArn,
    protected_until: Option<DateTime<Utc>>,
}

/// The room on a host while tasks are placed.
#[derive(Debug, Clone)]
struct Room {
    group: String,
    cpu: u64,
    memory: u64,
    network_interfaces: u64,
    tcp: BTreeSet<Port>,
    udp: BTreeSet<Port>,
    services: BTreeSet<String>,
}

/// Numbers that are the same for the same history: what an adversary picks.
#[derive(Debug)]
struct Picks(u64);

impl Picks {
    /// One of `count`.
    fn one_of(&mut self, count: usize) -> usize {
        // Knuth's MMIX, its upper bits.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let count = u64::try_from(count).unwrap_or(1).max(1);
        usize::try_from((self.0 >> 33) % count).unwrap_or(0)
    }
}

/// The attribute of hosts that are never removed.
const KEEP: &str = "fleetkeeper.keep";

/// The attribute that names a host's Availability Zone.
const ZONE: &str = "ecs.availability-zone";

/// How often the adversary tries each put. Puts are many.
const TRIES: u64 = 6;

/// Reads of a group show a termination within this time.
const TERMINATION_SHOWN: TimeDelta = TimeDelta::minutes(2);

impl<'a> Placing<'a> {
    pub(super) fn of(scenario: &'a Scenario) -> Self {
        let first = scenario.clusters.first();
        let plans = first.map(|cluster| cluster.groups.as_slice()).unwrap_or_default();
        let count = plans.len();
        let group = |plan: &GroupPlan| Group {
            desired: plan.hosts.into(),
            most: plan.options.max_size.unwrap_or(GROUP_MOST).max(plan.hosts).into(),
            scaled_by_ecs: plan.options.scaled_by_ecs,
            ..Group::default()
        };
        let services = first.map(|cluster| cluster.services.iter().enumerate()).into_iter().flatten();
        let services = services.map(|(number, plan)| Service {
            name: service_name(0, number),
            plan,
            only_on: plan.only_on_group.and_then(|it| it.checked_rem(count)).map(|it| group_name(0, it)),
            desired: 0,
            has: 0,
            has_of_last: 0,
            deployments: 0,
        });
        Self {
            headroom: scenario.calculator.as_ref().map(|plan| plan.headroom).unwrap_or_default(),
            services: services.collect(),
            groups: plans.iter().enumerate().map(|(it, plan)| (group_name(0, it), group(plan))).collect(),
            hosts: BTreeMap::new(),
            tasks: BTreeMap::new(),
            protected: BTreeSet::new(),
            replaced: BTreeSet::new(),
            changed: DateTime::UNIX_EPOCH,
            demand_changed: DateTime::UNIX_EPOCH,
            termination_unclear: None,
        }
    }

    /// Takes in an entry.
    pub(super) fn see(&mut self, entry: &'a Entry, cluster: &str) {
        let changes = match &entry.what {
            Occurrence::ContainerInstanceChanged(to) if to.cluster_arn == cluster => {
                if to.status == ContainerInstanceStatus::Inactive {
                    self.hosts.remove(&to.arn);
                } else {
                    self.hosts.insert(&to.arn, to);
                }
                true
            }
            Occurrence::DesiredCount { service, desired_count } => {
                let found = self.services.iter_mut().find(|it| it.name == *service);
                found.map(|service| service.desired = u64::from(*desired_count)).is_some()
            }
            Occurrence::TaskPlaced { task, group, container_instance } => {
                let service = group.strip_prefix("service:").map(str::to_owned);
                let deployment = self.count(service.as_deref(), None);
                let task_placed =
                    Task { service, deployment, host: container_instance, protected_until: None };
                self.tasks.insert(task, task_placed);
                true
            }
            Occurrence::TaskStopping { task, .. }
            | Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                let gone = self.tasks.remove(task);
                if let Some(gone) = &gone {
                    self.count(gone.service.as_deref(), Some(gone.deployment));
                }
                gone.is_some()
            }
            Occurrence::DeploymentStarted { service, .. } => {
                let found = self.services.iter_mut().find(|it| it.name == *service);
                found
                    .map(|service| (service.deployments, service.has_of_last) = (service.deployments + 1, 0))
                    .is_some()
            }
            Occurrence::TaskProtected { task, until } => {
                let found = self.tasks.get_mut(task);
                found.map(|task| task.protected_until = Some(*until)).is_some()
            }
            Occurrence::ApiCalled {
                operation: Operation::TerminateInstanceInAutoScalingGroup,
                outcome:
                    CallOutcome::Failed("InternalFailure") | CallOutcome::AnswerLost(_) | CallOutcome::Hung,
            } => {
                self.termination_unclear = Some(entry.at);
                false
            }
            _ => self.see_group(entry),
        };
        if changes {
            self.changed = entry.at;
            let no_host_shows = matches!(
                entry.what,
                Occurrence::DesiredCount { .. }
                    | Occurrence::DeploymentStarted { .. }
                    | Occurrence::TaskProtected { .. }
            );
            if no_host_shows {
                self.demand_changed = entry.at;
            }
        }
    }

    /// Takes in a change of a group, or of an instance of it; returns whether it is one.
    fn see_group(&mut self, entry: &'a Entry) -> bool {
        match &entry.what {
            Occurrence::DesiredCapacity { group, desired_capacity } => {
                let found = self.groups.get_mut(group);
                found.map(|group| group.desired = u64::from(*desired_capacity)).is_some()
            }
            Occurrence::InstanceLaunching { group, instance } => {
                self.phase(group, instance.as_str(), Phase::Launching)
            }
            Occurrence::InstanceInService { group, instance } => {
                self.phase(group, instance.as_str(), Phase::InService)
            }
            Occurrence::InstanceTerminating { group, instance }
            | Occurrence::InstanceRetained { group, instance } => {
                let known = self.groups.get(group).and_then(|it| it.instances.get(instance.as_str()));
                // Out of a warm pool, or on its way there: the group does not list it.
                let unlisted = known.is_none_or(|phase| *phase == Phase::LeavingUnlisted);
                let phase = if unlisted { Phase::LeavingUnlisted } else { Phase::Leaving };
                self.phase(group, instance.as_str(), phase)
            }
            Occurrence::InstanceEnteringWarmPool { group, instance } => {
                self.phase(group, instance.as_str(), Phase::LeavingUnlisted)
            }
            Occurrence::Standby { group, instance, entered } => {
                let phase = if *entered { Phase::Elsewhere } else { Phase::InService };
                self.phase(group, instance.as_str(), phase)
            }
            Occurrence::RootVolumeReplacement { group, instance, in_progress } => {
                let phase = if *in_progress { Phase::Leaving } else { Phase::InService };
                if *in_progress {
                    self.replaced.insert(instance.as_str());
                } else {
                    self.replaced.remove(instance.as_str());
                }
                self.phase(group, instance.as_str(), phase)
            }
            Occurrence::InstanceTerminated { group, instance } => {
                self.phase(group, instance.as_str(), Phase::Gone)
            }
            Occurrence::InstanceInWarmPool { group, instance } => {
                let found = self.groups.get_mut(group);
                found.map(|group| group.instances.remove(instance.as_str())).is_some()
            }
            Occurrence::ScaleInProtection { instances, protected, .. } => {
                for instance in instances {
                    if *protected {
                        self.protected.insert(instance);
                    } else {
                        self.protected.remove(instance);
                    }
                }
                true
            }
            Occurrence::GroupDeleted { group } => {
                let found = self.groups.get_mut(group);
                found.map(|group| group.deleted = true).is_some()
            }
            _ => false,
        }
    }

    fn phase(&mut self, group: &str, instance: &str, phase: Phase) -> bool {
        let found = self.groups.get_mut(group);
        found.map(|group| group.instances.insert(instance.to_owned(), phase)).is_some()
    }

    /// Counts a task of a service that was placed, or one that goes and was of some deployment. The
    /// deployment is the answer.
    fn count(&mut self, service: Option<&str>, gone: Option<u32>) -> u32 {
        let Some(service) = self.services.iter_mut().find(|it| Some(it.name.as_str()) == service) else {
            return 0;
        };
        match gone {
            None => {
                service.has += 1;
                service.has_of_last += 1;
            }
            Some(deployment) => {
                service.has -= 1;
                service.has_of_last -= u64::from(deployment == service.deployments);
            }
        }
        service.deployments
    }

    /// Returns whether nothing that matters changed since.
    pub(super) fn is_still_since(&self, time: DateTime<Utc>) -> bool {
        self.changed < time
    }

    /// Returns whether what services want has not changed since.
    pub(super) fn wants_the_same_since(&self, time: DateTime<Utc>) -> bool {
        self.demand_changed < time
    }

    /// Returns whether something names a group's capacity provider since: a service, or a host of
    /// the group. One that joined before the provider was created does not.
    pub(super) fn shows_provider(&self, group: &str, since: DateTime<Utc>) -> bool {
        let mut services = self.services.iter();
        let by_service = services.any(|it| it.plan.by_provider && it.only_on.as_deref() == Some(group));
        let mut hosts = self.of_group(group);
        by_service || hosts.any(|host| host.capacity_provider.is_some() && host.registered_at < since)
    }

    /// The REPLICA services' tasks that wait, those on hosts that leave left out: by service.
    fn waiting(&self) -> impl Iterator<Item = (&Service<'a>, u64)> {
        self.replicas().map(|service| (service, service.wants(service.has, service.has_of_last)))
    }

    /// The tasks that wait once those on hosts that leave have stopped. A task of a former
    /// deployment that runs on stands in for none of them: the last deployment still wants all of
    /// its tasks.
    fn to_place(&self) -> impl Iterator<Item = (&Service<'a>, u64)> {
        self.replicas().map(|service| {
            let own = |task: &&Task<'_>| task.service.as_deref() == Some(service.name.as_str());
            let (mut has, mut has_of_last) = (service.has, service.has_of_last);
            for task in self.tasks_that_leave().filter(own) {
                has -= 1;
                has_of_last -= u64::from(task.deployment == service.deployments);
            }
            (service, service.wants(has, has_of_last))
        })
    }

    fn replicas(&self) -> impl Iterator<Item = &Service<'a>> {
        self.services.iter().filter(|service| !service.plan.daemon)
    }

    fn replica(&self, name: &str) -> Option<&Service<'a>> {
        self.replicas().find(|service| service.name == name)
    }

    fn tasks_that_leave(&self) -> impl Iterator<Item = &Task<'a>> {
        let leaves = |task: &&Task<'a>| self.hosts.get(task.host).is_some_and(|host| self.leaves(host));
        self.tasks.values().filter(leaves)
    }

    fn of_group(&self, group: &str) -> impl Iterator<Item = &DescribedContainerInstance> {
        let hosts = self.hosts.values().copied();
        hosts.filter(move |host| {
            self.phase_of(host).is_some_and(|(of, _)| of == group) && !self.is_left_behind(host)
        })
    }

    /// The room on each host that tasks are placed on.
    fn rooms(&self) -> Vec<Room> {
        self.hosts.values().filter(|host| self.takes_tasks(host)).map(|host| self.room(host)).collect()
    }

    fn is_protected(&self, host: &DescribedContainerInstance) -> bool {
        self.protected.iter().any(|instance| **instance == host.ec2_instance_id)
    }

    /// Returns whether its EC2 instance is connected under another name since: nothing runs under
    /// the former.
    fn is_left_behind(&self, host: &DescribedContainerInstance) -> bool {
        let anew = |it: &&DescribedContainerInstance| {
            it.ec2_instance_id == host.ec2_instance_id && it.arn != host.arn && it.agent_connected
        };
        !host.agent_connected && self.hosts.values().any(anew)
    }

    fn phase_of(&self, host: &DescribedContainerInstance) -> Option<(&str, Phase)> {
        self.listed_as(host).filter(|(_, phase)| *phase != Phase::Gone)
    }

    fn listed_as(&self, host: &DescribedContainerInstance) -> Option<(&str, Phase)> {
        let id = host.ec2_instance_id.as_str();
        self.groups.iter().find_map(|(name, group)| Some((name.as_str(), *group.instances.get(id)?)))
    }

    fn leaves(&self, host: &DescribedContainerInstance) -> bool {
        let of_group = self.phase_of(host).map(|(_, phase)| phase);
        let leaves = host.status == ContainerInstanceStatus::Draining || of_group.is_some_and(Phase::leaves);
        leaves && !self.is_left_behind(host)
    }

    fn takes_tasks(&self, host: &DescribedContainerInstance) -> bool {
        let serves = self.phase_of(host).is_some_and(|(_, phase)| phase.serves());
        host.status == ContainerInstanceStatus::Active && host.agent_connected && serves
    }

    /// Returns whether as many hosts of each group can be removed, whichever they are, and each
    /// task is placed, whatever ECS picks: an adversary tries. How it was proven wrong is the
    /// error.
    pub(super) fn are_removable(
        &self,
        removable: &[(String, u64)],
        seed: u64,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        for attempt in 0..TRIES {
            let mut picks = Picks(seed ^ (attempt << 48));
            self.try_to_strand(removable, &mut picks, now)?;
        }
        Ok(())
    }

    fn try_to_strand(
        &self,
        removable: &[(String, u64)],
        picks: &mut Picks,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let mut removed: BTreeSet<&ContainerInstanceArn> = BTreeSet::new();
        for (group, hosts) in removable {
            // Auto Scaling takes none that leaves already, none on standby, and none that is
            // protected.
            let in_use = |host: &&DescribedContainerInstance| {
                host.status == ContainerInstanceStatus::Active
                    && !self.is_protected(host)
                    && self.phase_of(host).is_some_and(|(_, phase)| phase.serves())
            };
            let mut left: Vec<_> = self.of_group(group).filter(in_use).collect();
            for _ in 0..*hosts {
                if left.is_empty() {
                    break;
                }
                let host = left.swap_remove(picks.one_of(left.len()));
                removed.insert(&host.arn);
            }
        }
        self.strand(&removed, picks, now)
    }

    /// Returns whether this very host can be removed and each task is placed, whatever ECS picks:
    /// an adversary tries. How it was proven wrong is the error.
    pub(super) fn can_lose(
        &self,
        instance: &Ec2InstanceId,
        seed: u64,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let own = self.registrations(instance);
        let removed: BTreeSet<&ContainerInstanceArn> = own.map(|host| &host.arn).collect();
        for attempt in 0..4 * TRIES {
            self.strand(&removed, &mut Picks(seed ^ (attempt << 48)), now)?;
        }
        Ok(())
    }

    /// Returns whether nothing but its tasks' need of room keeps a host: no attribute, no zone of
    /// which it is the last, no deployment.
    pub(super) fn is_of_none_that_stays(&self, instance: &Ec2InstanceId) -> Result<(), String> {
        for host in self.registrations(instance) {
            if host.attributes.contains_key(KEEP) {
                return Err(format!("it has the attribute {KEEP}"));
            }
            let own = self.tasks.values().filter(|task| *task.host == host.arn);
            let own: Vec<&Service<'a>> =
                own.filter_map(|task| self.replica(task.service.as_deref()?)).collect();
            if let Some(service) = own.iter().find(|service| self.is_deployed(service)) {
                return Err(format!("{} is being deployed", service.name));
            }
            let zone = |host: &DescribedContainerInstance| host.attributes.get(ZONE).cloned().flatten();
            let mut others = self.hosts.values().filter(|it| it.arn != host.arn && self.takes_tasks(it));
            let is_last = !others.any(|other| zone(other) == zone(host));
            let spread = own.iter().find(|it| it.plan.spreads_over_zones && it.desired > 1);
            if let Some(service) = spread.filter(|_| is_last) {
                return Err(format!("it is the last of its zone, over which {} is spread", service.name));
            }
        }
        Ok(())
    }

    /// The registrations of an EC2 instance, without those that its agent has left behind.
    fn registrations(
        &self,
        instance: &Ec2InstanceId,
    ) -> impl Iterator<Item = &'a DescribedContainerInstance> {
        let own = self.hosts.values().copied().filter(move |host| host.ec2_instance_id == *instance);
        own.filter(|host| !self.is_left_behind(host))
    }

    /// Returns whether tasks of a former deployment run.
    fn is_deployed(&self, service: &Service<'_>) -> bool {
        let mut own = self.tasks.values().filter(|task| task.service.as_deref() == Some(&service.name));
        own.any(|task| task.deployment < service.deployments)
    }

    /// Places all that must move once these hosts are gone, in any order, on any host with room.
    fn strand(
        &self,
        removed: &BTreeSet<&'a ContainerInstanceArn>,
        picks: &mut Picks,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let mut moving: Vec<&Service<'a>> = Vec::new();
        for task in self.tasks.values().filter(|task| removed.contains(task.host)) {
            let Some(host) = self.hosts.get(task.host) else { continue };
            let Some(name) = task.service.as_deref() else {
                return Err(format!("{} has a standalone task", host.ec2_instance_id));
            };
            if task.protected_until.is_some_and(|until| until > now) {
                return Err(format!("{} has a protected task", host.ec2_instance_id));
            }
            moving.extend(self.replica(name));
        }
        for (service, tasks) in self.to_place() {
            moving.extend((0..tasks).map(|_| service));
        }
        moving.retain(|service| self.fits_some_empty_host(service));
        let mut rooms: Vec<Room> = self
            .hosts
            .values()
            .filter(|host| self.takes_tasks(host) && !removed.contains(&host.arn))
            .map(|host| self.room(host))
            .collect();
        while !moving.is_empty() {
            let service = moving.swap_remove(picks.one_of(moving.len()));
            let fitting: Vec<usize> =
                rooms.iter().enumerate().filter(|(_, room)| room.takes(service)).map(|(at, _)| at).collect();
            let Some(room) = fitting.get(picks.one_of(fitting.len())).and_then(|at| rooms.get_mut(*at))
            else {
                return Err(format!(
                    "a task of {} is unplaced once {} hosts are gone",
                    service.name,
                    removed.len()
                ));
            };
            room.place(service);
        }
        Ok(())
    }

    /// The room on a host as it is.
    fn room(&self, host: &DescribedContainerInstance) -> Room {
        let tasks = self.tasks.values().filter(|task| *task.host == host.arn);
        Room {
            group: self.phase_of(host).map(|(group, _)| group.to_owned()).unwrap_or_default(),
            cpu: host.remaining.cpu.0,
            memory: host.remaining.memory.0,
            network_interfaces: u64::from(host.awsvpc_task_limit.saturating_sub(host.awsvpc_tasks)),
            tcp: host.remaining.tcp_ports_taken.union(&host.registered.tcp_ports_taken).copied().collect(),
            udp: host.remaining.udp_ports_taken.union(&host.registered.udp_ports_taken).copied().collect(),
            services: tasks.filter_map(|task| task.service.clone()).collect(),
        }
    }

    /// The room on a host with nothing but its daemons.
    fn empty(&self, host: &DescribedContainerInstance) -> Room {
        let mut room = self.room(host);
        room.cpu = host.registered.cpu.0;
        room.memory = host.registered.memory.0;
        room.network_interfaces = u64::from(host.awsvpc_task_limit);
        room.tcp.clone_from(&host.registered.tcp_ports_taken);
        room.udp.clone_from(&host.registered.udp_ports_taken);
        room.services.clear();
        for daemon in self.services.iter().filter(|service| service.plan.daemon) {
            if daemon.only_on.as_ref().is_none_or(|group| *group == room.group) {
                room.subtract(&daemon.plan.task);
            }
        }
        room
    }

    fn fits_some_empty_host(&self, service: &Service<'_>) -> bool {
        let of_groups = self.hosts.values().filter(|host| self.phase_of(host).is_some());
        of_groups.map(|host| self.empty(host)).any(|room| room.takes(service))
    }

    /// Returns an error if more hosts are missing than could be. That is where no task waits and
    /// one more of each kind has room. It is also where no waiting task, and none of the headroom,
    /// could be placed on a host of the group.
    ///
    /// After a termination without a clear answer nobody can say whether the host leaves, until
    /// reads of its group must show it: its tasks may need another host, or none.
    pub(super) fn may_be_missing(&self, group: &str, now: DateTime<Utc>) -> Result<(), String> {
        if self.termination_unclear.is_some_and(|at| now < at + TERMINATION_SHOWN) {
            return Ok(());
        }
        let listed = |host| self.phase_of(host).is_some_and(|(_, phase)| phase != Phase::LeavingUnlisted);
        let listed = self.of_group(group).filter(|host| listed(host));
        let empty: Vec<Room> = listed.map(|host| self.empty(host)).collect();
        if empty.is_empty() {
            return Ok(());
        }
        let rooms = self.rooms();
        let reason = self.to_place().any(|(service, tasks)| {
            let waits = tasks + self.may_wait_beside(service) > 0;
            // It takes no task of its own service into account: an instance more is not asked for
            // apart.
            let has_room = || rooms.iter().any(|room| room.takes_one_more(service));
            let wanted = match self.headroom {
                HeadroomPlan::None => waits,
                HeadroomPlan::One => waits || (service.desired > 0 && !has_room()),
                HeadroomPlan::Percent(_) => service.desired > 0,
            };
            wanted && empty.iter().any(|room| room.takes(service))
        });
        if reason { Ok(()) } else { Err(format!("a host of {group} is missing for no task")) }
    }

    /// Returns whether a host gets a new root volume, and its former container instance is still
    /// there: ECS shows tasks on it that are gone.
    pub(super) fn has_returning_host(&self) -> bool {
        let mut hosts = self.hosts.values();
        hosts.any(|host| !host.agent_connected && self.replaced.contains(host.ec2_instance_id.as_str()))
    }

    /// The tasks of a service that may wait beside those to place. A task of a former deployment on
    /// a host that leaves may be one: ECS does not show which deployment replaces it. So may a task
    /// that ECS still counts on an instance that is gone, and that its group still lists.
    fn may_wait_beside(&self, service: &Service<'_>) -> u64 {
        let own = |task: &&Task<'_>| task.service.as_deref() == Some(service.name.as_str());
        let may_wait = |task: &&Task<'_>| {
            let host = self.hosts.get(task.host);
            if host.is_some_and(|host| self.leaves(host)) {
                return task.deployment < service.deployments;
            }
            let listed = host.and_then(|host| self.listed_as(host));
            listed.is_some_and(|(_, phase)| phase == Phase::Gone)
        };
        self.tasks.values().filter(own).filter(may_wait).fold(0, |count, _| count + 1)
    }

    /// The tasks that wait or may wait, those on hosts that leave included.
    pub(super) fn waiting_tasks(&self) -> u64 {
        self.to_place().map(|(service, tasks)| tasks + self.may_wait_beside(service)).sum()
    }

    /// The hosts of a group that are of a status, and whose agent is connected or not where that is
    /// asked. None while one of them leaves: on its way to a warm pool a host is not among its
    /// group's any more.
    pub(super) fn hosts(
        &self,
        group: &str,
        (status, connected): &(ContainerInstanceStatus, Option<bool>),
    ) -> Option<u64> {
        let leaves = |host: &DescribedContainerInstance| {
            let listed = self.listed_as(host);
            listed.is_some_and(|(of, phase)| of == group && (phase.leaves() || phase == Phase::Gone))
        };
        if self.hosts.values().any(|host| leaves(host)) {
            return None;
        }
        let counted = self.of_group(group).filter(|host| {
            host.status == *status && connected.is_none_or(|connected| host.agent_connected == connected)
        });
        Some(counted.fold(0, |count, _| count + 1))
    }

    /// The services with a task that fits on no host, however empty. None where a group has no host
    /// in service that shows it: the function keeps what hosts were like only while it is warm.
    /// Nor where a host is in no group, in the warm pool say: its daemons are its former group's.
    pub(super) fn unplaceable_services(&self) -> Option<u64> {
        let in_service = |host| self.phase_of(host).is_some_and(|(_, phase)| phase == Phase::InService);
        let shows = |group: &String| self.of_group(group).any(in_service);
        let unlisted = self.hosts.values().any(|host| self.phase_of(host).is_none());
        if !self.groups.keys().all(shows) || unlisted {
            return None;
        }
        let empty: Vec<Room> = self.hosts.values().map(|host| self.empty(host)).collect();
        let wanted = self.replicas().filter(|service| service.desired > 0);
        let unplaceable = wanted.filter(|service| !empty.iter().any(|room| room.takes(service)));
        Some(unplaceable.fold(0, |count, _| count + 1))
    }

    /// The tasks that the headroom may be for, beside one for each group.
    pub(super) fn headroom_tasks(&self) -> u64 {
        let HeadroomPlan::Percent(percent) = self.headroom else { return 0 };
        self.replicas().map(|service| (service.desired * u64::from(percent)).div_ceil(100)).sum()
    }

    /// A service whose task waits, though a group that may have more hosts could take it, and none
    /// of them is coming.
    pub(super) fn left_waiting(&self) -> Option<&str> {
        let is_whole = |(name, group): (&String, &Group)| {
            let there = group.instances.iter().filter(|(_, phase)| phase.serves());
            let there: Vec<_> = there.map(|(id, _)| id.as_str()).collect();
            let joined = |id: &&str| {
                self.hosts.values().any(|host| {
                    host.ec2_instance_id.as_str() == *id
                        && host.status == ContainerInstanceStatus::Active
                        && host.agent_connected
                })
            };
            let count = u64::try_from(there.len()).unwrap_or(u64::MAX);
            let grows = !group.deleted && !group.scaled_by_ecs;
            let may_grow = grows && count == group.desired && count < group.most;
            (may_grow && there.iter().all(joined)).then(|| name.clone())
        };
        let whole: Vec<_> = self.groups.iter().map(is_whole).collect();
        // Where one of them is not, it may be what is waited for.
        let whole: Vec<String> = whole.into_iter().collect::<Option<_>>()?;
        let rooms = self.rooms();
        let waiting = self.waiting().filter(|(service, tasks)| {
            *tasks > 0
                && !rooms.iter().any(|room| room.takes(service))
                && self.hosts.values().any(|host| {
                    let empty = self.empty(host);
                    whole.contains(&empty.group) && empty.takes(service)
                })
        });
        waiting.map(|(service, _)| service.name.as_str()).next()
    }
}

impl Room {
    fn takes(&self, service: &Service<'_>) -> bool {
        self.takes_one_more(service) && !(service.plan.distinct && self.services.contains(&service.name))
    }

    fn takes_one_more(&self, service: &Service<'_>) -> bool {
        let task = &service.plan.task;
        let ports = |port: Option<u16>, taken: &BTreeSet<Port>| {
            task.awsvpc || port.is_none_or(|port| !taken.contains(&Port(port)))
        };
        service.only_on.as_ref().is_none_or(|group| *group == self.group)
            && task.cpu <= self.cpu
            && task.memory <= self.memory
            && (!task.awsvpc || self.network_interfaces > 0)
            && ports(task.tcp_port, &self.tcp)
            && ports(task.udp_port, &self.udp)
    }

    fn place(&mut self, service: &Service<'_>) {
        self.subtract(&service.plan.task);
        self.services.insert(service.name.clone());
    }

    fn subtract(&mut self, task: &TaskPlan) {
        self.cpu = self.cpu.saturating_sub(task.cpu);
        self.memory = self.memory.saturating_sub(task.memory);
        self.network_interfaces = self.network_interfaces.saturating_sub(u64::from(task.awsvpc));
        if !task.awsvpc {
            self.tcp.extend(task.tcp_port.map(Port));
            self.udp.extend(task.udp_port.map(Port));
        }
    }
}

/// A waiting task counts as left waiting once nothing has changed for this long. Placing it, and
/// ECS's report of it, take a while.
pub(super) const SETTLED: TimeDelta = TimeDelta::seconds(90);
