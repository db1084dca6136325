//! Reads the cluster, decides, puts the metrics.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::capacity::{self, Demanded, Report};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus,
};
use fleetkeeper_core::fleet::{Decision, Fleet, MissingReason, Snapshot};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::AutoScalingGroup;
use fleetkeeper_core::ports::{AutoScalingGroups, Clock, METRIC_DATA_MAX, MetricDatum, Metrics};
use fleetkeeper_core::time_left::within;
use serde_json::Value;
use tracing::warn;

use crate::calls::{EcsReads, Paces};
use crate::config::Config;
use crate::error::CapacityError;
use crate::metrics::metric_data;
use crate::report;
use crate::seen::{HOLD, Seen};
use crate::snapshot::Reader;
use crate::summary::{
    BookFigures, Covered, Figures, GroupFigures, Held, HeldReason, Outcome, Published, Summary,
};
use crate::tasks::{Listed, TaskReader};
use crate::trigger::Trigger;
use crate::warm::{Clusters, Warm};

/// What is left of the invocation for its own answer: the error that names the call without an
/// answer must still get out.
pub const DEADLINE_MARGIN: TimeDelta = TimeDelta::seconds(1);

/// Time that is left for the calls after the tasks: their protection, and the metrics.
const AFTER_TASKS: TimeDelta = TimeDelta::seconds(6);

/// Time that is left for the metrics.
const AFTER_PROTECTION: TimeDelta = TimeDelta::seconds(3);

/// The function: what it reads, what it writes, its clock and its variables, and what it keeps
/// while it is warm.
#[derive(Debug)]
pub struct CapacityCalculator<E, A, M, C> {
    /// ECS.
    pub ecs: E,
    /// EC2 Auto Scaling.
    pub auto_scaling: A,
    /// CloudWatch.
    pub metrics: M,
    /// The clock.
    pub clock: C,
    /// The variables.
    pub config: Config,
    paces: Paces,
    clusters: Clusters,
    seen: Seen,
}

/// The worst-case containers of a snapshot.
struct Demands {
    of_cluster: Vec<Demanded>,
    /// Of each group, where there are several: of one the cluster's figures say all.
    of_groups: Vec<Vec<Demanded>>,
}

/// The decisions of a snapshot, with its worst-case containers.
struct Decided {
    decision: Decision,
    demands: Demands,
}

