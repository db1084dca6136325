//! Reads the cluster, decides, puts the metrics.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::capacity::{self, Report, ResourceCapacity};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    Answer, CallError, Clock, ContainerInstanceQuery, ContainerInstances, Failure, Metrics,
};
use fleetkeeper_core::read;
use fleetkeeper_core::time_left::within;
use serde_json::Value;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::error::CapacityError;
use crate::summary::{Published, Summary};
use crate::trigger::Trigger;

/// What is left of the invocation for its own answer: the error that says what did not answer must still get out.
pub const DEADLINE_MARGIN: TimeDelta = TimeDelta::seconds(1);

/// What ECS lists and does not find is asked for again after this long: reads lag, most of all where an instance has
/// just registered, which is what wakes this function.
const MISSING_PAUSE: Duration = Duration::from_secs(2);

/// So many times, which is longer than reads lag.
const MISSING_TRIES: u32 = 3;

/// The function: what it reads, what it writes, its clock and its variables.
#[derive(Debug, Clone)]
pub struct CapacityCalculator<E, M, C> {
    /// ECS.
    pub ecs: E,
    /// CloudWatch.
    pub metrics: M,
    /// The clock.
    pub clock: C,
    /// The variables.
    pub config: Config,
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<E: ContainerInstances, M: Metrics, C: Clock> CapacityCalculator<E, M, C> {
    /// Works out the capacity of the cluster that `event` is about and publishes it. What has not answered
    /// [`DEADLINE_MARGIN`] before the invocation's end is an error.
    ///
    /// Either all metrics are put, with one timestamp, or none and it is an error. Nothing is tried again here: the
    /// ports retry within a call, Lambda retries an event that failed.
    pub async fn handle(&self, event: Value, invocation: Invocation) -> Result<Summary, CapacityError> {
        if !invocation.deadline_known {
            warn!(ends = %invocation.ends, "the deadline lies in the past: taken as unknown, with a short default");
        }
        let outcome = self.publish(event, invocation.ends - DEADLINE_MARGIN).await;
        match &outcome {
            Ok(summary) => log(summary),
            Err(error) => error!(error = %ErrorChain(error), kind = error.kind(), "nothing is published"),
        }
        outcome
    }

    async fn publish(&self, event: Value, until: DateTime<Utc>) -> Result<Summary, CapacityError> {
        let trigger = Trigger::read(event)?;
        let cluster = trigger
            .cluster
            .as_ref()
            .or(self.config.cluster.as_ref())
            .ok_or_else(|| CapacityError::NoCluster { trigger: trigger.kind.clone() })?;

        let instances = self.snapshot(cluster, until).await?;
        let report = capacity::figures(&instances, &self.config.worst_case)
            .map_err(|source| CapacityError::FitsNoHost { cluster: cluster.name().to_owned(), source })?;
        let published = self.put(&report, cluster, until).await?;

        let cluster = cluster.name().to_owned();
        Ok(Summary { cluster, trigger, report, published })
    }

    /// All container instances. One that ECS cannot tell of might be the one with room, or the full one: no figure
    /// without it.
    async fn snapshot(
        &self,
        cluster: &Cluster,
        until: DateTime<Utc>,
    ) -> Result<Vec<ContainerInstance>, CapacityError> {
        let calls = "ecs:ListContainerInstances and ecs:DescribeContainerInstances";
        let answer = within(&self.clock, until, calls, &format!("cluster {cluster}"), self.read(cluster))
            .await
            .map_err(|source| CapacityError::NotRead { cluster: cluster.name().to_owned(), source })?;
        if answer.failures.is_empty() {
            return Ok(answer.items);
        }
        for failure in &answer.failures {
            error!(cluster = cluster.name(), %failure, "ECS could not tell of a container instance");
        }
        let listed = answer.items.len() + answer.failures.len();
        Err(CapacityError::Untold { cluster: cluster.name().to_owned(), failures: answer.failures, listed })
    }

    /// What ECS lists is there, even where it does not find it at once: counted as gone it would make the cluster seem
    /// fuller, or empty, and have it scaled.
    async fn read(&self, cluster: &Cluster) -> Result<Answer<ContainerInstance>, CallError> {
        let mut answer = read::container_instances(&self.ecs, cluster, &ContainerInstanceQuery::All).await?;
        for _ in 0..MISSING_TRIES {
            if answer.failures.is_empty() || !answer.failures.iter().all(Failure::is_missing) {
                break;
            }
            let missing = std::mem::take(&mut answer.failures).into_iter();
            let arns: Vec<_> = missing.map(|failure| ContainerInstanceArn(failure.arn)).collect();
            warn!(
                cluster = cluster.name(),
                missing = arns.len(),
                "ECS lists container instances and does not find them: asking again"
            );
            self.clock.sleep(MISSING_PAUSE).await;
            let found = read::describe_container_instances(&self.ecs, cluster, &arns).await?;
            answer.items.extend(found.items);
            answer.failures = found.failures;
        }
        Ok(answer)
    }

    /// One `PutMetricData`, so that all metrics have one timestamp and none is put without the others.
    async fn put(
        &self,
        report: &Report,
        cluster: &Cluster,
        until: DateTime<Utc>,
    ) -> Result<Published, CapacityError> {
        let Config { namespace, resolution, .. } = &self.config;
        let (at, data) = (self.clock.now(), capacity::metrics(report, cluster));
        let put = self.metrics.put_metric_data(namespace, *resolution, at, &data);
        within(&self.clock, until, "cloudwatch:PutMetricData", namespace, put)
            .await
            .map_err(|source| CapacityError::NotPut { cluster: cluster.name().to_owned(), source })?;
        Ok(Published { namespace: namespace.clone(), metrics: data.len(), at })
    }
}

/// One line a decision: the figures, and what binds them.
fn log(summary: &Summary) {
    let Summary { cluster, trigger, report, published, .. } = summary;
    if report.active_hosts == 0 {
        warn!(cluster, "no container instance is ACTIVE and connected: every figure is 0");
    }
    info!(
        cluster,
        trigger = trigger.kind,
        containerInstance = trigger.container_instance.as_ref().map(tracing::field::display),
        version = trigger.version,
        worstCase = %report.worst_case,
        containerCapacity = report.container_capacity,
        containerCapacityBoundBy = report.container_capacity_bound_by.map(capacity::Resource::name),
        idleHostCapacity = report.idle_host_capacity,
        idleHostCapacityBoundBy = report.idle_host_capacity_bound_by.map(capacity::Resource::name),
        placeableContainers = report.placeable_containers,
        removableHosts = report.removable_hosts,
        activeHosts = report.active_hosts,
        drainingHosts = report.draining_hosts,
        disconnectedHosts = report.disconnected_hosts,
        otherHosts = report.other_hosts,
        resources = report.resources.iter().map(in_words).collect::<Vec<_>>().join("; "),
        namespace = published.namespace,
        metrics = published.metrics,
        "capacity is published"
    );
}

fn in_words(capacity: &ResourceCapacity) -> String {
    let ResourceCapacity { resource, container_capacity, per_host, full_hosts } = capacity;
    format!("{resource}: {container_capacity} fit, {per_host} an empty host, {full_hosts} hosts full")
}
