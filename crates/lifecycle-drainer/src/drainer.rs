//! The handler.

use fleetkeeper_core::drain::{Ignored, Message, Notice};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    Clock, ContainerInstanceDraining, ContainerInstances, LifecycleActions, NotificationTopic, Tasks,
};
use futures_util::future::join_all;
use serde_json::Value;
use tracing::Instrument;

use crate::config::Config;
use crate::drain::{Drain, Request};
use crate::error::RecordError;
use crate::outcome::{RecordOutcome, Response};
use crate::ports::Ports;
use crate::record::{Delivery, read_record, records};

/// The lifecycle-drainer.
#[derive(Debug)]
pub struct Drainer<Ecs, AutoScaling, Sns, C> {
    ports: Ports<Ecs, AutoScaling, Sns, C>,
    config: Config,
}

impl<Ecs, AutoScaling, Sns, C> Drainer<Ecs, AutoScaling, Sns, C>
where
    Ecs: ContainerInstances + ContainerInstanceDraining + Tasks,
    AutoScaling: LifecycleActions,
    Sns: NotificationTopic,
    C: Clock,
{
    /// A drainer over `ports`.
    pub fn new(ports: Ports<Ecs, AutoScaling, Sns, C>, config: Config) -> Self {
        Self { ports, config }
    }

    /// Works on an event's records, all at once, and each on its own: when one fails, the others are still seen
    /// through. Then the whole event is an error, which Lambda retries: for those that were done that changes nothing.
    pub async fn handle(&self, event: Value, invocation: Invocation) -> Result<Response, RecordError> {
        if !invocation.deadline_known {
            tracing::warn!(ends = %invocation.ends, "the deadline lies in the past: taken as unknown, with a short default");
        }
        let records = records(event)?;
        let outcomes =
            join_all(records.into_iter().map(|record| self.handle_record(record, invocation))).await;

        let (of, mut done, mut failed) = (outcomes.len(), Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(outcome) => done.push(outcome),
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), kind = error.kind(), "record failed");
                    failed.push(error);
                }
            }
        }
        let failures = failed.len();
        match failed.into_iter().next() {
            None => Ok(Response { records: done }),
            Some(error) if of == 1 => Err(error),
            Some(first) => Err(RecordError::Several { failed: failures, of, first: Box::new(first) }),
        }
    }

    async fn handle_record(
        &self,
        record: Value,
        invocation: Invocation,
    ) -> Result<RecordOutcome, RecordError> {
        let delivery = read_record(record, self.config.lifecycle_topic_arn.as_ref())?;
        match delivery.message.clone() {
            Message::Ignored(ignored) => {
                tracing::info!(reason = %ignored, "message ignored");
                Ok(RecordOutcome::Ignored { ignored })
            }
            Message::Interruption(_) | Message::Sweep(_) => {
                Ok(RecordOutcome::Ignored { ignored: Ignored::OtherEvent("not acted on yet".to_owned()) })
            }
            Message::Terminating(notice) => self.drain(notice, delivery, invocation).await,
        }
    }

    async fn drain(
        &self,
        notice: Notice,
        delivery: Delivery,
        invocation: Invocation,
    ) -> Result<RecordOutcome, RecordError> {
        let Some(cluster) = notice.cluster.clone().or_else(|| self.config.cluster.clone()) else {
            return Err(RecordError::NoCluster {
                ec2_instance_id: notice.ec2_instance_id.to_string(),
                group: notice.action.group,
                hook: notice.action.hook,
            });
        };
        let span = tracing::error_span!(
            "drain",
            cluster = cluster.name(),
            ec2InstanceId = notice.ec2_instance_id.as_str(),
            group = notice.action.group,
            hook = notice.action.hook,
            attempt = delivery.attempt,
        );
        let request = Request { cluster, notice, delivery };
        let drain = Drain::new(&self.ports, &self.config, request, invocation);
        drain.run().instrument(span).await.map(RecordOutcome::Drain)
    }
}
