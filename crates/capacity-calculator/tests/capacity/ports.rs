//! An ECS that holds container instances, groups, a CloudWatch that keeps what is put, a clock that
//! does not wait.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use capacity_calculator::{CapacityCalculator, CapacityError, Config, Summary};
use chrono::{DateTime, Utc};
use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Resources,
};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::{AutoScalingGroup, GroupInstance, ScalingActivity};
use fleetkeeper_core::ports::{
    Answer, AutoScalingGroups, CallError, CallErrorKind, Clock, ContainerInstanceQuery, ContainerInstances,
    DESCRIBE_MAX, Failure, GROUPS_MAX, METRIC_DATA_MAX, MetricDatum, Metrics, Page, PageToken,
    StorageResolution,
};
use fleetkeeper_core::service::Service;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_core::task::{Task, TaskArn, TaskDefinition, TaskDefinitionArn};
use serde_json::{Value, json};

use crate::scaling_ports::Scaling;
use tokio::time::{Instant, sleep};

/// How a port's operation behaves.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Answers,
    Fails(CallErrorKind),
    Hangs,
}

impl Mood {
    pub(crate) async fn settle(self, operation: &'static str, resource: &str) -> Result<(), CallError> {
        match self {
            Self::Answers => Ok(()),
            Self::Fails(kind) => {
                let source = Some("Rate exceeded".into());
                Err(CallError { operation, resource: resource.to_owned(), kind, source })
            }
            Self::Hangs => pending().await,
        }
    }
}

/// ECS: pages as they are listed, and what a describe call makes of each ARN.
#[derive(Default)]
pub(crate) struct Ecs {
    pub(crate) pages: Vec<Vec<ContainerInstance>>,
    /// Reasons of `failures[]`, by ARN.
    pub(crate) failing: BTreeMap<String, &'static str>,
    /// If set, only this many of the describe calls fail so, from the first on. Otherwise all do.
    pub(crate) failing_first: Option<usize>,
    pub(crate) list: Mood,
    pub(crate) describe: Mood,
    /// Only the call of this number (from 0), of each operation, is in its mood; else all are.
    pub(crate) in_mood: Option<usize>,
    pub(crate) clusters_asked: RefCell<BTreeSet<String>>,
    pub(crate) lists: Cell<usize>,
    pub(crate) batches: RefCell<Vec<usize>>,
    /// From the describe call of this number on (from 0), all container instances have changed.
    pub(crate) changed_from: Cell<Option<usize>>,
    pub(crate) in_flight: Cell<usize>,
    pub(crate) most_in_flight: Cell<usize>,
    pub(crate) services: Vec<Service>,
    /// Those that ECS describes; it refuses all others.
    pub(crate) definitions: BTreeMap<TaskDefinitionArn, TaskDefinition>,
    pub(crate) tasks: RefCell<Vec<Task>>,
    pub(crate) capacity_providers: Vec<CapacityProvider>,
    pub(crate) groups: Vec<AutoScalingGroup>,
    /// The pages that match an expression; ECS refuses all others.
    pub(crate) matching: BTreeMap<String, Vec<Vec<ContainerInstanceArn>>>,
    pub(crate) protected: BTreeSet<TaskArn>,
    /// Reasons of `failures[]`, by service.
    pub(crate) services_failing: BTreeMap<String, &'static str>,
    /// Reasons of `failures[]` of `GetTaskProtection`, by task.
    pub(crate) protection_failing: BTreeMap<TaskArn, &'static str>,
    pub(crate) services_mood: Mood,
    pub(crate) definitions_mood: Mood,
    pub(crate) tasks_mood: Mood,
    pub(crate) protection_mood: Mood,
    pub(crate) providers_mood: Mood,
    pub(crate) groups_mood: Mood,
    pub(crate) matching_mood: Mood,
    /// The task definitions that were described.
    pub(crate) defined: RefCell<Vec<TaskDefinitionArn>>,
    /// This many of the first calls do not find the services that they ask for.
    pub(crate) services_missing_first: Cell<usize>,
    /// As many more tasks of each service run once the services have been listed and described.
    pub(crate) placed_meanwhile: u32,
    /// Calls on services and on tasks.
    pub(crate) service_calls: Cell<usize>,
    pub(crate) task_calls: Cell<usize>,
    /// Tasks that are in no list.
    pub(crate) unlisted: RefCell<BTreeSet<TaskArn>>,
    /// Tasks that are listed, and missing where they are described.
    pub(crate) undescribed: RefCell<BTreeSet<TaskArn>>,
    /// How long `DescribeTasks` takes.
    pub(crate) describe_tasks_takes: Duration,
    /// Task ARNs that were described.
    pub(crate) tasks_described: RefCell<Vec<TaskArn>>,
    /// The sizes of the batches whose protection was asked for.
    pub(crate) protection_asked: RefCell<Vec<usize>>,
    /// The names of the capacity providers that were asked for.
    pub(crate) providers_asked: RefCell<Vec<Vec<String>>>,
    /// The expressions that were asked for, once for each page.
    pub(crate) expressions_asked: RefCell<Vec<String>>,
}

