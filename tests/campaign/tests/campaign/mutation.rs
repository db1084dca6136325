//! Ports that something was done to: what a handler would do that has the bug.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_campaign::functions::Wiring;
use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Ec2InstanceId, Mib,
};
use fleetkeeper_core::lifecycle::{
    AutoScalingGroup, GroupInstance, InstanceRefreshStatus, LifecycleAction, LifecycleActionId,
    LifecycleActionResult, LifecycleActionState, LifecycleHook, ScalingActivity,
};
use fleetkeeper_core::ports::{
    Answer, AutoScalingGroups, CallError, CallErrorKind, CapacityProviders, Clock, ContainerInstanceDraining,
    ContainerInstanceQuery, ContainerInstances, EmbeddedMetrics, GroupScaling, LifecycleActions,
    MessageAttributes, MetricDatum, Metrics, NotificationTopic, Page, PageToken, Services, StorageResolution,
    TaskDefinitions, TaskProtections, TaskStopping, Tasks, TasksOf,
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
    /// Skips the resources that ECS did not describe.
    NotDescribedSkipped,
    /// Each host is taken to be as large as need be.
    AnyHostLargeEnough,
    /// It polls twenty times where once would do.
    PollsTwentyTimes,
    /// Twice as many containers are promised as fit.
    PromisesTwice,
    /// One host more is said to be removable.
    RemovesOneMore,
    /// One host is missing, though hosts are removable.
    MissesOneMore,
    /// Half of what a task definition needs is seen.
    NeedsHalf,
    /// No task seems to hold a network interface.
    InterfacesUnseen,
    /// Every page is listed twice.
    ListsTwice,
    /// Events are never known to be of what was seen: all instances seem to be at their first
    /// version.
    AlwaysReads,
    /// Reads do not wait for their turn.
    NeverWaits,
    /// An instance of a lower id seems to wait, with an open action, that no message is about.
    CountsOnNobody,
    /// The hook seems to allow ten minutes less for a drain.
    StopsEarly,
    /// Leaves the tasks running that it should stop.
    StopsNothing,
    /// A task that is MISSING counts as STOPPED.
    MissingIsStopped,
    /// Any cluster seems to have the group's other instances.
    AnyClusterIsRight,
    /// "No active Lifecycle Action found" is believed at once: the group seems not to hold the
    /// instance any more.
    DenialBelieved,
    /// A message whose answer was lost is published until AWS says that it took it.
    PublishesAgain,
    /// An action never seems to be over, and completing it fails.
    NeverOver,
    /// A completion that found no action counts as one that took effect.
    GoneIsCompleted,
    /// A group is asked for a thousand hosts more than are missing.
    AsksForAThousandMore,
    /// With each host that is removed, Auto Scaling is left to pick another one.
    RemovesTwo,
    /// Each termination is requested twice.
    TerminatesTwice,
    /// Scale-in protection and `fleetkeeper.keep` are not seen.
    ProtectionUnseen,
    /// Standalone tasks seem to be a service's.
    StandaloneUnseen,
    /// No service seems to spread its tasks over zones.
    SpreadUnseen,
    /// Every host seems to be free.
    AllIsFree,
    /// No service seems to be deployed.
    DeploymentUnseen,
    /// A group seems to stay as it was first.
    GrowthUnseen,
    /// No host seems to drain or to be terminated.
    DrainingUnseen,
    /// No process seems to be suspended.
    SuspensionUnseen,
    /// No instance refresh seems to be under way.
    RefreshUnseen,
    /// No capacity provider seems to be scaled by ECS.
    ManagedScalingUnseen,
    /// Each host that is removed is asked for again.
    FightsItself,
    /// Each capacity that is set is less than before.
    LowersInstead,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct With(pub(crate) Mutation);

#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    aws: SimulatedAws,
    mutation: Mutation,
    memory: Rc<RefCell<Memory>>,
}

