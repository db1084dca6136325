//! The handler.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::{Interruption, Message, Notice, Sweep};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::LifecycleAction;
use fleetkeeper_core::ports::{Clock, EmbeddedMetrics, NotificationTopic};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value;
use tracing::Instrument;

use crate::config::Config;
use crate::convoy::{Convoy, Request};
use crate::error::RecordError;
use crate::interruption::Interrupted;
use crate::outcome::{RecordOutcome, Response};
use crate::ports::{AutoScalingCalls, EcsCalls, Ports};
use crate::record::{Delivery, read_record, records};

/// The lifecycle-drainer.
#[derive(Debug)]
pub struct Drainer<Ecs, AutoScaling, Sns, Log, C> {
    ports: Ports<Ecs, AutoScaling, Sns, Log, C>,
    config: Config,
}

impl<Ecs, AutoScaling, Sns, Log, C> Drainer<Ecs, AutoScaling, Sns, Log, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    Log: EmbeddedMetrics,
    C: Clock,
{
    /// A drainer over `ports`.
    pub fn new(ports: Ports<Ecs, AutoScaling, Sns, Log, C>, config: Config) -> Self {
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
            Message::Interruption(interruption) => self.interruption(interruption, invocation).await,
            Message::Sweep(sweep) => self.sweep(sweep, invocation).await,
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
        let LifecycleAction { group, hook, .. } = notice.action.clone();
        let request = Request { cluster, group, hook, own: Some((notice, delivery)) };
        self.look_after(request, invocation).instrument(span).await
    }

    async fn sweep(&self, sweep: Sweep, invocation: Invocation) -> Result<RecordOutcome, RecordError> {
        let Sweep { cluster, group, hook } = sweep;
        let cluster = self.cluster(cluster, || format!("the sweep of group {group}"))?;
        let span = tracing::error_span!("sweep", cluster = cluster.name(), group, hook);
        let request = Request { cluster, group, hook, own: None };
        self.look_after(request, invocation).instrument(span).await
    }

    async fn look_after(
        &self,
        request: Request,
        invocation: Invocation,
    ) -> Result<RecordOutcome, RecordError> {
        let convoy = Convoy::new(&self.ports, &self.config, request, invocation);
        // Boxed, as an interruption is: over the SDK, all that they may wait for nests deeper in one future than the
        // compiler follows.
        let drained =
            if self.config.dry_run { convoy.dry_run().boxed_local() } else { convoy.run().boxed_local() };
        drained.await.map(|summary| RecordOutcome::Drain(Box::new(summary)))
    }

    async fn interruption(
        &self,
        interruption: Interruption,
        invocation: Invocation,
    ) -> Result<RecordOutcome, RecordError> {
        let id = interruption.ec2_instance_id.clone();
        let cluster = self.cluster(None, || interruption.kind.to_string())?;
        let span =
            tracing::error_span!("interruption", cluster = cluster.name(), ec2InstanceId = id.as_str());
        let Ports { ecs, clock, .. } = &self.ports;
        let dry_run = self.config.dry_run;
        let interrupted = Interrupted { ecs, clock, cluster, interruption, dry_run };
        let looked_after = interrupted.run(invocation).instrument(span).boxed_local();
        looked_after.await.map(RecordOutcome::Interruption)
    }

    /// The cluster that an event names, or `ECS_CLUSTER`.
    fn cluster(&self, named: Option<Cluster>, of: impl Fn() -> String) -> Result<Cluster, RecordError> {
        let cluster = named.or_else(|| self.config.cluster.clone());
        cluster.ok_or_else(|| RecordError::NoClusterOfEvent { of: of() })
    }
}
