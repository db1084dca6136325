//! What is stopped as the drains' deadlines come near.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::StopPlan;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{CallError, Clock};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn, TaskDefinitionArn};
use futures_util::{StreamExt, stream};

use super::drain::Drain;
use super::instances::Instances;
use crate::ports::EcsCalls;

/// Calls that change something, under way at once.
const CHANGES_IN_FLIGHT: usize = 8;

/// What is taken for the stop timeout of what can't be read: the most that Fargate takes, and more than most have.
const STOP_TIMEOUT_ASSUMED: Duration = Duration::from_secs(120);

/// The `stoppedReason` of a task that a drain stopped.
const STOPPED_REASON: &str = "Fleetkeeper: the drain of the instance reached its time limit";

impl<Ecs, C> Instances<'_, Ecs, C>
where
    Ecs: EcsCalls,
    C: Clock,
{
    /// Reads what there is to stop on the instances, and how long that may take. Past the deadline, what is stopping
    /// already counts, too: whichever invocation stopped it, it has its time.
    pub(super) async fn plan_stops(&mut self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        let now = self.clock.now();
        let enough = self.half_time();
        let mut listed: Vec<(&mut Drain, Vec<TaskArn>)> = Vec::new();
        let mut failed = None;
        for drain in drains {
            if !listed.is_empty() && self.clock.now() >= enough {
                self.behind = true;
                break;
            }
            match self.to_stop(drain, now).await {
                Ok(arns) => listed.push((drain, arns)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let all: Vec<TaskArn> = listed.iter().flat_map(|(_, arns)| arns).cloned().collect();
        let call = read::describe_tasks(&self.reads, &self.cluster, &all);
        let answer = self.in_time("ecs:DescribeTasks", call).await?;
        self.untold("ecs:DescribeTasks", &answer);
        self.all_told("ecs:DescribeTasks", &answer.failures)?;
        let mut seen: BTreeMap<TaskArn, Task> =
            answer.items.into_iter().map(|task| (task.arn.clone(), task)).collect();
        for (drain, arns) in listed {
            let (mut tasks, mut missing) = (Vec::new(), Vec::new());
            for arn in arns {
                match seen.remove(&arn) {
                    Some(task) if task.is_stopped() => {}
                    Some(task) => tasks.push(task),
                    // What ECS lists is there, even where it does not find it.
                    None => missing.push(arn),
                }
            }
            self.plan_stops_of(drain, tasks, missing).await;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn to_stop(&self, drain: &Drain, now: DateTime<Utc>) -> Result<Vec<TaskArn>, CallError> {
        let mut arns = Vec::new();
        for instance in drain.sight.instances() {
            for desired in [DesiredStatus::Running, DesiredStatus::Stopped] {
                if desired == DesiredStatus::Running || now >= drain.timing.deadline() {
                    let call = read::task_arns(&self.reads, &self.cluster, &instance.arn, desired);
                    arns.extend(self.in_time("ecs:ListTasks", call).await?);
                }
            }
        }
        Ok(arns)
    }

    async fn plan_stops_of(&mut self, drain: &mut Drain, mut tasks: Vec<Task>, missing: Vec<TaskArn>) {
        let now = self.clock.now();
        let mut longest = if missing.is_empty() { Duration::ZERO } else { STOP_TIMEOUT_ASSUMED };
        for task in &tasks {
            longest = longest.max(self.stop_timeout(&task.definition).await);
        }
        let stopping = tasks.iter().filter(|task| task.desired_status == DesiredStatus::Stopped);
        let stopping = stopping.map(|task| task.stopping_at.unwrap_or(now)).max();
        tasks.retain(|task| task.desired_status == DesiredStatus::Running);
        let plan = StopPlan {
            tasks: tasks.into_iter().map(|task| task.arn).chain(missing).collect(),
            longest_stop_timeout: longest,
            read_at: now,
        };
        if let Some(stopping) = stopping {
            let until = stopping + plan.takes(drain.timing.longest());
            drain.timing.stops_until = drain.timing.stops_until.max(Some(until));
        }
        drain.in_span(|| {
            tracing::info!(
                tasks = plan.tasks.len(),
                longestStopTimeoutSeconds = plan.longest_stop_timeout.as_secs(),
                deadline = %drain.timing.deadline(),
                "the drain's deadline comes near: what still runs then is stopped"
            );
        });
        drain.plan = Some(plan);
    }

    async fn stop_timeout(&mut self, definition: &TaskDefinitionArn) -> Duration {
        if let Some(known) = self.stop_timeouts.get(definition) {
            return *known;
        }
        let call = self.ecs.describe_task_definition(definition);
        let timeout = match self.in_time("ecs:DescribeTaskDefinition", call).await {
            Ok(read) => read.longest_stop_timeout,
            Err(error) => {
                tracing::error!(
                    error = %ErrorChain(&error),
                    "the stop timeout can't be read: taken for {} s",
                    STOP_TIMEOUT_ASSUMED.as_secs()
                );
                STOP_TIMEOUT_ASSUMED
            }
        };
        self.stop_timeouts.insert(definition.clone(), timeout);
        timeout
    }

    /// Stops tasks. What could not be stopped stays in the plan.
    pub(super) async fn stop_tasks(&self, drain: &mut Drain, tasks: Vec<TaskArn>) -> Result<(), CallError> {
        let stops = stream::iter(tasks).map(|task| async move {
            let call = self.ecs.stop_task(&self.cluster, &task, STOPPED_REASON);
            let stopped = self.in_time("ecs:StopTask", call).await;
            (task, stopped)
        });
        let stops: Vec<_> = stops.buffer_unordered(CHANGES_IN_FLIGHT).collect().await;
        let (mut left, mut failed) = (Vec::new(), None);
        for (task, stopped) in stops {
            match stopped {
                Ok(()) => drain.in_span(|| {
                    tracing::warn!(%task, "the drain's time is nearly up: task stopped");
                }),
                Err(error) => {
                    left.push(task);
                    failed.get_or_insert(error);
                }
            }
        }
        if let Some(plan) = &mut drain.plan {
            let takes = plan.takes(drain.timing.longest());
            drain.timing.stops_until = Some(self.clock.now() + takes);
            plan.tasks = left;
            plan.read_at = self.clock.now();
        }
        failed.map_or(Ok(()), Err)
    }
}
