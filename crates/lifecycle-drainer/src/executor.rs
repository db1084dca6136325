//! The loop that does what [`GroupDrains`] decides, and records what came of it.

mod answer;
mod auto_scaling;
mod ecs;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{Batch, GroupAction, GroupDrains, Role};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::LifecycleActionState;
use fleetkeeper_core::ports::{Clock, LifecycleActions, NotificationTopic, READS_LAG_MAX};
use fleetkeeper_core::time_left::{between, within};

use crate::calls::Calls;
use crate::config::Config;
use crate::diagnosis::explain;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::ports::Ports;
use crate::record::Delivery;
use crate::report::Reporter;

/// Kept of the invocation to return its answer.
pub(crate) const RETURN_RESERVE: Duration = Duration::from_millis(200);

/// The first pause before a publish that AWS did not accept is retried; it doubles.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// A publish that has not answered by then counts as one whose answer was lost.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(3);

/// How often one message is published where answers are lost: each of them may have been taken.
const PUBLISHES_MAX: u32 = 2;

/// One invocation's work on a group's drains.
pub(crate) struct Executor<'a, P: Ports> {
    pub(crate) calls: Calls<'a, P>,
    pub(crate) config: &'a Config,
    pub(crate) invocation: Invocation,
    pub(crate) drains: GroupDrains,
    pub(crate) group: &'a str,
    pub(crate) own: Option<(Ec2InstanceId, &'a Delivery)>,
    pub(crate) reporter: Reporter<'a, P::Log>,
    /// True if other instances of the group prove that the cluster is the right one: the hook's
    /// metadata does not name another one in a form that was not understood.
    pub(crate) mates_prove: bool,
}

/// When an invocation must stop working: the margin is for republishing.
pub(crate) fn works_until(invocation: Invocation, config: &Config) -> DateTime<Utc> {
    invocation.ends - config.deadline_margin
}

