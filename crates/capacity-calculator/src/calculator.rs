//! Reads the cluster, decides, puts the metrics, and scales the groups if `SCALING` is `direct`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::capacity::{self, Demanded, Report};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceStatus};
use fleetkeeper_core::fleet::{DirectDecision, MissingReason};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    AutoScalingGroups, Clock, GroupScaling, METRIC_DATA_MAX, MetricDatum, Metrics,
};
use fleetkeeper_core::time_left::{between, within};
use serde_json::Value;
use tracing::warn;

use crate::calls::{EcsReads, Paces};
use crate::config::Config;
use crate::decide::{AFTER_TASKS, Decided, Decider};
use crate::error::CapacityError;
use crate::metrics::metric_data;
use crate::report;
use crate::scaled::Scaled;
use crate::scaling::Scaler;
use crate::scaling_report;
use crate::seen::{HOLD, Seen, URGENT_HOLD};
use crate::snapshot::Reader;
use crate::summary::{
    BookFigures, Covered, Figures, GroupFigures, Held, HeldReason, Outcome, Published, Summary,
};
use crate::trigger::Trigger;
use crate::warm::{Clusters, Warm};

/// What is left of the invocation for its own answer: the error that names the call without an
/// answer must still get out.
pub const DEADLINE_MARGIN: TimeDelta = TimeDelta::seconds(1);

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

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<E, A, M, C> CapacityCalculator<E, A, M, C>
where
    E: EcsReads,
    A: AutoScalingGroups + GroupScaling,
    M: Metrics,
    C: Clock,
{
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
    /// With direct scaling, groups are raised before the metrics are put, and hosts removed after,
    /// by the schedule alone: events of one change may be handled at the same time.
    /// A call on a group that fails is an error of that group only, in the answer and in the log.
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
        let now = self.clock.now();
        if let Some(last_snapshot_of) = self.seen.holds(&cluster, &trigger, self.hold(&trigger), now) {
            // A host is missing now, and the next schedule could be a minute away.
            let free = last_snapshot_of + self.hold(&trigger);
            if !trigger.placement_failure || free + AFTER_TASKS >= until {
                let reason = HeldReason::LastSnapshotTooRecent;
                return Ok(Outcome::Held(Held { cluster: name, trigger, reason, last_snapshot_of }));
            }
            self.clock.sleep(between(now, free)).await;
        }
        let warm = self.clusters.of(&cluster);
        let Self { ecs, auto_scaling, clock, paces, config, .. } = self;
        let reader = Reader { ecs, auto_scaling, clock, paces, cluster: &cluster, warm: &warm, until };
        let scaler = Scaler::new(&reader, config.dry_run);
        let decided = Box::pin(Decider { reader: &reader, scaler: &scaler, config }.decide()).await?;
        let (snapshot, direct) = (&decided.snapshot, &decided.direct);
        let mut figures = self.figures(&cluster, &decided, &warm);
        let published = self.put(&metric_data(&figures, &cluster), &cluster, until).await?;
        if let Some(direct) = direct {
            Box::pin(scaler.remove(direct, &snapshot.groups, trigger.is_change())).await;
            report_left_alone(&cluster, direct, &warm);
            add_scaling(&mut figures, direct, scaler.into_done(), config.dry_run);
        }
        self.seen.keep(&cluster, snapshot.began, &snapshot.container_instances);
        Ok(Outcome::Published(Summary { cluster: name, trigger, figures, published }))
    }

    /// An event within this time of the last snapshot reads nothing yet.
    fn hold(&self, trigger: &Trigger) -> TimeDelta {
        if trigger.placement_failure && self.config.direct.is_some() { URGENT_HOLD } else { HOLD }
    }

    /// Adds the book's figures, and reports what stands beside the figures.
    fn figures(&self, cluster: &Cluster, decided: &Decided, warm: &Warm) -> Figures {
        let Decided { snapshot, decision, demands, .. } = decided;
        let instances = &snapshot.container_instances;
        report_disconnected(cluster, instances);
        for group in &decision.groups {
            if let MissingReason::ScaledByEcs { capacity_provider } = &group.missing.reason
                && warm.is_first("group_scaled_by_ecs", &group.group)
            {
                report::group_scaled_by_ecs(cluster, &group.group, capacity_provider);
            }
        }
        let books = snapshot.groups.iter().zip(&demands.of_groups).filter_map(|(group, demanded)| {
            let ids: BTreeSet<_> = group.ids().collect();
            let hosts = instances.iter().filter(|it| ids.contains(it.ec2_instance_id.as_str()));
            let report = self.book(cluster, Some(&group.name), demanded.clone(), hosts)?;
            Some((group.name.clone(), BookFigures::from(&report)))
        });
        let mut books: BTreeMap<_, _> = books.collect();
        let groups = decision.groups.iter().map(|decision| GroupFigures {
            decision: decision.clone(),
            book: books.remove(&decision.group),
            scaling: None,
        });
        Figures {
            capacity: self.book(cluster, None, demands.of_cluster.clone(), instances),
            waiting_tasks: decision.waiting_tasks,
            unplaceable: decision.unplaceable.clone(),
            not_understood: decision.not_understood.clone(),
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

/// Reports once why a group is left alone: each answer has it as well.
fn report_left_alone(cluster: &Cluster, direct: &DirectDecision, warm: &Warm) {
    for group in &direct.groups {
        if let Some(why) = group.held_back.as_ref().filter(|why| why.is_hands_off())
            && warm.is_first("group_left_alone", &format!("{} {}", why.code(), group.group))
        {
            scaling_report::group_left_alone(cluster, &group.group, why);
        }
    }
}

/// Adds to each group's figures what was done to it, and why no more was.
fn add_scaling(
    figures: &mut Figures,
    direct: &DirectDecision,
    mut done: BTreeMap<String, Scaled>,
    dry_run: bool,
) {
    for (figures, decided) in figures.groups.iter_mut().zip(&direct.groups) {
        let done = done.remove(&decided.group).unwrap_or_default();
        figures.scaling = Some(Scaled::of(decided, done, dry_run));
    }
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