impl ContainerInstances for Ecs {
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        if let ContainerInstanceQuery::Matching(expression) = query {
            return self.matching(expression, page).await;
        }
        assert_eq!(query, &ContainerInstanceQuery::All);
        self.clusters_asked.borrow_mut().insert(cluster.reference().to_owned());
        self.lists.set(self.lists.get() + 1);
        sleep(Duration::from_millis(20)).await;
        if self.in_mood.is_none_or(|in_mood| in_mood + 1 == self.lists.get()) {
            self.list.settle("ecs:ListContainerInstances", cluster.name()).await?;
        }

        let number: usize = page.map_or(0, |token| token.0.parse().unwrap());
        let items =
            self.pages.get(number).into_iter().flatten().map(|instance| instance.arn.clone()).collect();
        let next = (number + 1 < self.pages.len()).then(|| PageToken((number + 1).to_string()));
        Ok(Page { items, next })
    }

    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        assert!((1..=DESCRIBE_MAX).contains(&arns.len()), "AWS refuses {} ARNs", arns.len());
        let number = self.batches.borrow().len();
        self.batches.borrow_mut().push(arns.len());
        self.clusters_asked.borrow_mut().insert(cluster.reference().to_owned());

        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        sleep(Duration::from_secs(1)).await;
        self.in_flight.set(self.in_flight.get() - 1);
        if self.in_mood.is_none_or(|in_mood| in_mood == number) {
            self.describe.settle("ecs:DescribeContainerInstances", cluster.name()).await?;
        }

        let mut answer = Answer { items: Vec::new(), failures: Vec::new() };
        let newer = u64::from(self.changed_from.get().is_some_and(|from| number >= from));
        for arn in arns {
            let fails = self.failing_first.is_none_or(|first| number < first);
            if let Some(reason) = self.failing.get(&arn.0).filter(|_| fails) {
                let (reason, detail) = ((*reason).to_owned(), String::new());
                answer.failures.push(Failure { arn: arn.0.clone(), reason, detail });
            } else if let Some(one) = self.pages.iter().flatten().find(|one| one.arn == *arn) {
                answer.items.push(ContainerInstance { version: one.version + newer, ..one.clone() });
            }
        }
        Ok(answer)
    }
}

impl Ecs {
    async fn matching(
        &self,
        expression: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        self.expressions_asked.borrow_mut().push(expression.to_owned());
        self.matching_mood.settle("ecs:ListContainerInstances", expression).await?;
        let Some(pages) = self.matching.get(expression) else {
            Mood::Fails(CallErrorKind::Refused).settle("ecs:ListContainerInstances", expression).await?;
            unreachable!("it was refused");
        };
        let number: usize = page.map_or(0, |token| token.0.parse().unwrap());
        let next = (number + 1 < pages.len()).then(|| PageToken((number + 1).to_string()));
        Ok(Page { items: pages.get(number).cloned().unwrap_or_default(), next })
    }
}

/// EC2 Auto Scaling: groups, and what was asked for.
#[derive(Default)]
pub(crate) struct AutoScaling {
    pub(crate) groups: RefCell<Vec<AutoScalingGroup>>,
    pub(crate) mood: Mood,
    pub(crate) asked: RefCell<Vec<usize>>,
    pub(crate) scaling: Scaling,
}

impl AutoScalingGroups for AutoScaling {
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        assert!((1..=GROUPS_MAX).contains(&names.len()), "{} names", names.len());
        self.asked.borrow_mut().push(names.len());
        self.mood.settle("autoscaling:DescribeAutoScalingGroups", &names.join(", ")).await?;
        // In an order of its own.
        let described = self.scaling.described(&self.groups);
        Ok(described.into_iter().rev().filter(|group| names.contains(&group.name)).collect())
    }

    async fn describe_scaling_activities(
        &self,
        _: &str,
        _: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        unreachable!("the calculator does not read activities")
    }
}

/// A group of these hosts, of 0 to 100 instances.
pub(crate) fn group(name: &str, hosts: impl IntoIterator<Item = usize>) -> AutoScalingGroup {
    let instance = |number| GroupInstance {
        ec2_instance_id: host(number).ec2_instance_id.parse().unwrap(),
        lifecycle_state: "InService".to_owned(),
        availability_zone: "us-east-1a".to_owned(),
        instance_type: "c5.large".to_owned(),
        weight: 1,
        protected: false,
        launch_template_version: None,
    };
    let instances: Vec<_> = hosts.into_iter().map(instance).collect();
    AutoScalingGroup {
        name: name.to_owned(),
        minimum: 0,
        maximum: 100,
        desired: u32::try_from(instances.len()).unwrap(),
        mixed: false,
        suspended: BTreeSet::new(),
        instances,
        has_load_balancer: false,
        has_warm_pool: false,
    }
}

/// One `PutMetricData`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Put {
    pub(crate) namespace: String,
    pub(crate) resolution: StorageResolution,
    pub(crate) at: DateTime<Utc>,
    pub(crate) data: Vec<MetricDatum>,
}

