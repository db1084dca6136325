//! Ports that something was done to: what a handler would do that has the bug.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_campaign::functions::Wiring;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus,
};
use fleetkeeper_core::lifecycle::{
    AutoScalingGroup, GroupInstance, LifecycleAction, LifecycleActionResult, LifecycleActionState,
    LifecycleHook, ScalingActivity,
};
use fleetkeeper_core::ports::{
    Answer, AutoScalingGroups, CallError, CallErrorKind, Clock, ContainerInstanceDraining,
    ContainerInstanceQuery, ContainerInstances, EmbeddedMetrics, LifecycleActions, MetricDatum, Metrics,
    NotificationTopic, Page, PageToken, Services, StorageResolution, TaskDefinitions, TaskProtections,
    TaskStopping, Tasks, TasksOf,
};
use fleetkeeper_core::service::{Service, ServiceArn};
use fleetkeeper_core::task::{
    DesiredStatus, Task, TaskArn, TaskDefinition, TaskDefinitionArn, TaskProtection,
};
use fleetkeeper_sim::SimulatedAws;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Tasks that are being stopped are not looked for.
    StoppingTasksUnseen,
    /// Completing the hook fails, always.
    NeverCompletes,
    /// No heartbeat is ever sent.
    NoHeartbeat,
    /// The message is not published again.
    NotRepublished,
    /// An action is always taken to be there.
    ActionTakenForGranted,
    /// Only the first page of a list is read.
    FirstPageOnly,
    /// Twice as much is free.
    TwiceTheRoom,
    /// What ECS did not tell of is passed over.
    UntoldPassedOver,
    /// Each host is taken to be as large as need be.
    AnyHostLargeEnough,
    /// It looks ten times where once would do.
    LooksTenTimes,
    /// Twice as many containers are promised as fit.
    PromisesTwice,
    /// One host more is said to be removable.
    RemovesOneMore,
    /// One host is missing, though hosts can go.
    MissesOneMore,
    /// Half of what a task definition needs is seen.
    NeedsHalf,
    /// No task seems to hold a network interface.
    InterfacesUnseen,
    /// Hosts are said to be missing where there is no worst case.
    MissesForNothing,
    /// Every page is listed twice.
    ListsTwice,
    /// Events are never known to be of what was seen: all instances seem to be at their first version.
    AlwaysLooks,
    /// Reads do not wait for their turn.
    NeverWaits,
    /// Instances of lower ids seem to wait that nobody looks after.
    CountsOnNobody,
    /// What stops at once seems to take ten minutes.
    StopsEarly,
    /// The tasks that are to be stopped are not.
    StopsNothing,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct With(pub(crate) Mutation);

#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    aws: SimulatedAws,
    mutation: Mutation,
}

impl Wiring for With {
    type Aws = Mutant;

    fn ports(&self, aws: SimulatedAws) -> Mutant {
        Mutant { aws, mutation: self.0 }
    }
}

impl Mutant {
    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == mutation
    }
}

impl ContainerInstances for Mutant {
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        if self.has(Mutation::ListsTwice) {
            self.aws.list_container_instances(cluster, query, page).await?;
        }
        let mut listed = self.aws.list_container_instances(cluster, query, page).await?;
        if self.has(Mutation::FirstPageOnly) {
            listed.next = None;
        }
        Ok(listed)
    }

    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        for _ in 0..if self.has(Mutation::LooksTenTimes) { 9 } else { 0 } {
            self.aws.describe_container_instances(cluster, arns).await?;
        }
        let mut answer = self.aws.describe_container_instances(cluster, arns).await?;
        if self.has(Mutation::UntoldPassedOver) {
            // As if it were INACTIVE. What is left out altogether is missed by who asked for it.
            for failure in std::mem::take(&mut answer.failures) {
                let other = answer.items[0].clone();
                let (arn, status) = (ContainerInstanceArn(failure.arn), ContainerInstanceStatus::Inactive);
                answer.items.push(ContainerInstance { arn, status, ..other });
            }
        }
        for instance in &mut answer.items {
            if self.has(Mutation::TwiceTheRoom) {
                instance.remaining.cpu.0 *= 2;
                instance.remaining.memory.0 *= 2;
                instance.registered.cpu.0 *= 2;
                instance.registered.memory.0 *= 2;
            }
            if self.has(Mutation::AlwaysLooks) {
                instance.version = 0;
            }
            if self.has(Mutation::AnyHostLargeEnough) {
                instance.registered.cpu.0 = u64::from(u32::MAX);
            }
        }
        Ok(answer)
    }
}

impl ContainerInstanceDraining for Mutant {
    async fn set_draining(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        self.aws.set_draining(cluster, arns).await
    }
}

