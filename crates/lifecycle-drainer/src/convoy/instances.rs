//! The drains' instances in their cluster: looked at for all drains at once, set DRAINING, their tasks stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::{Look, StopPlan};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, ContainerInstanceQuery, FILTER_MAX, Failure, TasksOf,
    UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn, TaskDefinitionArn};
use fleetkeeper_core::time_left::within;
use futures_util::{StreamExt, stream};

use super::drain::Drain;
use super::paced::Paced;
use crate::ports::EcsCalls;

/// The tasks of more instances than this are read as the whole cluster's stopping tasks, a hundred a read, and not
/// instance by instance.
const EACH_MOST: usize = 10;

/// Calls that change something, under way at once.
const CHANGES_IN_FLIGHT: usize = 8;

/// What is taken for the stop timeout of what can't be read: the most that Fargate takes, and more than most have.
const STOP_TIMEOUT_ASSUMED: Duration = Duration::from_secs(120);

/// The `stoppedReason` of a task that a drain stopped.
const STOPPED_REASON: &str = "Fleetkeeper: the drain of the instance reached its time limit";

/// A cluster, and the calls on the drains' instances in it. Each is bounded by `until`.
pub(super) struct Instances<'a, Ecs, C> {
    pub(super) ecs: &'a Ecs,
    pub(super) reads: Paced<'a, Ecs, C>,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) cluster: Cluster,
    /// The longest stop timeouts of the task definitions that were read.
    pub(super) stop_timeouts: BTreeMap<TaskDefinitionArn, Duration>,
}

impl<Ecs, C> Instances<'_, Ecs, C>
where
    Ecs: EcsCalls,
    C: Clock,
{
    /// Takes the next look that each drain's sight asks for. For one drain that is one read, but for the first one and
    /// the last, and once a minute while tasks stop; for many it is one a hundred instances.
    pub(super) async fn look(&self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
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

    async fn look_at_tasks(&self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        const OPERATION: &str = "ecs:DescribeTasks";
        let now = self.clock.now();
        let looks = drains.into_iter().filter_map(|drain| match drain.sight.next_look(now) {
            Look::Tasks(arns) => Some((drain, arns)),
            Look::Find | Look::Instances(_) => None,
        });
        let looks: Vec<_> = looks.collect();
        let all: Vec<TaskArn> = looks.iter().flat_map(|(_, arns)| arns).cloned().collect();
        if all.is_empty() {
            return Ok(());
        }
        let answer = self.in_time(OPERATION, read::describe_tasks(&self.reads, &self.cluster, &all)).await?;
        let untold = self.untold(OPERATION, &answer);
        let mut seen: BTreeMap<TaskArn, Task> =
            answer.items.into_iter().map(|task| (task.arn.clone(), task)).collect();
        for (drain, arns) in looks {
            if !arns.iter().any(|arn| untold.contains(&arn.0)) {
                let tasks = arns.iter().filter_map(|arn| seen.remove(arn));
                drain.sight.see_unfinished_tasks(tasks.collect());
                drain.looked_at = Some(self.clock.now());
            }
        }
        self.all_told(OPERATION, &answer.failures)
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

    /// Reads all tasks of the instances.
    pub(super) async fn read_tasks(&self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        if drains.len() <= EACH_MOST {
            return self.read_tasks_of_each(drains).await;
        }
        // The instances count no task that is to run: those that stop are left, wherever they are.
        let call =
            read::tasks_desired(&self.reads, &self.cluster, TasksOf::Cluster, &[DesiredStatus::Stopped]);
        let answer = self.in_time("ecs:ListTasks", call).await?;
        self.untold("ecs:DescribeTasks", &answer);
        if !answer.failures.is_empty() {
            // Whose they are is not known.
            return self.read_tasks_of_each(drains).await;
        }
        let mut seen: BTreeMap<ContainerInstanceArn, Vec<Task>> = BTreeMap::new();
        for task in answer.items {
            seen.entry(task.container_instance.clone()).or_default().push(task);
        }
        for drain in drains {
            let arns: Vec<_> = drain.sight.instances().iter().map(|instance| instance.arn.clone()).collect();
            let tasks = arns.iter().filter_map(|arn| seen.remove(arn)).flatten();
            drain.see_tasks(tasks.collect(), 0);
        }
        Ok(())
    }

    async fn read_tasks_of_each(&self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        for drain in drains {
            let (tasks, missing) = self.tasks_of(drain).await?;
            drain.see_tasks(tasks, missing);
        }
        Ok(())
    }

    /// All tasks of an instance, and how many more ECS listed and did not find.
    pub(super) async fn tasks_of(&self, drain: &Drain) -> Result<(Vec<Task>, usize), CallError> {
        let (mut tasks, mut missing): (Vec<Task>, usize) = (Vec::new(), 0);
        for instance in drain.sight.instances() {
            let call = read::tasks(&self.reads, &self.cluster, &instance.arn);
            let answer = self.in_time("ecs:ListTasks", call).await?;
            self.untold("ecs:DescribeTasks", &answer);
            self.all_told("ecs:DescribeTasks", &answer.failures)?;
            missing += answer.failures.len();
            tasks.extend(answer.items);
        }
        Ok((tasks, missing))
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

    /// Reads what there is to stop on the instances, and how long that may take. Past the deadline, what is stopping
    /// already counts, too: whichever invocation stopped it, it has its time.
    pub(super) async fn plan_stops(&mut self, drains: Vec<&mut Drain>) -> Result<(), CallError> {
        let now = self.clock.now();
        let mut listed: Vec<(&mut Drain, Vec<TaskArn>)> = Vec::new();
        let mut failed = None;
        for drain in drains {
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
    fn untold<T>(&self, operation: &'static str, answer: &Answer<T>) -> BTreeSet<String> {
        for failure in &answer.failures {
            tracing::warn!(operation, cluster = %self.cluster, %failure, "ECS did not reach a resource");
        }
        let untold = answer.failures.iter().filter(|failure| !failure.is_missing());
        untold.map(|failure| failure.arn.clone()).collect()
    }

    /// A failure that does not tell of what is no longer there is the call's.
    fn all_told(&self, operation: &'static str, failures: &[Failure]) -> Result<(), CallError> {
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

    pub(super) async fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        within(self.clock, self.until, operation, &format!("cluster {}", self.cluster), call).await
    }
}
