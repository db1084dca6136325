//! The loop that does what [`GroupDrains`] decides, and records what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::{
    Batch, CompleteReason, GroupAction, GroupDrains, Kind, OnDrainTimeout, Report, Role, STOPPED_REASON,
    TaskLists,
};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::{LifecycleAction, LifecycleActionResult, LifecycleActionState};
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{
    AutoScalingGroups, CallError, Clock, ContainerInstanceDraining, ContainerInstanceQuery, LifecycleActions,
    NotificationTopic, READS_LAG_MAX, TaskStopping, TasksOf, UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};
use fleetkeeper_core::time_left::{between, within};

use crate::calls::{Calls, each};
use crate::config::Config;
use crate::diagnosis::explain;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::ports::Ports;
use crate::record::Delivery;
use crate::report::Reporter;

/// Pages of activities that are read: those in progress come first, a hundred a page.
const ACTIVITY_PAGES: usize = 60;

/// The most tasks that one of the cluster's lists may have: more take longer to describe than each
/// instance's own.
const CLUSTER_TASKS_MAX: usize = 6000;

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

impl<'a, P: Ports> Executor<'a, P> {
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

    fn reads(&self) -> Paced<'a, P::Ecs, P::Clock> {
        self.calls.reads(self.drains.role() == Role::Coordinator)
    }

    async fn auto_scaling<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        self.calls.auto_scaling(operation, &format!("group {}", self.group), call).await
    }

    async fn read_group(&mut self) {
        let began = self.calls.now();
        let call = self.calls.ports.auto_scaling().describe_group(self.group);
        let answer = self.auto_scaling("autoscaling:DescribeAutoScalingGroups", call).await;
        self.drains.group_read(answer, began, self.calls.now());
    }

    /// Since when instances are being terminated, as far as the group's activities say.
    async fn activities(
        &self,
        of: &BTreeSet<Ec2InstanceId>,
    ) -> Result<BTreeMap<Ec2InstanceId, DateTime<Utc>>, Arc<CallError>> {
        let (mut since, mut page): (BTreeMap<_, _>, Option<_>) = (BTreeMap::new(), None);
        for _ in 0..ACTIVITY_PAGES {
            let call = self.calls.ports.auto_scaling().describe_scaling_activities(self.group, page.as_ref());
            let read = self.auto_scaling("autoscaling:DescribeScalingActivities", call).await?;
            let in_progress: Vec<_> = read.items.iter().filter(|activity| activity.ended.is_none()).collect();
            for activity in &in_progress {
                // "Terminating EC2 instance: i-01234567890abcdef", at times with a full stop and
                // more.
                let words = activity.description.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
                let named = words.filter_map(|word| word.parse::<Ec2InstanceId>().ok());
                for id in named.filter(|id| of.contains(id)) {
                    since.entry(id).or_insert(activity.began);
                }
            }
            page = read.next;
            if page.is_none() || in_progress.is_empty() || since.len() == of.len() {
                break;
            }
        }
        Ok(since)
    }

    async fn heartbeat(&mut self, due: Vec<(Ec2InstanceId, LifecycleAction)>) {
        let this = &*self;
        let answers = each(due, |(id, action)| async move {
            let began = this.calls.now();
            let call = this.calls.ports.auto_scaling().record_heartbeat(&action);
            let answer = this.auto_scaling("autoscaling:RecordLifecycleActionHeartbeat", call).await;
            (id, answer, began)
        });
        for (id, answer, began) in answers.await {
            self.drains.heartbeat_answered(&id, answer, began, self.calls.now());
        }
    }

    async fn complete(&mut self, due: Vec<(Ec2InstanceId, LifecycleAction, CompleteReason)>) {
        let this = &*self;
        let answers = each(due, |(id, action, reason)| async move {
            let result = match reason {
                CompleteReason::TimeUp(OnDrainTimeout::Abandon) => LifecycleActionResult::Abandon,
                _ => LifecycleActionResult::Continue,
            };
            let call = this.calls.ports.auto_scaling().complete(&action, result);
            let answer = this.auto_scaling("autoscaling:CompleteLifecycleAction", call).await;
            (id, reason, answer)
        });
        for (id, reason, answer) in answers.await {
            self.drains.completion_answered(&id, reason, answer, self.calls.now());
        }
    }

    async fn set_draining(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        const OPERATION: &str = "ecs:UpdateContainerInstancesState";
        let arns: Vec<_> = due.iter().flat_map(|(_, arns)| arns).cloned().collect();
        for arns in arns.chunks(UPDATE_STATE_MAX) {
            let call = self.calls.ports.ecs().set_draining(self.calls.cluster, arns);
            let answer = self.calls.ecs(OPERATION, call).await;
            let now = self.calls.now();
            for (id, own) in &due {
                let own: Vec<_> = own.iter().filter(|arn| arns.contains(arn)).collect();
                if own.is_empty() {
                    continue;
                }
                match &answer {
                    Err(error) => self.drains.call_failed(id, Kind::SetDraining, error, now),
                    Ok(answer) => {
                        let set = answer.items.iter().filter(|it| own.contains(&&it.arn)).cloned();
                        let set: Vec<_> = set.collect();
                        let failure = self.calls.failure_of(OPERATION, &answer.failures, own.iter().copied());
                        self.drains.was_set_draining(id, &set, failure.as_ref(), now);
                        if failure.is_none() && set.len() < own.len() {
                            // MISSING: it has left the cluster meanwhile, which the next search
                            // shows.
                            self.drains.found_active(id, true, now);
                        }
                    }
                }
            }
        }
    }

    async fn stop_tasks(&mut self, due: Vec<(Ec2InstanceId, TaskArn)>) {
        let this = &*self;
        let answers = each(due, |(id, task)| async move {
            let call = this.calls.ports.ecs().stop_task(this.calls.cluster, &task, STOPPED_REASON);
            let answer = this.calls.ecs("ecs:StopTask", call).await;
            (id, task, answer)
        });
        for (id, task, answer) in answers.await {
            let now = self.calls.now();
            match answer {
                Ok(()) => self.drains.stop_answered(&id, &task, now),
                Err(error) => self.drains.call_failed(&id, Kind::StopTasks, &error, now),
            }
        }
    }

    async fn find(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        let ids: Vec<_> = due.iter().map(|(id, _)| id.clone()).collect();
        let (reads, cluster) = (self.reads(), self.calls.cluster);
        let query = ContainerInstanceQuery::OfEc2Instances(ids);
        let call = read::container_instance_arns(&reads, cluster, &query);
        let listed = match self.calls.ecs("ecs:ListContainerInstances", call).await {
            Ok(listed) => listed,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Find, &error),
        };
        let known = due.iter().flat_map(|(_, known)| known);
        let all: BTreeSet<_> = listed.iter().chain(known).cloned().collect();
        let all: Vec<_> = all.into_iter().collect();
        let call = read::describe_container_instances(&reads, cluster, &all);
        let answer = match self.calls.ecs("ecs:DescribeContainerInstances", call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Find, &error),
        };
        let now = self.calls.now();
        let others = |it: &&fleetkeeper_core::container_instance::ContainerInstance| {
            !due.iter().any(|(id, _)| id.as_str() == it.ec2_instance_id)
        };
        let others = answer.items.iter().filter(others).count();
        if others > 0 {
            tracing::warn!(event = "filter_ignored", others, "ECS listed other instances too: ignored");
        }
        // Which instance an unresolved registration is of is not known: it may be any.
        let unresolved = answer.failures.iter().filter(|it| listed.iter().any(|arn| arn.0 == it.arn)).count();
        for (id, _) in &due {
            let own = answer.items.iter().filter(|it| it.ec2_instance_id == id.as_str()).cloned();
            let own: Vec<_> = own.collect();
            match self.calls.failure_of("ecs:DescribeContainerInstances", &answer.failures, &listed) {
                Some(error) if own.is_empty() => self.drains.call_failed(id, Kind::Find, &error, now),
                _ => self.drains.found(id, &own, unresolved, now),
            }
        }
    }

    async fn find_active(&mut self, due: Vec<Ec2InstanceId>) {
        let reads = self.reads();
        let query = ContainerInstanceQuery::ActiveOfEc2Instances(due.clone());
        let began = self.calls.now();
        let call = read::container_instance_arns(&reads, self.calls.cluster, &query);
        match self.calls.ecs("ecs:ListContainerInstances", call).await {
            Ok(active) => {
                for id in &due {
                    self.drains.found_active(id, !active.is_empty(), began);
                }
            }
            Err(error) => self.fail(due.iter(), Kind::FindActive, &error),
        }
    }

    async fn describe(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        const OPERATION: &str = "ecs:DescribeContainerInstances";
        let arns: Vec<_> = due.iter().flat_map(|(_, arns)| arns).cloned().collect();
        let reads = self.reads();
        let call = read::describe_container_instances(&reads, self.calls.cluster, &arns);
        let answer = match self.calls.ecs(OPERATION, call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Describe, &error),
        };
        let now = self.calls.now();
        for (id, own) in &due {
            let described: Vec<_> = answer.items.iter().filter(|it| own.contains(&it.arn)).cloned().collect();
            match self.calls.failure_of(OPERATION, &answer.failures, own) {
                Some(error) => self.drains.call_failed(id, Kind::Describe, &error, now),
                // MISSING: it may have left the cluster, which a search shows.
                None if described.len() < own.len() => {
                    self.drains.described(id, &described, now);
                    self.drains.found_active(id, true, now);
                }
                None => self.drains.described(id, &described, now),
            }
        }
    }

    async fn list(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        for (id, arns) in due {
            let began = self.calls.now();
            for arn in arns {
                match self.lists_of(TasksOf::ContainerInstance(&arn), usize::MAX).await {
                    Ok(lists) => self.drains.listed(&id, &arn, &lists, began, self.calls.now()),
                    Err(error) => self.fail([&id], Kind::List, &error),
                }
            }
        }
    }

    async fn list_cluster(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        let began = self.calls.now();
        match self.lists_of(TasksOf::Cluster, CLUSTER_TASKS_MAX).await {
            Ok(lists) if lists.running.len().max(lists.stopped.len()) > CLUSTER_TASKS_MAX => {
                tracing::info!(
                    event = "cluster_lists_too_long",
                    "the cluster's task lists are long: listing instance by instance"
                );
                self.drains.cluster_lists_are_too_long(self.calls.now());
            }
            Ok(lists) => self.drains.cluster_listed(due, lists, began, self.calls.now()),
            Err(error) => {
                self.drains.cluster_lists_are_too_long(self.calls.now());
                self.fail(due.iter().map(|(id, _)| id), Kind::List, &error);
            }
        }
    }

    async fn lists_of(&self, of: TasksOf<'_>, most: usize) -> Result<TaskLists, Arc<CallError>> {
        const OPERATION: &str = "ecs:ListTasks";
        let (reads, cluster) = (self.reads(), self.calls.cluster);
        let of_status =
            |desired| self.calls.many_pages(OPERATION, read::task_arns(&reads, cluster, of, desired, most));
        let running = of_status(DesiredStatus::Running).await?.into_iter().collect();
        let stopped = of_status(DesiredStatus::Stopped).await?.into_iter().collect();
        Ok(TaskLists { running, stopped })
    }

    async fn place(&mut self, tasks: Vec<TaskArn>) {
        let reads = self.reads();
        let call = read::describe_tasks(&reads, self.calls.cluster, &tasks);
        match self.calls.ecs("ecs:DescribeTasks", call).await {
            Ok(answer) => {
                let all_found = answer.failures.is_empty();
                self.drains.placed(&answer.items, all_found, self.calls.now());
            }
            Err(error) => {
                tracing::error!(event = "call_failed", error = %ErrorChain(&error), "call failed: retrying");
                self.drains.placed(&[], false, self.calls.now());
            }
        }
    }

    async fn describe_tasks(&mut self, due: Vec<(Ec2InstanceId, Vec<TaskArn>)>) {
        const OPERATION: &str = "ecs:DescribeTasks";
        let all: Vec<_> = due.iter().flat_map(|(_, tasks)| tasks).cloned().collect();
        let reads = self.reads();
        let call = read::describe_tasks(&reads, self.calls.cluster, &all);
        let answer = match self.calls.ecs(OPERATION, call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::DescribeTasks, &error),
        };
        let now = self.calls.now();
        let mut described: BTreeMap<_, _> = answer.items.into_iter().map(|it| (it.arn.clone(), it)).collect();
        let missing = answer.failures.iter().filter(|it| it.is_missing()).map(|it| it.arn.clone());
        let missing: BTreeSet<String> = missing.collect();
        for (id, tasks) in &due {
            let own: Vec<_> = tasks.iter().filter_map(|task| described.remove(task)).collect();
            let failure = self.calls.failure_of(OPERATION, &answer.failures, tasks);
            self.drains.polled(id, &own, &missing, failure.as_ref(), now);
        }
    }

    /// Another instance of the group that is in the cluster shows that the cluster is the right
    /// one.
    async fn prove_cluster(&mut self) {
        let mates = if self.mates_prove { self.drains.mates() } else { Vec::new() };
        if mates.is_empty() {
            return self.drains.cluster_proven(Ok(false), self.calls.now());
        }
        let reads = self.reads();
        let query = ContainerInstanceQuery::OfEc2Instances(mates.clone());
        let call = read::container_instances(&reads, self.calls.cluster, &query);
        let answer = self.calls.ecs("ecs:ListContainerInstances", call).await;
        let proven = answer.map(|answer| {
            answer.items.iter().any(|it| mates.iter().any(|mate| mate.as_str() == it.ec2_instance_id))
        });
        self.drains.cluster_proven(proven, self.calls.now());
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

    fn fail<'i>(
        &mut self,
        ids: impl IntoIterator<Item = &'i Ec2InstanceId>,
        kind: Kind,
        error: &Arc<CallError>,
    ) {
        for id in ids {
            self.drains.call_failed(id, kind, error, self.calls.now());
        }
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
        let next_attempt = delivery.attempt.saturating_add(1);
        let clock = self.calls.ports.clock();
        let coordinates = self.drains.coordinates();
        let (mut pause, mut uncertain) = (PUBLISH_RETRY, 0);
        loop {
            let call = self.calls.ports.sns().publish(topic_arn, &delivery.text, next_attempt, coordinates);
            let patience = until.min(clock.now() + PUBLISH_PATIENCE);
            let Err(error) = within(clock, patience, "sns:Publish", topic_arn, call).await else {
                return Ok(next_attempt);
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
        let mut last: Option<Arc<CallError>> = None;
        for report in self.drains.reports() {
            if let Report::CallFailed(_, error, _) = &report {
                // A call for many drains is one line.
                if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, error)) {
                    continue;
                }
                last = Some(error.clone());
            }
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