impl Put {
    /// The value of a metric that has no second dimension.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let of_cluster = |datum: &&MetricDatum| datum.name == name && datum.dimensions.len() == 1;
        self.data.iter().find(of_cluster).unwrap().value
    }

    /// The value of a group's metric, where it was put.
    pub(crate) fn of_group(&self, group: &str, name: &str) -> Option<f64> {
        let of_group = |datum: &&MetricDatum| {
            let dimension = ("AutoScalingGroupName", group.to_owned());
            datum.name == name && datum.dimensions.contains(&dimension)
        };
        self.data.iter().find(of_group).map(|datum| datum.value)
    }
}

#[derive(Default)]
pub(crate) struct CloudWatch {
    pub(crate) put: Mood,
    /// How many calls answer before the mood sets in.
    pub(crate) put_after: usize,
    pub(crate) puts: RefCell<Vec<Put>>,
}

impl Metrics for CloudWatch {
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError> {
        assert!((1..=METRIC_DATA_MAX).contains(&data.len()), "{} data", data.len());
        if self.puts.borrow().len() >= self.put_after {
            self.put.settle("cloudwatch:PutMetricData", namespace).await?;
        }
        let (namespace, data) = (namespace.to_owned(), data.to_vec());
        self.puts.borrow_mut().push(Put { namespace, resolution, at, data });
        Ok(())
    }
}

/// tokio's paused clock, on a calendar.
pub(crate) struct PausedClock {
    start: Instant,
}

/// When every test begins.
pub(crate) fn begin() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl Clock for PausedClock {
    fn now(&self) -> DateTime<Utc> {
        begin() + self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

/// A host with everything on it free, and two worst-case containers' room: 1024 CPU units, 993 MiB.
pub(crate) fn host(number: usize) -> ContainerInstance {
    let all = Resources { cpu: CpuUnits(1024), memory: Mib(993), ..Resources::default() };
    ContainerInstance {
        registered_at: None,
        arn: ContainerInstanceArn(format!(
            "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/{number:032x}"
        )),
        ec2_instance_id: format!("i-{number:017x}"),
        status: ContainerInstanceStatus::Active,
        agent_connected: true,
        running_tasks: 0,
        pending_tasks: 0,
        registered: all.clone(),
        remaining: all,
        attributes: Attributes([("ecs.instance-type".to_owned(), Some("c5.large".to_owned()))].into()),
        capacity_provider: None,
        network_interfaces: None,
        version: 7,
    }
}

/// Pages with these numbers of hosts, all different.
pub(crate) fn pages(sizes: &[usize]) -> Vec<Vec<ContainerInstance>> {
    let mut numbers = 0..;
    sizes.iter().map(|size| numbers.by_ref().take(*size).map(host).collect()).collect()
}

pub(crate) type Calculator = CapacityCalculator<Ecs, AutoScaling, CloudWatch, PausedClock>;

/// The variables of a worst-case container of 250 CPU units and 400 MiB, and `more`, which win.
pub(crate) fn calculator(ecs: Ecs, metrics: CloudWatch, more: &[(&str, &str)]) -> Calculator {
    let variables = [more, &[("CONTAINER_MAX_CPU", "250"), ("CONTAINER_MAX_MEMORY", "400")]].concat();
    only(ecs, metrics, &variables)
}

/// These variables and no others.
pub(crate) fn only(mut ecs: Ecs, metrics: CloudWatch, variables: &[(&str, &str)]) -> Calculator {
    let lookup =
        |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
    let config = Config::read(&Settings::new(&lookup)).unwrap();
    let (groups, mood) = (std::mem::take(&mut ecs.groups), ecs.groups_mood);
    let auto_scaling = AutoScaling { groups: groups.into(), mood, ..AutoScaling::default() };
    CapacityCalculator::new(ecs, auto_scaling, metrics, PausedClock { start: Instant::now() }, config)
}

/// An invocation with this many seconds.
pub(crate) fn invocation(seconds: i64) -> Invocation {
    Invocation { begins: begin(), ends: begin() + chrono::TimeDelta::seconds(seconds), deadline_known: true }
}

pub(crate) const CLUSTER_ARN: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/demo";

pub(crate) fn state_change() -> Value {
    json!({
        "detail-type": "ECS Container Instance State Change",
        "source": "aws.ecs",
        "detail": {"clusterArn": CLUSTER_ARN, "containerInstanceArn": host(0).arn.0, "version": 7},
    })
}

/// Handles an event with a minute's time: something is published, or it is an error.
pub(crate) async fn published(calculator: &Calculator, event: Value) -> Result<Summary, CapacityError> {
    let begins = calculator.clock.now();
    let invocation =
        Invocation { begins, ends: begins + chrono::TimeDelta::seconds(60), deadline_known: true };
    Ok(calculator.handle(event, invocation).await?.published().unwrap())
}

/// Handles a state change with a minute's time, and gives what came of it and what was put.
pub(crate) async fn handle(
    ecs: Ecs,
    metrics: CloudWatch,
    more: &[(&str, &str)],
) -> (Result<Summary, CapacityError>, Vec<Put>) {
    let calculator = calculator(ecs, metrics, more);
    let outcome = published(&calculator, state_change()).await;
    (outcome, calculator.metrics.puts.take())
}
