//! Availability Zone rebalancing of services: `availabilityZoneRebalancing` ENABLED, the default of
//! new services that spread over zones first or state no strategy.
//!
//! ECS starts a task in the zone with the fewest, on instances that are there. Once that task is
//! healthy, ECS stops one in the zone with the most. It needs a maximum above 100 percent and no
//! deployment under way, and does not exist for DAEMON services (developer guide,
//! "service-rebalancing").
//!
//! AWS does not document how soon that happens, nor how many tasks it moves at once. The world
//! moves one task at a time, once zones have been uneven for as long as the service says.

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::DesiredStatus;
use std::collections::BTreeMap;

use super::Cluster;
use super::placement::{Placing, takes_tasks};
use super::service::{SchedulingStrategy, Service};
use crate::world::World;
use crate::world::history::Occurrence;

/// How often ECS looks again at a service whose zones it could not balance.
const AGAIN: TimeDelta = TimeDelta::seconds(60);

impl Service {
    /// With `availabilityZoneRebalancing` ENABLED: it begins once zones have been uneven for so
    /// long.
    #[must_use]
    pub fn rebalancing_zones_after(mut self, seconds: u32) -> Self {
        self.zone_rebalancing = Some(TimeDelta::seconds(i64::from(seconds)));
        self
    }

    /// Returns whether a task that was started to balance zones is not healthy yet.
    pub(super) fn is_rebalancing(&self) -> bool {
        !self.rebalancing.is_empty()
    }
}

impl World {
    /// A service's tasks were planned: balances its zones, where it has all that it wants and does
    /// nothing else.
    pub(super) fn rebalance_service_zones(&mut self, name: &str, service: &str) {
        let now = self.now;
        let Some(cluster) = self.clusters.get(name) else { return };
        let Some(known) = cluster.services.get(service) else { return };
        let Some(wait) = known.zone_rebalancing else { return };
        let is_replica = known.scheduling_strategy == SchedulingStrategy::Replica;
        let has_room = known.maximum() > u64::from(known.desired_count);
        let may = is_replica && has_room && !known.deploying && cluster.is_steady(known, now);
        let hosts = if may { cluster.emptier_zones(known) } else { Vec::new() };
        let since = if hosts.is_empty() { None } else { Some(known.uneven_since.unwrap_or(now)) };
        if let Some(known) = self.clusters.get_mut(name).and_then(|it| it.services.get_mut(service)) {
            known.uneven_since = since;
        }
        let Some(since) = since else { return };
        if now < since + wait {
            return self.request_service_scheduler_at(name, since + wait);
        }
        match hosts.iter().find_map(|host| self.place_to_rebalance(name, service, host)) {
            Some(task) => {
                let found = self.clusters.get_mut(name).and_then(|it| it.services.get_mut(service));
                if let Some(known) = found {
                    known.rebalancing.insert(task.clone());
                    known.settled = false;
                }
                self.record(Occurrence::RebalancingService { service: service.to_owned(), task });
            }
            None => self.request_service_scheduler_at(name, now + AGAIN),
        }
    }

    /// Forgets the tasks that were started to balance zones and are healthy or gone.
    pub(super) fn note_rebalanced(&mut self, cluster: &str, service: &str) {
        let now = self.now;
        let Some(cluster) = self.clusters.get_mut(cluster) else { return };
        let tasks = &cluster.tasks;
        let Some(known) = cluster.services.get_mut(service) else { return };
        known.rebalancing.retain(|arn| {
            tasks
                .get(arn)
                .is_some_and(|task| task.desired_status == DesiredStatus::Running && !task.is_healthy(now))
        });
    }
}

impl Cluster {
    /// The hosts of the zones that have at least two tasks of a service fewer than the fullest one;
    /// those with the fewest tasks first. Zones without a host that the tasks may go to do not
    /// count: ECS launches no host to balance a service.
    fn emptier_zones(&self, service: &Service) -> Vec<ContainerInstanceArn> {
        let provider = service.capacity_provider_strategy.first().map(|item| item.provider.as_str());
        let definition = &service.task_definition;
        let placing = Placing { definition, service: Some(service), capacity_provider: provider };
        let may_go_to = self.container_instances.values().filter(|host| {
            takes_tasks(host) && placing.is_provided_by(host) && placing.may_go_to(self, host).is_ok()
        });
        let hosts: Vec<_> = may_go_to.collect();
        let mut zones: BTreeMap<&str, u32> = hosts.iter().map(|host| (host.zone(), 0)).collect();
        for task in self.tasks_of_service(&service.name) {
            let host = self.container_instances.get(&task.container_instance);
            if let Some(host) = host {
                *zones.entry(host.zone()).or_default() += 1;
            }
        }
        let most = zones.values().copied().max().unwrap_or(0);
        let count = |zone: &str| zones.get(zone).copied().unwrap_or(0);
        let mut emptier: Vec<_> = hosts.into_iter().filter(|host| count(host.zone()) + 2 <= most).collect();
        emptier.sort_by_key(|host| (count(host.zone()), host.reserved.tasks, &host.arn));
        emptier.into_iter().map(|host| host.arn.clone()).collect()
    }
}
