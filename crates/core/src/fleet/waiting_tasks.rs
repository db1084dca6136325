//! How many tasks of each kind wait to be placed.

use std::collections::BTreeMap;

use super::Fleet;
use super::amounts::count;
use super::certificate::Moving;
use super::hosts::Standing;
use super::task_kind::TaskKinds;
use crate::service::{SchedulingStrategy, Service};

/// The tasks of each kind that wait, those on hosts that leave included, in the kinds' order.
/// Services and hosts are not read in the same instant: a task that ECS placed in between waits by
/// the one and takes its room by the other. Services that start tasks are read again after the
/// hosts.
#[derive(Debug, Default)]
pub(super) struct WaitingTasks {
    /// Those that wait by both readings: hosts are missing for these.
    pub(super) at_least: Vec<u64>,
    /// Those that wait by either reading: what is removed leaves room for these.
    pub(super) at_most: Vec<u64>,
}

impl WaitingTasks {
    pub(super) fn of(fleet: &Fleet<'_>) -> Self {
        let first = fleet.waiting_by(|service| service);
        let again = &fleet.snapshot.services_read_again;
        if again.is_empty() {
            return Self { at_least: first.clone(), at_most: first };
        }
        let last = fleet.waiting_by(|service| again.get(&service.name).unwrap_or(service));
        let both = || first.iter().copied().zip(last.iter().copied());
        Self {
            at_least: both().map(|(first, last)| first.min(last)).collect(),
            at_most: both().map(|(first, last)| first.max(last)).collect(),
        }
    }
}

/// The tasks that deployments and task sets want and that neither run nor start: by kind, in the
/// kinds' order.
pub(super) fn wanted_tasks<'s>(services: impl Iterator<Item = &'s Service>, kinds: &TaskKinds) -> Vec<u64> {
    let mut waiting = vec![0; kinds.all.len()];
    for service in services.filter(|it| it.active && it.strategy == SchedulingStrategy::Replica) {
        let mut startable = startable(service);
        for deployment in service.on_ec2() {
            let mut wants = u64::from(deployment.desired).saturating_sub(deployment.has());
            if !deployment.task_set {
                wants = wants.min(startable);
                startable -= wants;
            }
            let kind = kinds.of_deployment(&service.name, &deployment.definition);
            if let Some(waiting) = kind.and_then(|kind| waiting.get_mut(kind)) {
                *waiting += wants;
            }
        }
    }
    waiting
}

/// How many tasks more `maximumPercent` lets ECS start; rounded down (API reference,
/// `DeploymentConfiguration`).
fn startable(service: &Service) -> u64 {
    let most = u64::from(service.desired) * u64::from(service.maximum_percent) / 100;
    most.saturating_sub(u64::from(service.running) + u64::from(service.pending))
}

impl Fleet<'_> {
    /// The tasks that wait, by this reading of each service. Those on hosts that leave are among
    /// them, of each service no more than it lacks without them: ECS starts a task's replacement
    /// before it stops the task, and then the replacement is placed already.
    fn waiting_by<'s>(&'s self, reading: impl Fn(&'s Service) -> &'s Service) -> Vec<u64> {
        let services = || self.snapshot.services.iter().map(&reading);
        let mut waiting = wanted_tasks(services(), &self.kinds);
        let leaving = self.hosts.iter().enumerate().filter(|(_, host)| host.standing == Standing::Leaving);
        let leaving: Vec<_> = leaving.map(|(host, _)| self.moved_from(host)).collect();
        let mut of_services: BTreeMap<&str, Vec<(usize, u64)>> = BTreeMap::new();
        for (kind, tasks) in leaving.iter().flat_map(Moving::iter) {
            if let Some(it) = self.kinds.all.get(kind) {
                of_services.entry(&it.service).or_default().push((kind, tasks));
            }
        }
        for service in services() {
            let Some(leaving) = of_services.remove(service.name.as_str()) else { continue };
            let all = leaving.iter().map(|(_, tasks)| tasks).sum();
            let mut lacks = self.lacks_without(service, all, &waiting);
            for (kind, tasks) in leaving {
                let tasks = tasks.min(lacks);
                lacks -= tasks;
                if let Some(waiting) = waiting.get_mut(kind) {
                    *waiting += tasks;
                }
            }
        }
        waiting
    }

    /// Of each kind, the tasks that its service has beyond those that it wants, on hosts that stay.
    /// They are headroom that is placed already: ECS starts no task until the service wants more
    /// than it has. ECS runs such tasks while it balances a service over zones (developer guide,
    /// "service-rebalancing"). If the group grew for the room that these take, it would shrink
    /// again once they stop, and leave the zones uneven anew.
    pub(super) fn surplus_tasks(&self) -> Vec<u64> {
        let surplus = self.snapshot.services.iter().map(|it| (it.name.as_str(), self.surplus_of(it)));
        let surplus: BTreeMap<_, _> = surplus.collect();
        let kinds = self.kinds.all.iter();
        kinds.map(|kind| surplus.get(kind.service.as_str()).copied().unwrap_or(0)).collect()
    }

    /// Amid a deployment there are none: it needs their room for its own tasks.
    fn surplus_of(&self, service: &Service) -> u64 {
        let [deployment] = service.deployments.as_slice() else { return 0 };
        let beyond = deployment.has().saturating_sub(service.desired.max(deployment.desired).into());
        if beyond == 0 {
            return 0;
        }
        let leaving = self.hosts.iter().filter(|host| host.leaves()).map(|host| match host.tasks {
            Some(tasks) => {
                count(tasks.iter().filter(|task| task.service.as_ref() == Some(&service.name)).count())
            }
            None => host.instance.tasks(),
        });
        beyond.saturating_sub(leaving.sum())
    }

    /// The tasks that a service lacks beside those that wait, without as many of those that it has.
    fn lacks_without(&self, service: &Service, leaving: u64, waiting: &[u64]) -> u64 {
        let (desired, has) = service
            .on_ec2()
            .fold((0, 0), |(desired, has), it| (desired + u64::from(it.desired), has + it.has()));
        let kinds = self.kinds.all.iter().zip(waiting);
        let waiting: u64 =
            kinds.filter(|(kind, _)| kind.service == service.name).map(|(_, tasks)| tasks).sum();
        u64::from(service.desired).max(desired).saturating_sub(has.saturating_sub(leaving) + waiting)
    }
}
