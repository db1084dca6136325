//! From the world's history to the figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::{LastStatus, StopCode};
use fleetkeeper_sim::world::history::{Entry, Occurrence};

use super::shortage::Shortage;
use super::stages::Launches;
use super::{Figures, Minute};

/// A task that waits longer is missed by somebody.
const SHORT: TimeDelta = TimeDelta::seconds(60);

/// A task that has not STOPPED.
#[derive(Debug, Clone)]
struct Live {
    service: Option<String>,
    deployment: u32,
    host: ContainerInstanceArn,
    running: bool,
}

/// A batch task that lost its host: its owner runs it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// The task.
    pub task: TaskArn,
    /// When.
    pub at: DateTime<Utc>,
}

/// The figures so far.
#[derive(Debug, Clone)]
pub struct Tally {
    figures: Figures,
    /// Of the trace's services; those of workers have queues of their own.
    services: BTreeMap<String, Shortage>,
    deployments: BTreeMap<String, u32>,
    tasks: BTreeMap<TaskArn, Live>,
    ec2_of: BTreeMap<ContainerInstanceArn, Ec2InstanceId>,
    draining: BTreeSet<ContainerInstanceArn>,
    taken_by_spot: BTreeSet<Ec2InstanceId>,
    hosts: u32,
    host_seconds: i64,
    reckoned_to: DateTime<Utc>,
    /// Standalone tasks that have been placed and do not run yet: since when their owner waits.
    placed: BTreeMap<TaskArn, DateTime<Utc>>,
    killed: Vec<Killed>,
    launches: Launches,
}

impl Tally {
    /// Nothing yet. The services are those whose tasks' waits count.
    #[must_use]
    pub fn new(services: impl Iterator<Item = String>, now: DateTime<Utc>) -> Self {
        Self {
            figures: Figures::default(),
            services: services.map(|name| (name, Shortage::default())).collect(),
            deployments: BTreeMap::new(),
            tasks: BTreeMap::new(),
            ec2_of: BTreeMap::new(),
            draining: BTreeSet::new(),
            taken_by_spot: BTreeSet::new(),
            hosts: 0,
            host_seconds: 0,
            reckoned_to: now,
            placed: BTreeMap::new(),
            killed: Vec::new(),
            launches: Launches::default(),
        }
    }

    /// What happened so far was preparation: it does not count.
    pub fn begin(&mut self, now: DateTime<Utc>) {
        self.reckon(now);
        (self.figures, self.host_seconds) = (Figures::default(), 0);
    }

