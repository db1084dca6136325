//! The service scheduler: starts, stops and moves services' tasks within their limits.
//!
//! It plans a cluster's services one after another, DAEMON services first, so that no REPLICA task
//! takes their room.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::candidates::Candidates;
use super::deployment_event::{DEPLOYMENT_STATE_CHANGE, DeploymentStateChange};
use super::placement::Placing;
use super::placement_mode::PlacementMode;
use super::plan::{Plan, Start, Starting};
use super::service::{SchedulingStrategy, Service};
use super::service_action::{ServiceAction, ServiceActionName};
use super::service_event::ServiceEvents;
use super::strategy::Shares;
use super::task::StopCode;
use super::task_definition::TaskDefinition;
use super::task_lifecycle::Wanted;
use super::{Cluster, daemon_plan, replica_plan};
use crate::world::World;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::outbox::Emitted;

/// The least time between two events of a service's placement failure.
const BETWEEN_PLACEMENT_FAILURES: TimeDelta = TimeDelta::seconds(60);

fn plan(cluster: &Cluster, service: &Service, mode: PlacementMode, now: DateTime<Utc>) -> Plan {
    match service.scheduling_strategy {
        SchedulingStrategy::Replica => replica_plan::plan(cluster, service, mode, now),
        SchedulingStrategy::Daemon => daemon_plan::plan(cluster, service, now),
    }
}

/// Where a task may go.
enum Where<'c, 'p> {
    Only(&'c ContainerInstanceArn),
    /// The candidates of its capacity provider, which are found once for all tasks of a kind.
    Among(&'c mut BTreeMap<Option<&'p str>, Candidates>),
}

impl World {
    /// Something changed that the scheduler may act upon.
    pub(crate) fn request_service_scheduler(&mut self, name: &str) {
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        if std::mem::replace(&mut cluster.scheduler_due, true) {
            return;
        }
        let due = self.now + TimeDelta::seconds(i64::from(cluster.scheduler_delay_seconds));
        self.agenda.enter(due, Transition::ServiceScheduler { cluster: name.to_owned() });
    }

    /// Something will change by then: a task will have been up long enough to be healthy.
    pub(crate) fn request_service_scheduler_at(&mut self, name: &str, time: DateTime<Utc>) {
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        if cluster.scheduler_runs.insert(time) {
            self.agenda.enter(time, Transition::ServiceScheduler { cluster: name.to_owned() });
        }
    }

    /// Hosts changed in a way that makes the scheduler look again at services that had all they
    /// wanted: at those of one strategy, or at all.
    pub(crate) fn unsettle(&mut self, cluster: &str, only: Option<SchedulingStrategy>) {
        let Some(cluster) = self.clusters.get_mut(cluster) else { return };
        for service in cluster.services.values_mut() {
            service.settled &= only.is_some_and(|only| only != service.scheduling_strategy);
        }
    }

    pub(crate) fn run_service_scheduler(&mut self, name: &str) {
        let now = self.now;
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        cluster.scheduler_due = false;
        cluster.scheduler_runs.remove(&now);
        let (daemons, replicas): (Vec<&Service>, Vec<&Service>) = cluster
            .services
            .values()
            .filter(|service| !service.settled || service.zone_rebalancing.is_some())
            .partition(|service| service.scheduling_strategy == SchedulingStrategy::Daemon);
        let services: Vec<String> =
            daemons.into_iter().chain(replicas).map(|service| service.name.clone()).collect();
        for service in services {
            self.schedule_service(name, &service);
            self.note_steadiness(name, &service);
            self.rebalance_service_zones(name, &service);
        }
        self.place_provisioning(name);
    }