impl Demands {
    fn of(fleet: &Fleet<'_>, snapshot: &Snapshot) -> Self {
        let groups = snapshot.groups.iter().filter(|_| snapshot.groups.len() > 1);
        Self {
            of_cluster: fleet.demanded(None),
            of_groups: groups.map(|group| fleet.demanded(Some(&group.name))).collect(),
        }
    }
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<E: EcsReads, A: AutoScalingGroups, M: Metrics, C: Clock> CapacityCalculator<E, A, M, C> {
    /// The function at a cold start.
    pub fn new(ecs: E, auto_scaling: A, metrics: M, clock: C, config: Config) -> Self {
        let (paces, clusters, seen) = (Paces::default(), Clusters::default(), Seen::default());
        Self { ecs, auto_scaling, metrics, clock, config, paces, clusters, seen }
    }

    /// Works out what the cluster that `event` is about can run and what its groups are missing and
    /// can lose, and publishes it. An event that the last snapshot covers, or that comes within
    /// seconds of it, reads nothing; a placement failure waits for these seconds. A call without an
    /// answer [`DEADLINE_MARGIN`] before the invocation's end is an error.
    ///
    /// Either all metrics are put, with one timestamp, or it is an error. Nothing is retried here:
    /// the ports retry within a call, Lambda retries an event that failed.
    pub async fn handle(&self, event: Value, invocation: Invocation) -> Result<Outcome, CapacityError> {
        if !invocation.deadline_known {
            warn!(
                event = "deadline_unknown",
                ends = %invocation.ends,
                "the deadline lies in the past: assuming a short one"
            );
        }
        let outcome = self.answer(event, invocation.ends - DEADLINE_MARGIN).await;
        match &outcome {
            Ok(outcome) => report::outcome(outcome),
            Err(error) => report::failed(error),
        }
        outcome
    }

    async fn answer(&self, event: Value, until: DateTime<Utc>) -> Result<Outcome, CapacityError> {
        let trigger = Trigger::read(event)?;
        let cluster = trigger
            .cluster
            .as_ref()
            .or(self.config.cluster.as_ref())
            .ok_or_else(|| CapacityError::NoCluster { trigger: trigger.kind.clone() })?
            .clone();
        let name = cluster.name().to_owned();
        if let Some(covered_by_snapshot_of) = self.seen.covers(&cluster, &trigger) {
            return Ok(Outcome::Covered(Covered { cluster: name, trigger, covered_by_snapshot_of }));
        }
        if let Some(last_snapshot_of) = self.seen.holds(&cluster, &trigger, self.clock.now()) {
            if !self.waits_out(&trigger, last_snapshot_of, until).await {
                let reason = HeldReason::LastSnapshotTooRecent;
                return Ok(Outcome::Held(Held { cluster: name, trigger, reason, last_snapshot_of }));
            }
        }
        let warm = self.clusters.of(&cluster);
        let (snapshot, decided) = Box::pin(self.look(&cluster, &warm, until)).await?;
        let figures = self.figures(&cluster, &snapshot, decided, &warm);
        let published = self.put(&metric_data(&figures, &cluster), &cluster, until).await?;
        self.seen.keep(&cluster, snapshot.began, &snapshot.container_instances);
        Ok(Outcome::Published(Summary { cluster: name, trigger, figures, published }))
    }

    /// Waits until a placement failure may be read, where the invocation has the time. The next
    /// schedule could be a minute away, and tasks wait.
    async fn waits_out(
        &self,
        trigger: &Trigger,
        last_snapshot_of: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> bool {
        let free = last_snapshot_of + HOLD;
        let waits = trigger.placement_failure && free + AFTER_TASKS < until;
        if waits {
            self.clock.sleep((free - self.clock.now()).to_std().unwrap_or_default()).await;
        }
        waits
    }

    /// Reads a snapshot, its tasks as far as they matter, and decides.
    async fn look(
        &self,
        cluster: &Cluster,
        warm: &Warm,
        until: DateTime<Utc>,
    ) -> Result<(Snapshot, Decided), CapacityError> {
        let Self { ecs, auto_scaling, clock, paces, .. } = self;
        let reader = Reader { ecs, auto_scaling, clock, paces, cluster, warm, until };
        let mut listed = Listed::default();
        let mut snapshot = reader.snapshot(self.config.groups_of(cluster), &mut listed).await?;
        warm.memory.borrow_mut().observe(&snapshot);

        let (needed, decision, demands) = {
            let memory = warm.memory.borrow();
            let fleet = Fleet::new(&snapshot, &memory, self.config.headroom);
            let needed = fleet.tasks_needed();
            // Where no task must be read, the snapshot is complete.
            let decision = needed.is_empty().then(|| fleet.decide());
            (needed, decision, Demands::of(&fleet, &snapshot))
        };
        let decision = match decision {
            Some(decision) => decision,
            None => {
                self.decide_by_tasks(&reader.tasks(), &needed, &mut snapshot, &mut listed, warm, until).await
            }
        };
        warm.tasks.forget(&listed, &snapshot.container_instances);
        Ok((snapshot, Decided { decision, demands }))
    }

    /// Reads the tasks of the hosts where they matter, and decides by them.
    async fn decide_by_tasks(
        &self,
        tasks: &TaskReader<'_, E, C>,
        needed: &BTreeSet<ContainerInstanceArn>,
        snapshot: &mut Snapshot,
        listed: &mut Listed,
        warm: &Warm,
        until: DateTime<Utc>,
    ) -> Decision {
        snapshot.tasks = tasks.placed(needed, snapshot, listed, until - AFTER_TASKS).await;
        let decision = self.decide(snapshot, warm);
        let removable = hosts_of_shrinking_groups(snapshot, &decision);
        if !removable.iter().any(|arn| snapshot.tasks.contains_key(arn)) {
            return decision;
        }
        tasks.mark_protected(&removable, &mut snapshot.tasks, until - AFTER_PROTECTION).await;
        self.decide(snapshot, warm)
    }

    fn decide(&self, snapshot: &Snapshot, warm: &Warm) -> Decision {
        Fleet::new(snapshot, &warm.memory.borrow(), self.config.headroom).decide()
    }

    /// Adds the book's figures, and reports what stands beside the figures.
    fn figures(&self, cluster: &Cluster, snapshot: &Snapshot, decided: Decided, warm: &Warm) -> Figures {
        let Decided { decision, demands } = decided;
        let instances = &snapshot.container_instances;
        report_disconnected(cluster, instances);
        for group in &decision.groups {
            if let MissingReason::ScaledByEcs { capacity_provider } = &group.missing.reason
                && warm.is_first("group_scaled_by_ecs", &group.group)
            {
                report::group_scaled_by_ecs(cluster, &group.group, capacity_provider);
            }
        }
        let books = snapshot.groups.iter().zip(demands.of_groups).filter_map(|(group, demanded)| {
            let ids: BTreeSet<_> = group.ids().collect();
            let hosts = instances.iter().filter(|it| ids.contains(it.ec2_instance_id.as_str()));
            let report = self.book(cluster, Some(&group.name), demanded, hosts)?;
            Some((group.name.clone(), BookFigures::from(&report)))
        });
        let mut books: BTreeMap<_, _> = books.collect();
        let groups = decision.groups.into_iter().map(|decision| {
            let book = books.remove(&decision.group);
            GroupFigures { decision, book }
        });
        Figures {
            capacity: self.book(cluster, None, demands.of_cluster, instances),
            waiting_tasks: decision.waiting_tasks,
            unplaceable: decision.unplaceable,
            not_understood: decision.not_understood,
            groups: groups.collect(),
        }
    }

    /// The book's figures of the cluster or of a group. None without a worst-case container, or if
    /// it fits on no host.
    fn book<'a>(
        &self,
        cluster: &Cluster,
        group: Option<&str>,
        demanded: Vec<Demanded>,
        instances: impl IntoIterator<Item = &'a ContainerInstance> + Clone,
    ) -> Option<Report> {
        let worst_case = capacity::discover(&self.config.given, demanded, instances.clone())?;
        let figures = capacity::figures(instances, &worst_case);
        figures.inspect_err(|why| report::fits_no_host(cluster, group, why)).ok()
    }

    /// Puts all metrics with one timestamp, in as few calls as CloudWatch takes them.
    async fn put(
        &self,
        data: &[MetricDatum],
        cluster: &Cluster,
        until: DateTime<Utc>,
    ) -> Result<Published, CapacityError> {
        let Config { namespace, resolution, .. } = &self.config;
        let (at, mut put) = (self.clock.now(), 0);
        for part in data.chunks(METRIC_DATA_MAX) {
            let call = self.metrics.put_metric_data(namespace, *resolution, at, part);
            within(&self.clock, until, "cloudwatch:PutMetricData", namespace, call).await.map_err(
                |source| CapacityError::NotPut {
                    cluster: cluster.name().to_owned(),
                    put,
                    of: data.len(),
                    source,
                },
            )?;
            put += part.len();
        }
        Ok(Published { namespace: namespace.clone(), metrics: put, at })
    }
}

/// The hosts of the groups of which some are removable: only their tasks' protection can change a
/// figure.
fn hosts_of_shrinking_groups(snapshot: &Snapshot, decision: &Decision) -> BTreeSet<ContainerInstanceArn> {
    let shrinking: BTreeSet<_> =
        decision.groups.iter().filter(|it| it.removable.hosts > 0).map(|it| it.group.as_str()).collect();
    let groups = snapshot.groups.iter().filter(|group| shrinking.contains(group.name.as_str()));
    let ids: BTreeSet<_> = groups.flat_map(AutoScalingGroup::ids).collect();
    let hosts = snapshot.container_instances.iter().filter(|it| ids.contains(it.ec2_instance_id.as_str()));
    hosts.map(|instance| instance.arn.clone()).collect()
}

fn report_disconnected(cluster: &Cluster, instances: &[ContainerInstance]) {
    let disconnected = |instance: &&ContainerInstance| {
        instance.status == ContainerInstanceStatus::Active
            && !instance.agent_connected
            && !instance.is_external()
    };
    let mut disconnected = instances.iter().filter(disconnected);
    if let Some(first) = disconnected.next() {
        report::agents_disconnected(cluster, disconnected.count() + 1, &first.ec2_instance_id);
    }
}