impl Tasks for Mutant {
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError> {
        if self.has(Mutation::StoppingTasksUnseen) && desired == DesiredStatus::Stopped {
            return Ok(Page { items: Vec::new(), next: None });
        }
        self.aws.list_tasks(cluster, of, desired, page).await
    }

    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        let mut answer = self.aws.describe_tasks(cluster, arns).await?;
        for task in answer.items.iter_mut().filter(|_| self.has(Mutation::InterfacesUnseen)) {
            task.network_interface = false;
        }
        Ok(answer)
    }
}

impl TaskStopping for Mutant {
    async fn stop_task(&self, cluster: &Cluster, task: &TaskArn, reason: &str) -> Result<(), CallError> {
        if self.has(Mutation::StopsNothing) {
            return Ok(());
        }
        self.aws.stop_task(cluster, task, reason).await
    }
}

impl TaskDefinitions for Mutant {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        let mut definition = self.aws.describe_task_definition(arn).await?;
        if self.has(Mutation::StopsEarly) {
            definition.longest_stop_timeout = Duration::from_secs(600);
        }
        if self.has(Mutation::NeedsHalf) {
            definition.needs.cpu.0 /= 2;
            definition.needs.memory.0 /= 2;
        }
        Ok(definition)
    }
}

impl AutoScalingGroups for Mutant {
    async fn describe_group(&self, group: &str) -> Result<Option<AutoScalingGroup>, CallError> {
        let mut described = self.aws.describe_group(group).await?;
        if let Some(described) = described.as_mut().filter(|_| self.has(Mutation::CountsOnNobody)) {
            let waits = described.instances.iter().find(|instance| instance.waits_to_terminate());
            let nobody = |number: usize| format!("i-{number:017x}").parse().unwrap();
            let nobodies = waits.cloned().into_iter().flat_map(|instance| {
                (1..=3)
                    .map(move |number| GroupInstance { ec2_instance_id: nobody(number), ..instance.clone() })
            });
            let nobodies: Vec<_> = nobodies.collect();
            described.instances.extend(nobodies);
        }
        Ok(described)
    }

    async fn describe_scaling_activities(
        &self,
        group: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        self.aws.describe_scaling_activities(group, page).await
    }
}

impl Services for Mutant {
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError> {
        self.aws.list_services(cluster, page).await
    }

    async fn describe_services(
        &self,
        cluster: &Cluster,
        names: &[String],
    ) -> Result<Answer<Service>, CallError> {
        self.aws.describe_services(cluster, names).await
    }
}

impl TaskProtections for Mutant {
    async fn task_protection(
        &self,
        cluster: &Cluster,
        tasks: &[TaskArn],
    ) -> Result<Answer<TaskProtection>, CallError> {
        self.aws.task_protection(cluster, tasks).await
    }
}

impl EmbeddedMetrics for Mutant {
    fn put(&self, document: &serde_json::Value) {
        self.aws.put(document);
    }
}

impl LifecycleActions for Mutant {
    async fn describe_termination_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, CallError> {
        self.aws.describe_termination_hooks(group).await
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError> {
        match self.mutation {
            Mutation::NoHeartbeat | Mutation::ActionTakenForGranted => Ok(LifecycleActionState::Active),
            _ => self.aws.record_heartbeat(action).await,
        }
    }

    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError> {
        if self.has(Mutation::NeverCompletes) {
            return Err(CallError {
                operation: "autoscaling:CompleteLifecycleAction",
                resource: action.hook.clone(),
                kind: CallErrorKind::Unavailable,
                source: None,
            });
        }
        self.aws.complete(action, result).await
    }
}

impl NotificationTopic for Mutant {
    async fn publish(&self, topic_arn: &str, message: &str, attempt: u32) -> Result<(), CallError> {
        if self.has(Mutation::NotRepublished) {
            return Ok(());
        }
        self.aws.publish(topic_arn, message, attempt).await
    }
}

impl Metrics for Mutant {
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError> {
        let mut data = data.to_vec();
        for datum in &mut data {
            match (self.mutation, datum.name) {
                (Mutation::PromisesTwice, "PlaceableContainers") => datum.value *= 2.0,
                (Mutation::RemovesOneMore, "RemovableHosts") | (Mutation::MissesOneMore, "MissingHosts") => {
                    datum.value += 1.0;
                }
                (Mutation::MissesForNothing, "UnfittableServices") => datum.name = "MissingHosts",
                _ => {}
            }
        }
        self.aws.put_metric_data(namespace, resolution, at, &data).await
    }
}

impl Clock for Mutant {
    fn now(&self) -> DateTime<Utc> {
        self.aws.now()
    }

    async fn sleep(&self, duration: Duration) {
        // What is longer is no wait for a turn: a function's own end, say.
        if !(self.has(Mutation::NeverWaits) && duration < Duration::from_secs(5)) {
            self.aws.sleep(duration).await;
        }
    }
}
