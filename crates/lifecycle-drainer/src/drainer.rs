//! The handler.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::{
    DrainMetrics, GroupDrains, GroupRequest, Interruption, Message, Notice, Standby, Sweep,
};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::Clock;
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value;
use tracing::Instrument;

use crate::calls::{Calls, Paces};
use crate::config::Config;
use crate::error::RecordError;
use crate::executor::{Executor, works_until};
use crate::interruption::Interrupted;
use crate::outcome::{DrainSummary, Outcome, RecordOutcome, Response};
use crate::ports::Ports;
use crate::record::{Delivery, read_record, records};
use crate::report::Reporter;

/// The lifecycle-drainer.
#[derive(Debug)]
pub struct Drainer<P> {
    ports: P,
    config: Config,
    paces: Paces,
    /// This environment's memory of each cluster's groups and their hooks between two invocations.
    standby: RefCell<BTreeMap<(String, String, String), Standby>>,
}

/// The work of one invocation.
struct Work {
    cluster: Cluster,
    group: String,
    hook: String,
    own: Option<(Notice, Delivery)>,
}

impl<P: Ports> Drainer<P> {
    /// A drainer over `ports`.
    pub fn new(ports: P, config: Config) -> Self {
        Self { ports, config, paces: Paces::default(), standby: RefCell::default() }
    }

    /// Works on an event's records, all at once, and each on its own: when one fails, the others
    /// are still seen through. Then the whole event is an error, which Lambda retries: for those
    /// that were done that changes nothing.
    pub async fn handle(&self, event: Value, invocation: Invocation) -> Result<Response, RecordError> {
        if !invocation.deadline_known {
            tracing::warn!(
                event = "deadline_unknown",
                ends = %invocation.ends,
                "the invocation's deadline is in the past: assuming a short one"
            );
        }
        let records = records(event)?;
        let outcomes =
            join_all(records.into_iter().map(|record| self.handle_record(record, invocation))).await;

        let (of, mut done, mut failed) = (outcomes.len(), Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(outcome) => done.push(outcome),
                Err(error) => {
                    tracing::error!(
                        event = "record_failed",
                        error = %ErrorChain(&error),
                        kind = error.kind(),
                        "record failed"
                    );
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
                tracing::info!(event = "message_ignored", reason = %ignored, "message ignored");
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
            group = notice.action.group,
            hook = notice.action.hook,
            attempt = delivery.attributes.attempt,
        );
        let (group, hook) = (notice.action.group.clone(), notice.action.hook.clone());
        let work = Work { cluster, group, hook, own: Some((notice, delivery)) };
        self.work(work, invocation).instrument(span).await
    }

    async fn sweep(&self, sweep: Sweep, invocation: Invocation) -> Result<RecordOutcome, RecordError> {
        let Sweep { cluster, group, hook } = sweep;
        let cluster = self.cluster(cluster, || format!("the sweep of group {group}"))?;
        let span = tracing::error_span!("sweep", cluster = cluster.name(), group, hook);
        self.work(Work { cluster, group, hook, own: None }, invocation).instrument(span).await
    }

    async fn work(&self, work: Work, invocation: Invocation) -> Result<RecordOutcome, RecordError> {
        let Work { cluster, group, hook, own } = work;
        let key = (cluster.name().to_owned(), group.clone(), hook.clone());
        let standby = self.standby.borrow().get(&key).cloned().unwrap_or_default();
        if own.is_none() && !self.config.dry_run && !standby.is_due(self.ports.clock().now()) {
            let summary = DrainSummary {
                ec2_instance_id: format!("instances of group {group}"),
                cluster: cluster.to_string(),
                attempt: 1,
                seconds_since_notice: 0,
                why: None,
                others: None,
                outcome: Outcome::Swept,
            };
            return Ok(RecordOutcome::Drain(Box::new(summary)));
        }
        let request = GroupRequest {
            cluster: cluster.clone(),
            group: group.clone(),
            hook: hook.clone(),
            own: own.as_ref().map(|(notice, delivery)| (notice.clone(), delivery.attributes.clone())),
            drain_timeout: self.config.drain_timeout,
            policy: self.config.on_drain_timeout,
            poll_interval: self.config.poll_interval,
            begins: invocation.begins,
            until: works_until(invocation, &self.config),
        };
        let drains = GroupDrains::new(request, standby);
        let mut executor = Executor {
            calls: Calls::new(&self.ports, &self.paces, &cluster, drains.works_until()),
            config: &self.config,
            invocation,
            drains,
            group: &group,
            own: own.as_ref().map(|(notice, delivery)| (notice.ec2_instance_id.clone(), delivery)),
            reporter: Reporter {
                log: self.ports.log(),
                metrics: DrainMetrics {
                    namespace: &self.config.metric_namespace,
                    cluster: &cluster,
                    group: &group,
                    hook: &hook,
                },
                in_progress_at: None,
            },
            mates_prove: own.as_ref().is_none_or(|(notice, _)| notice.metadata_not_understood.is_none()),
        };
        // Boxed: over the SDK, the futures nest deeper in one another than the compiler follows.
        let dry_run = self.config.dry_run;
        let answer =
            if dry_run { executor.dry_run().boxed_local() } else { executor.run().boxed_local() }.await;
        let standby = executor.drains.into_standby(self.ports.clock().now());
        if !dry_run {
            let mut remembered = self.standby.borrow_mut();
            // Sweeps may have learned more while a drain ran.
            match remembered.entry(key) {
                Entry::Occupied(mut known) if own.is_some() => known.get_mut().learn(standby),
                Entry::Occupied(mut known) => _ = known.insert(standby),
                Entry::Vacant(unknown) => _ = unknown.insert(standby),
            }
        }
        answer.map(|summary| RecordOutcome::Drain(Box::new(summary)))
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
        let (ecs, clock) = (self.ports.ecs(), self.ports.clock());
        let dry_run = self.config.dry_run;
        let interrupted = Interrupted { ecs, clock, cluster, interruption, dry_run };
        let handled = interrupted.run(invocation).instrument(span).boxed_local();
        handled.await.map(RecordOutcome::Interruption)
    }

    /// The cluster that an event names, or `ECS_CLUSTER`.
    fn cluster(&self, named: Option<Cluster>, of: impl Fn() -> String) -> Result<Cluster, RecordError> {
        let cluster = named.or_else(|| self.config.cluster.clone());
        cluster.ok_or_else(|| RecordError::NoClusterOfEvent { of: of() })
    }
}
