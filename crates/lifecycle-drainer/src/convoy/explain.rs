//! Why a drain waits, and whether there is room for what it moves: for people. A read that fails here holds up nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::{
    Diagnosis, Evidence, Preflight, WaitReason, diagnose, next_diagnosis, protections_to_ask,
    services_to_describe,
};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{
    CallError, Clock, ContainerInstanceQuery, ContainerInstances, DESCRIBE_MAX, NotificationTopic, PageToken,
};
use fleetkeeper_core::service::SchedulingStrategy;
use fleetkeeper_core::task::Task;

use super::drain::Drain;
use super::instances::Instances;
use super::{Convoy, unended};
use crate::ports::{AutoScalingCalls, EcsCalls};

/// What an explanation may take of the time in which the drain itself is to be looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two explanations of an invocation that carries several drains.
const INTERVAL: Duration = Duration::from_secs(30);

/// So many pages of the cluster's instances are looked through for room.
const PREFLIGHT_PAGES: usize = 5;

impl<Ecs, AutoScaling, Sns, C> Convoy<'_, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    /// Explains the drain that waits longest since it was last explained, where that is due.
    pub(super) async fn explain(&mut self) {
        let now = self.clock.now();
        if self.drains.len() > 1 && self.explained_at.is_some_and(|at| now < at + INTERVAL) {
            return;
        }
        let waiting = unended(&mut self.drains).filter(|drain| drain.waits_for_tasks());
        let due = waiting.map(|drain| (drain.explanation_due(now), drain));
        let Some((at, drain)) = due.min_by_key(|(at, drain)| (*at, !drain.own)) else { return };
        if at > now {
            return;
        }
        let first = self.own.as_ref().is_some_and(|(_, delivery)| delivery.attempt == 1);
        let preflight = drain.own && first && drain.explained_at.is_none();
        drain.explained_at = Some(now);
        self.explained_at = Some(now);
        self.instances.until = self.hand_on_at.min(now + PATIENCE);
        if let Err(error) = self.instances.explain(drain, preflight).await {
            drain.in_span(|| {
                tracing::warn!(error = %ErrorChain(&error), "what the drain waits for can't be read");
            });
        }
    }
}

impl Drain {
    /// Whether it waits for tasks: there is something to explain.
    fn waits_for_tasks(&self) -> bool {
        matches!(
            self.waiting_for,
            Some(
                WaitReason::JustSetDraining | WaitReason::TasksRunning { .. } | WaitReason::TasksStopping(_)
            )
        )
    }

    fn explanation_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        next_diagnosis(self.timing.began, self.explained_at, now)
    }
}

impl<Ecs, C> Instances<'_, Ecs, C>
where
    Ecs: EcsCalls,
    C: Clock,
{
    pub(super) async fn explain(&self, drain: &mut Drain, preflight: bool) -> Result<(), CallError> {
        let (mut tasks, _) = self.tasks_of(drain).await?;
        drain.count_stopped(&tasks);
        tasks.retain(|task| !task.is_stopped());
        if tasks.is_empty() {
            return Ok(());
        }
        let (mut services, mut protections) = (Vec::new(), Vec::new());
        let names = services_to_describe(&tasks);
        if !names.is_empty() {
            let call = self.ecs.describe_services(&self.cluster, &names);
            services = self.in_time("ecs:DescribeServices", call).await?.items;
        }
        let to_ask = protections_to_ask(&tasks);
        if !to_ask.is_empty() {
            let call = self.ecs.task_protection(&self.cluster, &to_ask);
            protections = self.in_time("ecs:GetTaskProtection", call).await?.items;
        }
        let agent_connected = drain.sight.instances().iter().any(|instance| instance.agent_connected);
        let evidence =
            Evidence { tasks: &tasks, services: &services, protections: &protections, agent_connected };
        let diagnosis = diagnose(&evidence, drain.timing.began, self.clock.now());
        if drain.diagnosis.as_ref() != Some(&diagnosis) {
            drain.in_span(|| tracing::info!(reason = %diagnosis, "why it waits"));
        }
        drain.diagnosis = Some(diagnosis);
        if preflight {
            let daemons = services.iter().filter(|service| service.strategy == SchedulingStrategy::Daemon);
            self.preflight(drain, &tasks, &daemons.map(|service| service.name.clone()).collect()).await?;
        }
        Ok(())
    }

    /// Says whether the rest of the cluster has room for what moves. Pages are read until that is known.
    async fn preflight(
        &self,
        drain: &Drain,
        tasks: &[Task],
        daemons: &BTreeSet<String>,
    ) -> Result<(), CallError> {
        let mut preflight = Preflight::new(drain.ec2_instance_id.clone(), tasks, daemons);
        let (mut page, mut all_seen): (Option<PageToken>, _) = (None, false);
        for _ in 0..PREFLIGHT_PAGES {
            if preflight.is_decided() || all_seen {
                break;
            }
            let query = ContainerInstanceQuery::All;
            let call = self.reads.list_container_instances(&self.cluster, &query, page.as_ref());
            let listed = self.in_time("ecs:ListContainerInstances", call).await?;
            for arns in listed.items.chunks(DESCRIBE_MAX) {
                let call = self.reads.describe_container_instances(&self.cluster, arns);
                preflight.see(&self.in_time("ecs:DescribeContainerInstances", call).await?.items);
            }
            all_seen = listed.next.is_none();
            page = listed.next;
        }
        let verdict = preflight.verdict(all_seen);
        drain.in_span(|| tracing::info!(reason = %verdict, "room elsewhere"));
        Ok(())
    }
}

/// What a drain waits for, with what is known of why.
pub(super) fn in_words(reason: Option<&WaitReason>, diagnosis: Option<&Diagnosis>) -> String {
    match (reason, diagnosis) {
        (None, _) => String::new(),
        (Some(reason), None) => reason.to_string(),
        (Some(reason), Some(diagnosis)) => format!("{reason}: {diagnosis}"),
    }
}
