//! The drains' instances in their cluster: looked at for all drains at once, and set DRAINING.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::Look;
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, ContainerInstanceQuery, FILTER_MAX, Failure, UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::time_left::{between, within};

use super::drain::Drain;
use crate::ports::EcsCalls;

/// A cluster, and the calls on the drains' instances in it. Each is bounded by `until`.
pub(super) struct Instances<'a, Ecs, C> {
    pub(super) ecs: &'a Ecs,
    pub(super) reads: Paced<'a, Ecs, C>,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) cluster: Cluster,
    /// The longest stop timeouts of the task definitions that were read.
    pub(super) stop_timeouts: BTreeMap<TaskDefinitionArn, Duration>,
    /// Whether so much has stopped in the cluster lately that reading it all takes longer than instance by instance.
    pub(super) many_stopped: bool,
    /// Whether a step's time was not enough for all reads: those that were left out come first in the next one.
    pub(super) behind: bool,
}

impl<Ecs, C> Instances<'_, Ecs, C>
where
    Ecs: EcsCalls,
    C: Clock,
{
    /// Takes the next look that each drain's sight asks for. For one drain that is one read, but for the first one and
    /// the last, and once a minute while tasks stop; for many it is one a hundred instances.
    pub(super) async fn look(&mut self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        let now = self.clock.now();
        let (finding, known): (Vec<_>, Vec<_>) =
            drains.into_iter().partition(|drain| drain.sight.next_look(now) == Look::Find);
        let (mut of_instances, mut of_tasks): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|drain| matches!(drain.sight.next_look(now), Look::Instances(_)));
        let found = self.find(finding).await;
        let looked = self.look_at_instances(&mut of_instances).await;
        // An instance that is as it was leaves its tasks to be looked at.
        let now = self.clock.now();
        let as_they_were = of_instances.into_iter();
        of_tasks.extend(as_they_were.filter(|drain| matches!(drain.sight.next_look(now), Look::Tasks(_))));
        found.and(looked).and(self.look_at_tasks(of_tasks).await)
    }

    async fn look_at_instances(&self, drains: &mut [&mut Drain]) -> Result<(), CallError> {
        let arns: Vec<_> = drains.iter().flat_map(|drain| drain.sight.instances()).collect();
        let arns: Vec<ContainerInstanceArn> = arns.into_iter().map(|instance| instance.arn.clone()).collect();
        if arns.is_empty() {
            return Ok(());
        }
        let call = read::describe_container_instances(&self.reads, &self.cluster, &arns);
        let answer = self.in_time("ecs:DescribeContainerInstances", call).await?;
        let untold = self.untold("ecs:DescribeContainerInstances", &answer);
        let mut seen = Self::ours(answer.items, drains);
        for drain in drains {
            // What ECS could not tell of is as it was.
            if !drain.sight.instances().iter().any(|instance| untold.contains(&instance.arn.0)) {
                let instances = seen.remove(&drain.ec2_instance_id).unwrap_or_default();
                drain.sight.see_instances(instances, self.clock.now());
                drain.looked_at = Some(self.clock.now());
            }
        }
        self.all_told("ecs:DescribeContainerInstances", &answer.failures)
    }

    /// Asks the cluster for the instances.
    pub(super) async fn find(&self, mut drains: Vec<&mut Drain>) -> Result<(), CallError> {
        let mut found = Ok(());
        for some in drains.chunks_mut(FILTER_MAX) {
            found = found.and(self.find_some(some).await);
        }
        found
    }

    async fn find_some(&self, drains: &mut [&mut Drain]) -> Result<(), CallError> {
        let ids = drains.iter().map(|drain| drain.ec2_instance_id.clone()).collect();
        let query = ContainerInstanceQuery::OfEc2Instances(ids);
        let call = read::container_instances(&self.reads, &self.cluster, &query);
        let answer = self.in_time("ecs:ListContainerInstances", call).await?;
        self.untold("ecs:DescribeContainerInstances", &answer);
        self.all_told("ecs:DescribeContainerInstances", &answer.failures)?;
        let missing = answer.failures.len();
        let mut seen = Self::ours(answer.items, drains);
        for drain in drains {
            // Which instance a missing one was of is not known: it may be of any.
            let instances = seen.remove(&drain.ec2_instance_id).unwrap_or_default();
            drain.sight.find_instances(instances, missing, self.clock.now());
            drain.looked_at = Some(self.clock.now());
        }
        Ok(())
    }

    pub(super) async fn set_draining(
        &self,
        drains: &[(&mut Drain, Vec<ContainerInstanceArn>)],
    ) -> Result<(), CallError> {
        const OPERATION: &str = "ecs:UpdateContainerInstancesState";
        let arns: Vec<_> = drains.iter().flat_map(|(_, arns)| arns).cloned().collect();
        let mut failed = None;
        for batch in arns.chunks(UPDATE_STATE_MAX) {
            let call = self.ecs.set_draining(&self.cluster, batch);
            let set = match self.in_time(OPERATION, call).await {
                Ok(answer) => {
                    self.untold(OPERATION, &answer);
                    self.all_told(OPERATION, &answer.failures)
                }
                Err(error) => Err(error),
            };
            failed = failed.or(set.err());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for (drain, arns) in drains {
            let arns: Vec<_> = arns.iter().map(AsRef::as_ref).collect();
            drain.in_span(|| tracing::info!(containerInstances = arns.join(","), "set DRAINING"));
        }
        Ok(())
    }

    /// The container instances of the drains' EC2 instances, and no others: whatever a filter let through (an emulator may
    /// ignore it), nothing else is ever touched.
    fn ours(
        instances: Vec<ContainerInstance>,
        drains: &[&mut Drain],
    ) -> BTreeMap<Ec2InstanceId, Vec<ContainerInstance>> {
        let ids: BTreeMap<&str, &Ec2InstanceId> =
            drains.iter().map(|drain| (drain.ec2_instance_id.as_str(), &drain.ec2_instance_id)).collect();
        let (mut ours, mut others): (BTreeMap<_, Vec<_>>, usize) = (BTreeMap::new(), 0);
        for instance in instances {
            match ids.get(instance.ec2_instance_id.as_str()) {
                Some(id) => ours.entry((*id).clone()).or_default().push(instance),
                None => others += 1,
            }
        }
        if others > 0 {
            tracing::warn!(others, "ECS listed other instances, too: they are left alone");
        }
        ours
    }

    /// The resources that ECS could not tell of, each failure logged. One that is MISSING is told of: it is gone.
    pub(super) fn untold<T>(&self, operation: &'static str, answer: &Answer<T>) -> BTreeSet<String> {
        for failure in &answer.failures {
            tracing::warn!(operation, cluster = %self.cluster, %failure, "ECS did not reach a resource");
        }
        let untold = answer.failures.iter().filter(|failure| !failure.is_missing());
        untold.map(|failure| failure.arn.clone()).collect()
    }

    /// A failure that does not tell of what is no longer there is the call's.
    pub(super) fn all_told(&self, operation: &'static str, failures: &[Failure]) -> Result<(), CallError> {
        match failures.iter().find(|failure| !failure.is_missing()) {
            None => Ok(()),
            Some(failure) => Err(CallError {
                operation,
                resource: format!("cluster {}", self.cluster),
                kind: CallErrorKind::Unavailable,
                source: Some(failure.to_string().into()),
            }),
        }
    }

    /// When half of the time has passed that the calls have: what would begin later is left to the next step.
    pub(super) fn half_time(&self) -> DateTime<Utc> {
        let now = self.clock.now();
        now + between(now, self.until) / 2
    }

    pub(super) async fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        within(self.clock, self.until, operation, &format!("cluster {}", self.cluster), call).await
    }
}