    fn schedule_service(&mut self, cluster: &str, service: &str) {
        let Some(found) = self.clusters.get(cluster) else { return };
        let Some(known) = found.services.get(service) else { return };
        let definition = Arc::clone(&known.task_definition);
        let waits = known.backs_off(self.now);
        let plan = plan(found, known, self.placement.mode, self.now);
        for task in &plan.stop {
            self.begin_stopping(cluster, task, StopCode::ServiceSchedulerInitiated);
        }
        self.log(cluster, service, |events, now| events.stopped(service, now, &plan.stop));
        self.note_rebalanced(cluster, service);
        let mut started = Vec::new();
        let failure = match plan.start {
            Start::Anywhere(all) if all.iter().all(|starting| starting.count == 0) => {
                self.note_attempt(cluster, service, false, false);
                return;
            }
            Start::Anywhere(_) if waits => return,
            Start::Anywhere(all) => {
                let mut failure = None;
                for starting in &all {
                    failure = self.place_all(cluster, service, starting, &mut started).or(failure);
                }
                failure
            }
            Start::OnEach(hosts) if hosts.is_empty() => return,
            Start::OnEach(hosts) => {
                let mut failure = None;
                for host in hosts {
                    match self.place(cluster, service, (&definition, None), Where::Only(&host)) {
                        Ok(task) => started.extend(task),
                        Err(reason) => failure = failure.or(Some(reason)),
                    }
                }
                failure
            }
        };
        self.log(cluster, service, |events, now| events.started(service, now, &started));
        self.note_attempt(cluster, service, failure.is_some(), !started.is_empty());
        self.note_placement(cluster, service, failure);
    }

    /// Places tasks of one revision until one of them finds no room; why it does not.
    fn place_all(
        &mut self,
        cluster: &str,
        service: &str,
        starting: &Starting,
        started: &mut Vec<TaskArn>,
    ) -> Option<&'static str> {
        let tasks = self.tasks_of_service(cluster, service).into_iter();
        let alive = tasks.filter(|task| {
            Arc::ptr_eq(&task.definition, &starting.definition)
                && task.desired_status == DesiredStatus::Running
        });
        let providers: Vec<String> = alive.filter_map(|task| task.capacity_provider.clone()).collect();
        let mut shares = Shares::of(&starting.strategy, providers.iter().map(String::as_str));
        let mut candidates = BTreeMap::new();
        (0..starting.count).find_map(|_| {
            let wanted = (&starting.definition, shares.next());
            let placed = self.place(cluster, service, wanted, Where::Among(&mut candidates));
            placed.map(|task| started.extend(task)).err()
        })
    }

