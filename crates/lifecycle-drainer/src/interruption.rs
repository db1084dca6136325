//! An instance that EC2 takes back, or may: set DRAINING at once. No hook waits for anything.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::drain::Interruption;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    CallError, CallErrorKind, Clock, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances,
    Failure,
};
use fleetkeeper_core::read;
use fleetkeeper_core::time_left::within;

use crate::error::RecordError;
use crate::outcome::InterruptionSummary;

/// A Spot Instance has two minutes: what fails is tried again for one, and is then the function's error.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What one call may take.
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// Kept of the invocation to return its answer.
const RETURN_RESERVE: Duration = Duration::from_millis(200);

/// What an interruption is looked after with.
pub(crate) struct Interrupted<'a, Ecs, C> {
    pub(crate) ecs: &'a Ecs,
    pub(crate) clock: &'a C,
    pub(crate) cluster: Cluster,
    pub(crate) interruption: Interruption,
    pub(crate) dry_run: bool,
}

impl<Ecs: ContainerInstances + ContainerInstanceDraining, C: Clock> Interrupted<'_, Ecs, C> {
    pub(crate) async fn run(self, invocation: Invocation) -> Result<InterruptionSummary, RecordError> {
        let until = (invocation.ends - RETURN_RESERVE).min(invocation.begins + PATIENCE);
        loop {
            match self.set_draining(until).await {
                Ok(outcome) => {
                    tracing::info!(interruption = %self.interruption.kind, outcome, "instance interrupted");
                    return Ok(InterruptionSummary {
                        ec2_instance_id: self.interruption.ec2_instance_id.to_string(),
                        cluster: self.cluster.to_string(),
                        interruption: self.interruption.kind.to_string(),
                        outcome,
                    });
                }
                Err(error) if self.clock.now() + PAUSE < until => {
                    tracing::error!(error = %ErrorChain(&error), "a call failed: tried again");
                    self.clock.sleep(PAUSE).await;
                }
                Err(source) => {
                    return Err(RecordError::Interruption {
                        ec2_instance_id: self.interruption.ec2_instance_id.to_string(),
                        cluster: self.cluster.to_string(),
                        source,
                    });
                }
            }
        }
    }

    /// Sets what is ACTIVE of it DRAINING. An instance that is not in the cluster is another's: the event goes to all.
    async fn set_draining(&self, until: DateTime<Utc>) -> Result<&'static str, CallError> {
        let id = &self.interruption.ec2_instance_id;
        let query = ContainerInstanceQuery::OfEc2Instances(vec![id.clone()]);
        let call = read::container_instances(self.ecs, &self.cluster, &query);
        let answer = self.in_time(until, "ecs:ListContainerInstances", call).await?;
        self.all_reached("ecs:DescribeContainerInstances", &answer.failures)?;
        let ours = answer.items.into_iter().filter(|instance| instance.ec2_instance_id == id.as_str());
        let (active, others): (Vec<_>, Vec<_>) =
            ours.partition(|instance| instance.status == ContainerInstanceStatus::Active);
        let arns: Vec<ContainerInstanceArn> = active.into_iter().map(|instance| instance.arn).collect();
        match (arns.as_slice(), others.is_empty()) {
            ([], true) => Ok("not-in-cluster"),
            ([], false) => Ok("draining-already"),
            _ if self.dry_run => Ok("dry-run"),
            (arns, _) => {
                let call = self.ecs.set_draining(&self.cluster, arns);
                let answer = self.in_time(until, "ecs:UpdateContainerInstancesState", call).await?;
                self.all_reached("ecs:UpdateContainerInstancesState", &answer.failures)?;
                Ok("set-draining")
            }
        }
    }

    fn all_reached(&self, operation: &'static str, failures: &[Failure]) -> Result<(), CallError> {
        match failures.first() {
            None => Ok(()),
            Some(failure) => Err(CallError {
                operation,
                resource: format!("cluster {}", self.cluster),
                kind: CallErrorKind::Unavailable,
                source: Some(failure.to_string().into()),
            }),
        }
    }

    async fn in_time<T>(
        &self,
        until: DateTime<Utc>,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let until = until.min(self.clock.now() + CALL_PATIENCE);
        within(self.clock, until, operation, &format!("cluster {}", self.cluster), call).await
    }
}