    /// Goes on with what happened.
    pub fn add(&mut self, entry: &Entry) {
        let now = entry.at;
        self.launches.add(entry);
        match &entry.what {
            Occurrence::InstanceLaunching { .. } => {
                self.reckon(now);
                self.hosts += 1;
                self.figures.launched += 1;
            }
            Occurrence::InstanceTerminated { .. } => {
                self.reckon(now);
                self.hosts = self.hosts.saturating_sub(1);
                self.figures.removed += 1;
            }
            // Stopped in the warm pool, it costs its volume alone.
            Occurrence::InstanceInWarmPool { .. } => {
                self.reckon(now);
                self.hosts = self.hosts.saturating_sub(1);
            }
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                self.ec2_of.insert(container_instance.clone(), ec2_instance_id.clone());
            }
            Occurrence::ContainerInstanceStatus { container_instance, status } => {
                if *status == ContainerInstanceStatus::Draining {
                    self.draining.insert(container_instance.clone());
                } else {
                    self.draining.remove(container_instance);
                }
            }
            Occurrence::SpotNotice { instance, .. } => {
                self.taken_by_spot.insert(instance.clone());
            }
            Occurrence::DesiredCount { service, desired_count } => {
                if let Some(shortage) = self.services.get_mut(service) {
                    let wanted = usize::try_from(*desired_count).unwrap_or(usize::MAX);
                    for since in shortage.wants(wanted, now) {
                        self.figures.service_waits.add(seconds(since, now));
                    }
                }
            }
            Occurrence::DeploymentStarted { service, .. } => {
                *self.deployments.entry(service.clone()).or_default() += 1;
                if let Some(shortage) = self.services.get_mut(service) {
                    shortage.deploys(now);
                }
            }
            Occurrence::TaskPlaced { task, group, container_instance } => {
                let service = group.strip_prefix("service:").map(str::to_owned);
                let deployment = service.as_ref().map_or(0, |name| self.deployment(name));
                let host = container_instance.clone();
                self.tasks.insert(task.clone(), Live { service, deployment, host, running: false });
            }
            Occurrence::TaskStatus { task, status: LastStatus::Running } => self.runs(task, now),
            Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                self.tasks.remove(task);
            }
            Occurrence::TaskStopping { task, code } => self.stops(task, *code, now),
            Occurrence::TaskKilled { task, container_instance, .. } => {
                self.loses(task, container_instance, now);
            }
            Occurrence::RebalancingService { .. } => self.figures.balanced += 1,
            Occurrence::ApiCalled { .. } => self.figures.api_calls += 1,
            Occurrence::InvocationStarted { .. } => self.figures.invocations += 1,
            _ => {}
        }
    }

    /// An owner's standalone task was placed. Its owner waits for it since then.
    pub fn placed(&mut self, task: TaskArn, since: DateTime<Utc>, now: DateTime<Utc>) {
        if self.tasks.get(&task).is_some_and(|task| task.running) {
            self.figures.batch_waits.add(seconds(since, now));
        } else {
            self.placed.insert(task, since);
        }
    }

    /// A worker began with a batch task.
    pub fn began(&mut self, since: DateTime<Utc>, now: DateTime<Utc>) {
        self.figures.batch_waits.add(seconds(since, now));
    }

    /// Takes the tasks that lost their hosts since the last time.
    pub fn take_killed(&mut self) -> Vec<Killed> {
        std::mem::take(&mut self.killed)
    }

    /// The end of a minute. The batch tasks' owners wait for these.
    pub fn minute(&mut self, now: DateTime<Utc>, batch_since: impl Iterator<Item = DateTime<Utc>>) {
        self.reckon(now);
        let of_services = self.services.values().flat_map(Shortage::waiting);
        let (mut waiting, mut short) = (0, false);
        for since in of_services.chain(batch_since) {
            waiting += 1;
            short |= now - since > SHORT;
        }
        self.figures.minutes_short += u64::from(short);
        let running = self.tasks.values().filter(|task| task.running).count();
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        self.figures.minutes.push(Minute { hosts: self.hosts, running, waiting });
    }

    /// The figures at the end. A task that still waits has waited until now.
    #[must_use]
    pub fn end(mut self, now: DateTime<Utc>, batch_since: impl Iterator<Item = DateTime<Utc>>) -> Figures {
        self.reckon(now);
        let figures = &mut self.figures;
        for since in self.services.values().flat_map(Shortage::waiting) {
            figures.service_waits.add(seconds(since, now));
            figures.never_ran += u64::from(now - since > SHORT);
        }
        for since in batch_since.chain(self.placed.into_values()) {
            figures.batch_waits.add(seconds(since, now));
            figures.never_ran += u64::from(now - since > SHORT);
        }
        let host_seconds = u32::try_from(self.host_seconds).map_or(f64::INFINITY, f64::from);
        figures.host_hours = host_seconds / 3600.0;
        self.figures
    }

    fn reckon(&mut self, now: DateTime<Utc>) {
        self.host_seconds += (now - self.reckoned_to).num_milliseconds() / 1000 * i64::from(self.hosts);
        self.reckoned_to = now;
    }

    fn deployment(&self, service: &str) -> u32 {
        self.deployments.get(service).copied().unwrap_or(0)
    }

    fn runs(&mut self, arn: &TaskArn, now: DateTime<Utc>) {
        let Some(task) = self.tasks.get_mut(arn) else { return };
        task.running = true;
        if let Some(since) = self.placed.remove(arn) {
            self.figures.batch_waits.add(seconds(since, now));
        }
        let Some(service) = task.service.clone() else { return };
        let (present, host) = (task.deployment, task.host.clone());
        if present != self.deployment(&service) {
            return;
        }
        if let Some(since) = self.services.get_mut(&service).and_then(|shortage| shortage.runs(now)) {
            self.figures.service_waits.add(seconds(since, now));
            self.figures.stages.push(self.launches.stages(&host, since, now));
        }
    }

    fn stops(&mut self, arn: &TaskArn, code: StopCode, now: DateTime<Utc>) {
        let Some(task) = self.tasks.get(arn) else { return };
        let moved = task.running && code == StopCode::ServiceSchedulerInitiated;
        self.figures.moved += u64::from(moved && self.draining.contains(&task.host));
        self.no_longer_runs(arn, now);
    }

    fn loses(&mut self, arn: &TaskArn, host: &ContainerInstanceArn, now: DateTime<Utc>) {
        let by_spot = self.ec2_of.get(host).is_some_and(|ec2| self.taken_by_spot.contains(ec2));
        if by_spot {
            self.figures.killed_by_spot += 1;
        } else {
            self.figures.killed += 1;
        }
        self.no_longer_runs(arn, now);
        self.killed.push(Killed { task: arn.clone(), at: now });
    }

    fn no_longer_runs(&mut self, arn: &TaskArn, now: DateTime<Utc>) {
        let Some(task) = self.tasks.get_mut(arn) else { return };
        if !std::mem::take(&mut task.running) {
            return;
        }
        let (service, deployment) = (task.service.clone(), task.deployment);
        let present = service.filter(|name| self.deployment(name) == deployment);
        if let Some(shortage) = present.and_then(|name| self.services.get_mut(&name)) {
            shortage.lost(now);
        }
    }
}

fn seconds(since: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
    u32::try_from((now - since).num_seconds()).unwrap_or(0)
}
