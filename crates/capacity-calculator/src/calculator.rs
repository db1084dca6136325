//! Reads the cluster, decides, puts the metrics.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::capacity::{self, Unfittable, Wanted, WorstCase};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::ContainerInstance;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{CallError, Clock, MetricDatum, Metrics};
use fleetkeeper_core::time_left::within;
use futures_util::future::try_join;
use serde_json::Value;
use tracing::{error, warn};

use crate::calls::{EcsReads, Paces};
use crate::config::Config;
use crate::demand::{Demand, KnownNeeds};
use crate::error::{CapacityError, Read};
use crate::seen::Seen;
use crate::snapshot;
use crate::summary::{Covered, Figures, Outcome, Published, Summary};
use crate::tell;
use crate::trigger::Trigger;

/// What is left of the invocation for its own answer: the error that says what did not answer must still get out.
pub const DEADLINE_MARGIN: TimeDelta = TimeDelta::seconds(1);

/// The function: what it reads, what it writes, its clock and its variables, and what it keeps while it is warm.
#[derive(Debug)]
pub struct CapacityCalculator<E, M, C> {
    /// ECS.
    pub ecs: E,
    /// CloudWatch.
    pub metrics: M,
    /// The clock.
    pub clock: C,
    /// The variables.
    pub config: Config,
    paces: Paces,
    known_needs: KnownNeeds,
    seen: Seen,
}