    /// Places one task of a service, with a capacity provider where it has one.
    fn place<'a>(
        &mut self,
        cluster: &str,
        service: &str,
        (definition, provider): (&Arc<TaskDefinition>, Option<&'a str>),
        whereto: Where<'_, 'a>,
    ) -> Result<Option<TaskArn>, &'static str> {
        let Some(found) = self.clusters.get(cluster) else { return Ok(None) };
        let known = found.services.get(service);
        let placing = Placing { definition, service: known, capacity_provider: provider };
        let choice = &mut self.placement;
        let container_instance = match whereto {
            Where::Only(arn) => {
                Candidates::only(found, &placing, choice, arn).place(found, &placing, &mut choice.chance)
            }
            Where::Among(candidates) => {
                let of_provider =
                    candidates.entry(provider).or_insert_with(|| Candidates::of(found, &placing, choice));
                of_provider.place(found, &placing, &mut choice.chance)
            }
        }?;
        let wanted = Wanted {
            definition: Arc::clone(definition),
            service: Some(service.to_owned()),
            capacity_provider: provider.map(str::to_owned),
        };
        Ok(Some(self.start_placed_task(cluster, &container_instance, wanted)))
    }

    /// Starts one more task of a service on a host, where it has room.
    pub(super) fn place_to_rebalance(
        &mut self,
        cluster: &str,
        service: &str,
        host: &ContainerInstanceArn,
    ) -> Option<TaskArn> {
        let known = self.clusters.get(cluster)?.services.get(service)?;
        let definition = Arc::clone(&known.task_definition);
        let provider = known.capacity_provider_strategy.first().map(|item| item.provider.clone());
        let wanted = (&definition, provider.as_deref());
        let task = self.place(cluster, service, wanted, Where::Only(host)).ok()??;
        let started = [task];
        self.log(cluster, service, |events, now| events.started(service, now, &started));
        let [task] = started;
        Some(task)
    }

    /// Records that the scheduler could place a service's tasks, or failed to. While a failure
    /// lasts, the history has it once, and an event reports it once a minute.
    fn note_placement(&mut self, cluster: &str, service: &str, failure: Option<&'static str>) {
        let now = self.now;
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let Some(known) = found.services.get_mut(service) else { return };
        let before = std::mem::replace(&mut known.placement_failure, failure);
        let Some(reason) = failure else {
            known.events.placed();
            return;
        };
        let sent = known.placement_failure_sent_at.filter(|sent| now < *sent + BETWEEN_PLACEMENT_FAILURES);
        let next = sent.unwrap_or(now) + BETWEEN_PLACEMENT_FAILURES;
        let is_new = known.events.is_new_failure(now, reason);
        known.placement_failure_sent_at = sent.or(Some(now));
        if before != Some(reason) {
            self.record(Occurrence::PlacementFailed { service: service.to_owned(), reason });
        }
        if is_new {
            let closest = self.closest(cluster, service, reason);
            self.log(cluster, service, |events, now| {
                events.placement_failed(service, now, reason, closest.first());
            });
        }
        if sent.is_none() {
            let container_instances = self.closest(cluster, service, reason);
            let name = ServiceActionName::TaskPlacementFailure { reason, container_instances };
            self.emit_service_action(cluster, service, name);
        }
        self.request_service_scheduler_at(cluster, next);
    }

    /// The instances that match a service's task best, and lack this.
    fn closest(&self, cluster: &str, service: &str, lacking: &'static str) -> Vec<ContainerInstanceArn> {
        let found = self.clusters.get(cluster);
        let closest = found.and_then(|found| Some(found.closest(found.services.get(service)?, lacking)));
        closest.unwrap_or_default()
    }

    /// The scheduler logs an event of a service.
    fn log(&mut self, cluster: &str, service: &str, log: impl FnOnce(&mut ServiceEvents, DateTime<Utc>)) {
        let now = self.now;
        let found = self.clusters.get_mut(cluster);
        if let Some(known) = found.and_then(|found| found.services.get_mut(service)) {
            log(&mut known.events, now);
        }
    }

    /// Sends an event when a service comes to have what it wants.
    fn note_steadiness(&mut self, cluster: &str, service: &str) {
        let Some(found) = self.clusters.get(cluster) else { return };
        let steady = found.services.get(service).is_some_and(|known| found.is_steady(known, self.now));
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let Some(known) = found.services.get_mut(service) else { return };
        known.settled = steady;
        let before = std::mem::replace(&mut known.steady, steady);
        if steady && !before {
            known.events.steady(service, self.now);
            let deployed = std::mem::take(&mut known.deploying);
            self.emit_service_action(cluster, service, ServiceActionName::SteadyState);
            if deployed {
                self.emit_deployment(cluster, service, true);
            }
        }
    }

    fn emit_service_action(&mut self, cluster: &str, service: &str, name: ServiceActionName) {
        let action = ServiceAction { cluster: cluster.to_owned(), service: service.to_owned(), name };
        let id = self.ids.uuid();
        self.emit(Emitted::ServiceAction { id, action });
    }

    /// Sends an event of a deployment, where a rule waits for such events.
    pub(super) fn emit_deployment(&mut self, cluster: &str, service: &str, completed: bool) {
        if !self.event_sources.wants(DEPLOYMENT_STATE_CHANGE) {
            return;
        }
        let (cluster, service) = (cluster.to_owned(), service.to_owned());
        let id = self.ids.uuid();
        let change = DeploymentStateChange { cluster, service, completed };
        self.emit(Emitted::DeploymentStateChange { id, change });
    }
}