/// A bug's memory between calls.
#[derive(Debug, Default)]
struct Memory {
    /// The instance that the cluster was asked for first: that of the message.
    own: Option<Ec2InstanceId>,
    /// True if Auto Scaling has answered that there is no such action.
    denied: bool,
    /// The group as it was first.
    group: Option<AutoScalingGroup>,
}

impl Wiring for With {
    type Aws = Mutant;

    fn ports(&self, aws: SimulatedAws) -> Mutant {
        Mutant { aws, mutation: self.0, memory: Rc::default() }
    }
}

/// The ids of instances that do not exist begin with this.
const NOBODY: &str = "i-0000000000000000";

/// The ARNs of container instances that do not exist begin with this.
const ELSEWHERE: &str = "arn:aws:ecs:us-east-1:111122223333:container-instance/elsewhere/";

fn stopped_task(arn: String, at: DateTime<Utc>) -> Task {
    Task {
        arn: TaskArn(arn),
        last_status: "STOPPED".to_owned(),
        desired_status: DesiredStatus::Stopped,
        group: String::new(),
        container_instance: ContainerInstanceArn(String::new()),
        definition: TaskDefinitionArn(String::new()),
        cpu: CpuUnits(0),
        memory: Mib(0),
        tcp_ports: BTreeSet::new(),
        udp_ports: BTreeSet::new(),
        network_interface: false,
        stopping_at: Some(at),
        stopped_at: Some(at),
        stop_code: None,
        stopped_reason: None,
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
        if self.has(Mutation::AnyClusterIsRight)
            && let ContainerInstanceQuery::OfEc2Instances(ids) = query
        {
            let own = self.memory.borrow_mut().own.get_or_insert_with(|| ids[0].clone()).clone();
            let another = ids.iter().find(|id| **id != own);
            listed.items.extend(another.map(|id| ContainerInstanceArn(format!("{ELSEWHERE}{id}"))));
        }
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
        for _ in 0..if self.has(Mutation::PollsTwentyTimes) { 19 } else { 0 } {
            self.aws.describe_container_instances(cluster, arns).await?;
        }
        let elsewhere = arns.iter().find_map(|arn| arn.0.strip_prefix(ELSEWHERE));
        if let Some(id) = elsewhere {
            let any = self.aws.list_container_instances(cluster, &ContainerInstanceQuery::All, None).await?;
            let mut answer = self.aws.describe_container_instances(cluster, &any.items).await?;
            answer.items.truncate(1);
            for instance in &mut answer.items {
                instance.arn = ContainerInstanceArn(format!("{ELSEWHERE}{id}"));
                id.clone_into(&mut instance.ec2_instance_id);
            }
            return Ok(answer);
        }
        let mut answer = self.aws.describe_container_instances(cluster, arns).await?;
        if self.has(Mutation::NotDescribedSkipped) {
            // As if it were INACTIVE. The caller would notice a resource that is left out
            // altogether.
            for failure in std::mem::take(&mut answer.failures) {
                let other = answer.items[0].clone();
                let (arn, status) = (ContainerInstanceArn(failure.arn), ContainerInstanceStatus::Inactive);
                answer.items.push(ContainerInstance { arn, status, ..other });
            }
        }
        for instance in &mut answer.items {
            if self.has(Mutation::DrainingUnseen) && instance.status == ContainerInstanceStatus::Draining {
                // As if its agent were away for a while.
                (instance.status, instance.agent_connected) = (ContainerInstanceStatus::Active, false);
            }
            if self.has(Mutation::ProtectionUnseen) {
                instance.attributes.0.remove("fleetkeeper.keep");
            }
            if self.has(Mutation::AllIsFree) {
                instance.remaining.cpu = instance.registered.cpu;
                instance.remaining.memory = instance.registered.memory;
            }
            if self.has(Mutation::TwiceTheRoom) {
                instance.remaining.cpu.0 *= 2;
                instance.remaining.memory.0 *= 2;
                instance.registered.cpu.0 *= 2;
                instance.registered.memory.0 *= 2;
            }
            if self.has(Mutation::AlwaysReads) {
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
        for _ in 0..if self.has(Mutation::PollsTwentyTimes) { 19 } else { 0 } {
            self.aws.describe_tasks(cluster, arns).await?;
        }
        let mut answer = self.aws.describe_tasks(cluster, arns).await?;
        if self.has(Mutation::MissingIsStopped) {
            for failure in std::mem::take(&mut answer.failures) {
                answer.items.push(stopped_task(failure.arn, self.aws.now()));
            }
        }
        for task in answer.items.iter_mut().filter(|_| self.has(Mutation::StandaloneUnseen)) {
            if task.group.starts_with("family:") {
                "service:service-0-0".clone_into(&mut task.group);
            }
        }
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
        if self.has(Mutation::NeedsHalf) {
            definition.needs.cpu.0 /= 2;
            definition.needs.memory.0 /= 2;
        }
        Ok(definition)
    }
}

impl AutoScalingGroups for Mutant {
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        let Some(mut described) = self.aws.describe_groups(names).await?.pop() else { return Ok(Vec::new()) };
        let mut memory = self.memory.borrow_mut();
        match self.mutation {
            Mutation::CountsOnNobody => {
                let waits = described.instances.iter().find(|instance| instance.waits_to_terminate());
                let nobody = |number: usize| format!("i-{number:017x}").parse().unwrap();
                let nobodies: Vec<_> = waits.cloned().map_or(Vec::new(), |instance| {
                    let one = |number| GroupInstance { ec2_instance_id: nobody(number), ..instance.clone() };
                    (1..=3).map(one).collect()
                });
                described.instances.extend(nobodies);
            }
            Mutation::ProtectionUnseen => {
                described.instances.iter_mut().for_each(|instance| instance.protected = false);
            }
            Mutation::SuspensionUnseen => described.suspended.clear(),
            Mutation::DrainingUnseen => {
                described.instances.retain(|instance| !instance.lifecycle_state.starts_with("Terminating"));
            }
            Mutation::GrowthUnseen => {
                let first = memory.group.get_or_insert_with(|| described.clone());
                described.desired = described.desired.min(first.desired);
                let ids: BTreeSet<_> = first.ids().collect();
                described.instances.retain(|it| ids.contains(it.ec2_instance_id.as_str()));
            }
            Mutation::DenialBelieved if memory.denied => {
                described.instances.retain(|instance| !instance.waits_to_terminate());
            }
            Mutation::NeverOver => {
                let waits = described.instances.iter().any(GroupInstance::waits_to_terminate);
                if waits || memory.group.is_none() {
                    memory.group = Some(described.clone());
                }
                return Ok(memory.group.iter().cloned().collect());
            }
            _ => {}
        }
        Ok(vec![described])
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
        let mut answer = self.aws.describe_services(cluster, names).await?;
        for service in &mut answer.items {
            if self.has(Mutation::SpreadUnseen) {
                service.spreads_over.clear();
            }
            if self.has(Mutation::DeploymentUnseen) && !service.deployments.is_empty() {
                let others = service.deployments.split_off(1);
                let newest = &mut service.deployments[0];
                newest.desired += others.iter().map(|it| it.desired).sum::<u32>();
                newest.running += others.iter().map(|it| it.running).sum::<u32>();
                newest.pending += others.iter().map(|it| it.pending).sum::<u32>();
            }
        }
        Ok(answer)
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

impl CapacityProviders for Mutant {
    async fn describe_capacity_providers(
        &self,
        names: &[String],
        page: Option<&PageToken>,
    ) -> Result<Page<CapacityProvider>, CallError> {
        let mut providers = self.aws.describe_capacity_providers(names, page).await?;
        for provider in providers.items.iter_mut().filter(|_| self.has(Mutation::ManagedScalingUnseen)) {
            provider.managed_scaling = false;
        }
        Ok(providers)
    }
}

impl EmbeddedMetrics for Mutant {
    fn put(&self, document: &serde_json::Value) {
        self.aws.put(document);
    }
}

impl LifecycleActions for Mutant {
    async fn describe_termination_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, CallError> {
        let mut hooks = self.aws.describe_termination_hooks(group).await?;
        for hook in hooks.iter_mut().filter(|_| self.has(Mutation::StopsEarly)) {
            hook.global_timeout = Duration::from_secs(1200);
        }
        Ok(hooks)
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError> {
        let of_nobody = self.has(Mutation::CountsOnNobody)
            && matches!(&action.id, LifecycleActionId::Instance(id) if id.as_str().starts_with(NOBODY));
        match self.mutation {
            Mutation::NoHeartbeat | Mutation::ActionTakenForGranted => Ok(LifecycleActionState::Active),
            _ if of_nobody => Ok(LifecycleActionState::Active),
            _ => Ok(self.mutated(self.aws.record_heartbeat(action).await?)),
        }
    }

    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError> {
        let throttled = self.has(Mutation::NeverOver);
        let refused = CallError {
            operation: "autoscaling:CompleteLifecycleAction",
            resource: action.hook.clone(),
            kind: if throttled { CallErrorKind::Throttled } else { CallErrorKind::Unavailable },
            source: None,
        };
        if self.has(Mutation::NeverCompletes) {
            return Err(refused);
        }
        let state = self.aws.complete(action, result).await?;
        if self.has(Mutation::NeverOver) && state == LifecycleActionState::Gone {
            return Err(refused);
        }
        Ok(self.mutated(state))
    }
}

impl Mutant {
    /// The state of an action that the drainer gets as the answer.
    fn mutated(&self, state: LifecycleActionState) -> LifecycleActionState {
        self.memory.borrow_mut().denied |= state == LifecycleActionState::Gone;
        match self.mutation {
            Mutation::NeverOver | Mutation::GoneIsCompleted => LifecycleActionState::Active,
            _ => state,
        }
    }
}

impl NotificationTopic for Mutant {
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attributes: &MessageAttributes,
    ) -> Result<(), CallError> {
        if self.has(Mutation::NotRepublished) {
            return Ok(());
        }
        let mut published = self.aws.publish(topic_arn, message, attributes).await;
        for _ in 0..if self.has(Mutation::PublishesAgain) { 5 } else { 0 } {
            if published.is_err() {
                published = self.aws.publish(topic_arn, message, attributes).await;
            }
        }
        published
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
                _ => {}
            }
        }
        self.aws.put_metric_data(namespace, resolution, at, &data).await
    }
}

impl GroupScaling for Mutant {
    async fn set_desired_capacity(&self, group: &str, desired: u32) -> Result<(), CallError> {
        let desired = match self.mutation {
            Mutation::AsksForAThousandMore => desired + 1000,
            Mutation::LowersInstead => desired.saturating_sub(5),
            _ => desired,
        };
        self.aws.set_desired_capacity(group, desired).await
    }

    async fn terminate_and_decrement(&self, group: &str, id: &Ec2InstanceId) -> Result<(), CallError> {
        let described = self.aws.describe_group(group).await?;
        let desired = described.map_or(0, |group| group.desired);
        self.aws.terminate_and_decrement(group, id).await?;
        match self.mutation {
            Mutation::RemovesTwo => self.aws.set_desired_capacity(group, desired.saturating_sub(2)).await,
            Mutation::TerminatesTwice => self.aws.terminate_and_decrement(group, id).await,
            Mutation::FightsItself => self.aws.set_desired_capacity(group, desired).await,
            _ => Ok(()),
        }
    }

    async fn newest_instance_refresh(&self, group: &str) -> Result<Option<InstanceRefreshStatus>, CallError> {
        let newest = self.aws.newest_instance_refresh(group).await?;
        Ok(newest.filter(|_| !self.has(Mutation::RefreshUnseen)))
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
