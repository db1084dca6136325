//! The tasks that the REPLICA services of clusters want, as a history goes on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{Entry, Occurrence};

use crate::scenario::Scenario;
use crate::set_up::service_name;

/// The tasks that a cluster's services want together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    services: u64,
    pub(super) desired: u64,
    /// Of these, the tasks that neither run nor are PENDING.
    pub(super) missing: u64,
}

/// All services, by name, and what each cluster wants.
#[derive(Debug)]
pub(super) struct Demand<'a> {
    services: BTreeMap<String, Service>,
    /// The service of each task that is desired RUNNING.
    tasks: BTreeMap<&'a TaskArn, String>,
    clusters: Vec<OfCluster>,
}

#[derive(Debug)]
struct Service {
    cluster: usize,
    desired: u64,
    has: u64,
}

#[derive(Debug, Default)]
struct OfCluster {
    /// The services, by name, in their order.
    names: Vec<String>,
    wanted: Wanted,
    changed: Option<DateTime<Utc>>,
    /// The desired count before each change, oldest first.
    desired_before: Vec<(DateTime<Utc>, u64)>,
}

impl<'a> Demand<'a> {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let (mut services, mut clusters) = (BTreeMap::new(), Vec::new());
        for (cluster, plan) in scenario.clusters.iter().enumerate() {
            let mut of_cluster = OfCluster::default();
            for number in (0..).zip(&plan.services).filter(|(_, it)| !it.daemon).map(|(number, _)| number) {
                services.insert(service_name(cluster, number), Service { cluster, desired: 0, has: 0 });
                of_cluster.names.push(service_name(cluster, number));
                of_cluster.wanted.services += 1;
            }
            clusters.push(of_cluster);
        }
        Self { services, tasks: BTreeMap::new(), clusters }
    }

    /// Takes in an entry.
    pub(super) fn see(&mut self, entry: &'a Entry) {
        match &entry.what {
            Occurrence::DesiredCount { service, desired_count } => {
                let to = u64::from(*desired_count);
                self.change(service, entry.at, |service| service.desired = to);
            }
            Occurrence::TaskPlaced { task, group, .. } => {
                if let Some(name) = group.strip_prefix("service:") {
                    self.tasks.insert(task, name.to_owned());
                    self.change(name, entry.at, |service| service.has += 1);
                }
            }
            Occurrence::TaskStopping { task, .. }
            | Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                if let Some(name) = self.tasks.remove(task) {
                    self.change(&name, entry.at, |service| service.has -= 1);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, name: &str, at: DateTime<Utc>, change: impl Fn(&mut Service)) {
        let Some(service) = self.services.get_mut(name) else { return };
        let Some(of) = self.clusters.get_mut(service.cluster) else { return };
        let before = service.desired;
        of.wanted.missing -= service.missing();
        change(service);
        of.wanted.missing += service.missing();
        of.changed = Some(at);
        if service.desired != before {
            of.desired_before.push((at, of.wanted.desired));
            of.wanted.desired = of.wanted.desired - before + service.desired;
        }
    }

    /// The highest sum of a cluster's desired counts at any time since.
    pub(super) fn most_desired_since(&self, cluster: usize, time: DateTime<Utc>) -> u64 {
        let Some(of) = self.clusters.get(cluster) else { return 0 };
        let changed = of.desired_before.iter().rev().take_while(|(at, _)| *at >= time);
        changed.map(|(_, before)| *before).max().unwrap_or(0).max(of.wanted.desired)
    }
}

impl Service {
    fn missing(&self) -> u64 {
        self.desired.saturating_sub(self.has)
    }
}