/// A cluster as it was read.
struct Looked {
    began: DateTime<Utc>,
    instances: Vec<ContainerInstance>,
    wanted: Wanted,
    worst_case: Option<WorstCase>,
    /// None where nothing was to discover.
    unfittable: Option<Vec<Unfittable>>,
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<E: EcsReads, M: Metrics, C: Clock> CapacityCalculator<E, M, C> {
    /// The function at a cold start.
    pub fn new(ecs: E, metrics: M, clock: C, config: Config) -> Self {
        let (paces, known_needs, seen) = (Paces::default(), KnownNeeds::default(), Seen::default());
        Self { ecs, metrics, clock, config, paces, known_needs, seen }
    }

    /// Works out the capacity of the cluster that `event` is about and publishes it, unless the last look at that cluster
    /// already had what the event tells of. What has not answered [`DEADLINE_MARGIN`] before the invocation's end is an
    /// error.
    ///
    /// Either all metrics are put, with one timestamp, or none and it is an error. Nothing is tried again here: the
    /// ports retry within a call, Lambda retries an event that failed.
    pub async fn handle(&self, event: Value, invocation: Invocation) -> Result<Outcome, CapacityError> {
        if !invocation.deadline_known {
            warn!(ends = %invocation.ends, "the deadline lies in the past: taken as unknown, with a short default");
        }
        let outcome = self.answer(event, invocation.ends - DEADLINE_MARGIN).await;
        match &outcome {
            Ok(outcome) => tell::outcome(outcome),
            Err(error) => error!(error = %ErrorChain(error), kind = error.kind(), "nothing is published"),
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
        if let Some(covered_by_snapshot_of) = self.seen.covers(&cluster, &trigger) {
            let cluster = cluster.name().to_owned();
            return Ok(Outcome::Covered(Covered { cluster, trigger, covered_by_snapshot_of }));
        }
        let looked = Box::pin(self.look(&cluster, until)).await?;
        let (figures, mut data) = self.figures(&looked, &cluster)?;
        data.extend(looked.unfittable.as_deref().map(|them| capacity::unfittable_metric(them, &cluster)));
        let published = self.put(&data, &cluster, until).await?;
        self.seen.keep(&cluster, looked.began, &looked.instances);
        let (cluster, unfittable) = (cluster.name().to_owned(), looked.unfittable.unwrap_or_default());
        Ok(Outcome::Published(Summary { cluster, trigger, figures, unfittable, published }))
    }

    /// Reads the cluster, and discovers its worst case as far as it is not given.
    async fn look(&self, cluster: &Cluster, until: DateTime<Utc>) -> Result<Looked, CapacityError> {
        let (began, given) = (self.clock.now(), &self.config.given);
        let ecs = Paced::new(&self.ecs, &self.clock, Rc::clone(&self.paces.resources));
        let instances = async {
            let calls = "ecs:ListContainerInstances and ecs:DescribeContainerInstances";
            let read = snapshot::container_instances(&ecs, &self.clock, cluster);
            let answer = self.read(Read::ContainerInstances, calls, cluster, until, read).await?;
            if answer.failures.is_empty() {
                return Ok(answer.items);
            }
            // One that ECS cannot tell of might be the one with room, or the full one: no figure without it.
            for failure in &answer.failures {
                error!(cluster = cluster.name(), %failure, "ECS could not tell of a container instance");
            }
            let listed = answer.items.len() + answer.failures.len();
            Err(CapacityError::Untold {
                cluster: cluster.name().to_owned(),
                failures: answer.failures,
                listed,
            })
        };
        let demand = async {
            let read = Demand::read(&self.ecs, &self.clock, &self.paces, cluster);
            let calls = "ecs:ListServices and ecs:DescribeServices";
            let demand = self.read(Read::Services, calls, cluster, until, read).await?;
            if given.is_all() {
                return Ok((demand, None));
            }
            let read = demand.needs(&self.ecs, &self.clock, &self.paces, &self.known_needs);
            let calls = "ecs:DescribeTaskDefinition";
            let needs = self.read(Read::TaskDefinitions, calls, cluster, until, read).await?;
            Ok((demand, Some(needs)))
        };
        let (mut instances, (demand, needs)) = try_join(instances, demand).await?;
        let discovers = needs.is_some();
        let found = capacity::discover(given, needs.unwrap_or_default(), &instances);
        if found.worst_case.as_ref().is_some_and(|worst| worst.needs().network_interface) {
            let read = snapshot::network_interfaces(&ecs, &self.clock, cluster, began, &mut instances);
            self.read(Read::Tasks, "ecs:ListTasks and ecs:DescribeTasks", cluster, until, read).await?;
        }
        let wanted = demand.wanted(&found.unfittable);
        let unfittable = discovers.then_some(found.unfittable);
        Ok(Looked { began, instances, wanted, worst_case: found.worst_case, unfittable })
    }

    async fn read<T>(
        &self,
        of: Read,
        calls: &'static str,
        cluster: &Cluster,
        until: DateTime<Utc>,
        read: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CapacityError> {
        // Boxed, here and where all is looked at: the calls of the SDK make it a deep future for the compiler.
        within(&self.clock, until, calls, &format!("cluster {cluster}"), Box::pin(read))
            .await
            .map_err(|source| CapacityError::NotRead { of, cluster: cluster.name().to_owned(), source })
    }

    fn figures(
        &self,
        looked: &Looked,
        cluster: &Cluster,
    ) -> Result<(Figures, Vec<MetricDatum>), CapacityError> {
        let Looked { instances, wanted, worst_case, .. } = looked;
        let Some(worst_case) = worst_case else {
            let report = capacity::idle_figures(instances, *wanted);
            let data = capacity::idle_metrics(&report, cluster);
            return Ok((Figures::Idle(report), data));
        };
        let report = capacity::figures(instances, worst_case, *wanted).map_err(|source| {
            let discovered = !self.config.given.is_all();
            CapacityError::FitsNoHost { discovered, cluster: cluster.name().to_owned(), source }
        })?;
        let data = capacity::metrics(&report, cluster);
        Ok((Figures::Capacity(report), data))
    }

    /// One `PutMetricData`, so that all metrics have one timestamp and none is put without the others.
    async fn put(
        &self,
        data: &[MetricDatum],
        cluster: &Cluster,
        until: DateTime<Utc>,
    ) -> Result<Published, CapacityError> {
        let Config { namespace, resolution, .. } = &self.config;
        let at = self.clock.now();
        let put = self.metrics.put_metric_data(namespace, *resolution, at, data);
        within(&self.clock, until, "cloudwatch:PutMetricData", namespace, put)
            .await
            .map_err(|source| CapacityError::NotPut { cluster: cluster.name().to_owned(), source })?;
        Ok(Published { namespace: namespace.clone(), metrics: data.len(), at })
    }
}