impl<P: Ports> Executor<'_, P> {
    /// Drains until there is nothing more to do, or the invocation's time is up.
    pub(crate) async fn run(&mut self) -> Result<DrainSummary, RecordError> {
        self.refuse_too_short_an_invocation()?;
        loop {
            match self.decide()? {
                GroupAction::Delegate(to) => return Ok(self.delegated(&to)),
                GroupAction::Republish => return self.republish().await,
                GroupAction::Return => return Ok(self.finish()),
                action => self.act(action).await,
            }
            self.report();
        }
    }

    /// Decides as [`Self::run`] does up to the first change, and describes it.
    pub(crate) async fn dry_run(&mut self) -> Result<DrainSummary, RecordError> {
        let would = loop {
            let action = self.decide()?;
            let now = self.calls.now();
            match action {
                // Only a recorded heartbeat shows that the action is open.
                GroupAction::Batch(Batch::Heartbeat(due)) => {
                    for (id, _) in due {
                        self.drains.heartbeat_answered(&id, Ok(LifecycleActionState::Active), now, now);
                    }
                }
                GroupAction::Probe(id, _) => {
                    self.drains.probe_answered(id, Ok(LifecycleActionState::Active));
                }
                GroupAction::Batch(Batch::SetDraining(due)) => {
                    break format!("set DRAINING: {}", join(due.iter().flat_map(|(_, arns)| arns)));
                }
                GroupAction::Batch(Batch::StopTasks(due)) => break format!("stop {} tasks", due.len()),
                GroupAction::Batch(Batch::Complete(due)) => {
                    let reasons: BTreeSet<_> = due.iter().map(|(_, _, reason)| reason.to_string()).collect();
                    break format!("complete the hook: {}", join(&reasons));
                }
                GroupAction::Delegate(to) => break format!("delegate the drain to the message about {to}"),
                GroupAction::Sleep(_) if self.drains.own().is_some_and(|own| own.evidence().was_sought()) => {
                    let reason = self.drains.own().and_then(|own| own.waiting_for(now));
                    break reason.map_or_else(|| "poll".to_owned(), |reason| format!("wait: {reason}"));
                }
                GroupAction::Return | GroupAction::Republish => {
                    break format!("drain {} instances that wait", self.drains.waiting());
                }
                action => self.act(action).await,
            }
        };
        let would = self.with_diagnosis(would).await;
        tracing::info!(event = "drain_dry_run", would, "dry run: nothing was changed");
        let outcome = Outcome::DryRun { would };
        Ok(self.summary(outcome))
    }

    /// The next action, or why the invocation fails.
    fn decide(&mut self) -> Result<GroupAction, RecordError> {
        let now = self.calls.now();
        let action = self.drains.next(now);
        self.report();
        match self.drains.failure(now) {
            Some(failure) => Err(self.failed(&failure)),
            None => Ok(action),
        }
    }

    async fn with_diagnosis(&mut self, would: String) -> String {
        let Some(own) = self.drains.own().filter(|own| own.evidence().listed_at().is_none()) else {
            return self.diagnosed(would).await;
        };
        // Listing and describing tasks changes nothing.
        let id = own.ec2_instance_id().clone();
        let arns: Vec<_> = own.evidence().registrations().map(|it| it.arn.clone()).collect();
        self.list(vec![(id.clone(), arns)]).await;
        let tasks = self.drains.own().map(|own| own.evidence().unfinished()).unwrap_or_default();
        self.describe_tasks(vec![(id, tasks)]).await;
        self.report();
        self.diagnosed(would).await
    }

    async fn diagnosed(&mut self, would: String) -> String {
        let Some(id) = self.own.as_ref().map(|(id, _)| id.clone()) else { return would };
        self.diagnose(&id).await;
        self.report();
        match self.drains.own().and_then(|own| own.diagnosis()) {
            Some((_, diagnosis)) => format!("{would}; then wait for {diagnosis}"),
            None => would,
        }
    }

    async fn act(&mut self, action: GroupAction) {
        match action {
            GroupAction::ReadGroup => self.read_group().await,
            GroupAction::ReadHooks => {
                let call = self.calls.ports.auto_scaling().describe_termination_hooks(self.group);
                let answer = self.auto_scaling("autoscaling:DescribeLifecycleHooks", call).await;
                self.drains.hooks_read(answer, self.calls.now());
            }
            GroupAction::ReadActivities(of) => {
                let answer = self.activities(&of).await;
                self.drains.activities_read(answer);
            }
            GroupAction::Probe(id, action) => {
                let call = self.calls.ports.auto_scaling().record_heartbeat(&action);
                let answer = self.auto_scaling("autoscaling:RecordLifecycleActionHeartbeat", call).await;
                self.drains.probe_answered(id, answer);
            }
            GroupAction::Place(tasks) => self.place(tasks).await,
            GroupAction::Diagnose(id) => self.diagnose(&id).await,
            GroupAction::Sleep(until) => {
                self.reporter.in_progress(&self.drains, self.calls.now());
                self.calls.ports.clock().sleep(between(self.calls.now(), until)).await;
            }
            GroupAction::Batch(batch) => self.batch(batch).await,
            GroupAction::Delegate(_) | GroupAction::Republish | GroupAction::Return => {}
        }
    }

    async fn batch(&mut self, batch: Batch) {
        match batch {
            Batch::Heartbeat(due) => self.heartbeat(due).await,
            Batch::Complete(due) => self.complete(due).await,
            Batch::SetDraining(due) => self.set_draining(due).await,
            Batch::StopTasks(due) => self.stop_tasks(due).await,
            Batch::Find(due) => self.find(due).await,
            Batch::FindActive(due) => self.find_active(due).await,
            Batch::Describe(due) => self.describe(due).await,
            Batch::List(due) => self.list(due).await,
            Batch::ListCluster(due) => self.list_cluster(due).await,
            Batch::DescribeTasks(due) => self.describe_tasks(due).await,
            Batch::ProveCluster => self.prove_cluster().await,
        }
    }

    async fn diagnose(&mut self, id: &Ec2InstanceId) {
        let Some(session) = self.drains.sessions().get(id) else { return };
        let diagnosis = explain(&self.calls, session).await.unwrap_or_else(|error| {
            tracing::warn!(
                event = "drain_diagnosis_failed",
                ec2InstanceId = id.as_str(),
                error = %ErrorChain(&error),
                "cannot diagnose the drain"
            );
            None
        });
        self.drains.diagnosed(id, diagnosis, self.calls.now());
    }

    /// Each invocation must see an instance's tasks stopped and confirm that. With too little time
    /// for both, drains would be republished without end.
    fn refuse_too_short_an_invocation(&self) -> Result<(), RecordError> {
        let works_until = works_until(self.invocation, self.config);
        if self.invocation.begins + READS_LAG_MAX + self.config.poll_interval < works_until {
            return Ok(());
        }
        let error = RecordError::TooShort {
            seconds: between(self.invocation.begins, self.invocation.ends).as_secs(),
            confirm: READS_LAG_MAX.as_secs(),
            margin: self.config.deadline_margin.as_secs(),
            poll: self.config.poll_interval.as_secs(),
        };
        self.reporter.failed(&self.drains, &error, self.calls.now());
        Err(error)
    }

    /// Republishes the message, so that the next invocation continues.
    async fn republish(&mut self) -> Result<DrainSummary, RecordError> {
        let next_attempt = match self.publish().await {
            Ok(next_attempt) => next_attempt,
            Err(error) => {
                self.reporter.failed(&self.drains, &error, self.calls.now());
                return Err(error);
            }
        };
        let waiting_for = self.waiting_for();
        tracing::info!(
            event = "drain_republished",
            nextAttempt = next_attempt,
            reason = waiting_for,
            "invocation timeout near: republished"
        );
        self.reporter.time_is_up(&self.drains, self.calls.now());
        Ok(self.summary(Outcome::Republished { next_attempt, waiting_for }))
    }

    /// Publishes the message for its next delivery.
    ///
    /// AWS may have taken a message although its answer was an error or was lost, and each that it
    /// took starts another invocation. So such a message is published once more and no further; one
    /// that was not accepted for certain is retried until the invocation ends.
    async fn publish(&self) -> Result<u32, RecordError> {
        let until = self.invocation.ends - RETURN_RESERVE;
        let (id, delivery) = self
            .own
            .as_ref()
            .map_or_else(Default::default, |(id, delivery)| (id.to_string(), Some(*delivery)));
        let cluster = self.calls.cluster.to_string();
        let Some((topic_arn, delivery)) = delivery.and_then(|it| Some((it.topic_arn.as_ref()?, it))) else {
            return Err(RecordError::NoTopic { ec2_instance_id: id, cluster });
        };
        let attributes = self.drains.attributes();
        let clock = self.calls.ports.clock();
        let (mut pause, mut uncertain) = (PUBLISH_RETRY, 0);
        loop {
            let call = self.calls.ports.sns().publish(topic_arn, &delivery.text, &attributes);
            let patience = until.min(clock.now() + PUBLISH_PATIENCE);
            let Err(error) = within(clock, patience, "sns:Publish", topic_arn, call).await else {
                return Ok(attributes.attempt);
            };
            tracing::error!(event = "republish_failed", error = %ErrorChain(&error), "cannot republish the message");
            uncertain += u32::from(error.may_have_taken_effect());
            if clock.now() + pause >= until || uncertain >= PUBLISHES_MAX {
                return Err(RecordError::Republish { ec2_instance_id: id, cluster, source: error });
            }
            clock.sleep(pause).await;
            pause *= 2;
        }
    }

    /// The reason that its own drain waits, or where that has ended, the others'.
    fn waiting_for(&self) -> String {
        let own = self.drains.own().filter(|own| own.end().is_none());
        match own.map(|own| own.waiting_for(self.calls.now())) {
            Some(Some(reason)) => reason.to_string(),
            Some(None) => "the group or the instance could not be read".to_owned(),
            None => format!("other instances of group {}", self.group),
        }
    }

    fn report(&mut self) {
        for report in self.drains.reports() {
            self.reporter.report(&report, self.calls.now());
        }
    }

    fn finish(&mut self) -> DrainSummary {
        self.report();
        self.reporter.last_in_progress(&self.drains, self.calls.now());
        let outcome = match self.drains.own().and_then(|own| own.end()) {
            Some(end) => end.into(),
            None if self.drains.role() == Role::Standby => Outcome::Swept,
            None => Outcome::ActionGone,
        };
        self.summary(outcome)
    }

    fn delegated(&mut self, to: &Ec2InstanceId) -> DrainSummary {
        let waiting = self.drains.waiting();
        tracing::info!(event = "drain_delegated", coordinator = %to, waiting, "many instances wait: delegated");
        if self.drains.own().is_some_and(|own| own.end().is_some()) {
            return self.finish();
        }
        self.summary(Outcome::Delegated { coordinator: to.to_string(), waiting })
    }
}

fn join<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|it| it.to_string()).collect::<Vec<_>>().join(", ")
}
