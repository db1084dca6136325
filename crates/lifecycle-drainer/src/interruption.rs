//! An instance that EC2 reclaims or may reclaim: set DRAINING at once. No hook waits for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::drain::{CALL_TIMEOUT, Interruption};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    CallError, Clock, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances, Failure,
};
use fleetkeeper_core::read;
use fleetkeeper_core::time_left::within;

use crate::calls::error_of;
use crate::error::RecordError;
use crate::executor::RETURN_RESERVE;
use crate::outcome::InterruptionSummary;

/// How long the drainer retries failed calls, of a Spot Instance's two minutes.
const RETRIES_LAST: Duration = Duration::from_secs(60);

/// How long the drainer waits for a REGISTERING instance to become ACTIVE, and retries meanwhile. A
/// Spot Instance has about twenty seconds left after that.
const REGISTERING_MAX: Duration = Duration::from_secs(100);

/// Between two polls of the instance.
const PAUSE: Duration = Duration::from_secs(2);

/// An interruption and what handles it.
pub(crate) struct Interrupted<'a, Ecs, C> {
    pub(crate) ecs: &'a Ecs,
    pub(crate) clock: &'a C,
    pub(crate) cluster: Cluster,
    pub(crate) interruption: Interruption,
    pub(crate) dry_run: bool,
}

/// How the handling of an interruption ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    SetDraining,
    DrainingAlready,
    NotInCluster,
    StillRegistering,
    DryRun,
}

/// The result of one poll of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polled {
    Ended(Outcome),
    /// A container instance is REGISTERING, and ECS refuses to set it DRAINING (API reference,
    /// `UpdateContainerInstancesState`).
    Registering,
}

impl<Ecs: ContainerInstances + ContainerInstanceDraining, C: Clock> Interrupted<'_, Ecs, C> {
    pub(crate) async fn run(self, invocation: Invocation) -> Result<InterruptionSummary, RecordError> {
        let ends = invocation.ends - RETURN_RESERVE;
        let mut until = ends.min(invocation.begins + RETRIES_LAST);
        let mut registering = false;
        loop {
            let polled = self.poll(until).await;
            if matches!(polled, Ok(Polled::Registering)) && !registering {
                registering = true;
                until = ends.min(invocation.begins + REGISTERING_MAX);
                tracing::info!(event = "interruption_registering", "instance is REGISTERING: waiting");
            }
            let is_last = self.clock.now() + PAUSE >= until;
            match polled {
                Ok(Polled::Ended(outcome)) => return Ok(self.end(outcome)),
                Ok(Polled::Registering) if is_last => return Ok(self.end(Outcome::StillRegistering)),
                Ok(Polled::Registering) => {}
                Err(source) if is_last => {
                    return Err(RecordError::Interruption {
                        ec2_instance_id: self.interruption.ec2_instance_id.to_string(),
                        cluster: self.cluster.to_string(),
                        source,
                    });
                }
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::warn!(event = "interruption_call_failed", %error, "call failed: retrying");
                }
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// Sets the instance's ACTIVE registrations DRAINING. EC2 warns each cluster's drainer of the
    /// account, so most instances are not in this cluster.
    async fn poll(&self, until: DateTime<Utc>) -> Result<Polled, CallError> {
        let id = &self.interruption.ec2_instance_id;
        let query = ContainerInstanceQuery::OfEc2Instances(vec![id.clone()]);
        let call = read::container_instances(self.ecs, &self.cluster, &query);
        let answer = self.in_time(until, "ecs:ListContainerInstances", call).await?;
        self.all_reached("ecs:DescribeContainerInstances", &answer.failures)?;

        let mut found = Registrations::default();
        for instance in answer.items {
            if instance.ec2_instance_id == id.as_str() {
                found.add(instance.arn, &instance.status);
            }
        }
        if self.dry_run && (found.registering || !found.active.is_empty()) {
            return Ok(Polled::Ended(Outcome::DryRun));
        }
        if !found.active.is_empty() {
            let call = self.ecs.set_draining(&self.cluster, &found.active);
            let answer = self.in_time(until, "ecs:UpdateContainerInstancesState", call).await?;
            self.all_reached("ecs:UpdateContainerInstancesState", &answer.failures)?;
        }
        Ok(match found {
            Registrations { registering: true, .. } => Polled::Registering,
            Registrations { active, .. } if !active.is_empty() => Polled::Ended(Outcome::SetDraining),
            Registrations { draining: true, .. } => Polled::Ended(Outcome::DrainingAlready),
            Registrations { .. } => Polled::Ended(Outcome::NotInCluster),
        })
    }

    fn end(&self, outcome: Outcome) -> InterruptionSummary {
        let (event, outcome_is) = (outcome.event(), outcome.as_str());
        let interruption = &self.interruption.kind;
        if outcome == Outcome::StillRegistering {
            tracing::warn!(event, %interruption, outcome = outcome_is, "instance still REGISTERING: gave up");
        } else {
            tracing::info!(event, %interruption, outcome = outcome_is, "interruption handled");
        }
        InterruptionSummary {
            ec2_instance_id: self.interruption.ec2_instance_id.to_string(),
            cluster: self.cluster.to_string(),
            interruption: interruption.to_string(),
            outcome: outcome_is,
        }
    }

    fn all_reached(&self, operation: &'static str, failures: &[Failure]) -> Result<(), CallError> {
        match failures.first() {
            None => Ok(()),
            Some(failure) => Err(error_of(operation, &self.cluster, failure)),
        }
    }

    async fn in_time<T>(
        &self,
        until: DateTime<Utc>,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let until = until.min(self.clock.now() + CALL_TIMEOUT);
        within(self.clock, until, operation, &format!("cluster {}", self.cluster), call).await
    }
}

/// The container instances of one EC2 instance. There are several if its agent registered again.
#[derive(Debug, Default)]
struct Registrations {
    /// Those to set DRAINING.
    active: Vec<ContainerInstanceArn>,
    registering: bool,
    draining: bool,
}

impl Registrations {
    fn add(&mut self, arn: ContainerInstanceArn, status: &ContainerInstanceStatus) {
        match status {
            // A status that AWS added may be one in which tasks run. ECS refuses the call if not.
            ContainerInstanceStatus::Active | ContainerInstanceStatus::Other(_) => self.active.push(arn),
            ContainerInstanceStatus::Registering => self.registering = true,
            ContainerInstanceStatus::Draining | ContainerInstanceStatus::Deregistering => {
                self.draining = true;
            }
            // No task of these can run.
            ContainerInstanceStatus::RegistrationFailed | ContainerInstanceStatus::Inactive => {}
        }
    }
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SetDraining => "set-draining",
            Self::DrainingAlready => "draining-already",
            Self::NotInCluster => "not-in-cluster",
            Self::StillRegistering => "still-registering",
            Self::DryRun => "dry-run",
        }
    }

    /// The code of its log line.
    const fn event(self) -> &'static str {
        match self {
            Self::SetDraining => "interruption_set_draining",
            Self::DrainingAlready => "interruption_draining_already",
            Self::NotInCluster => "interruption_not_in_cluster",
            Self::StillRegistering => "interruption_still_registering",
            Self::DryRun => "interruption_dry_run",
        }
    }
}
