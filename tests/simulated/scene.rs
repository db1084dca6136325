//! A small cluster, a topic and a function on it: what Lambda and SNS do, in virtual time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::world::sns::SnsMessage;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, SharedWorld, SimulatedAws,
    TaskDefinition, World,
};
use fleetkeeper_tests::repository;
use lifecycle_drainer::error::RecordError;
use lifecycle_drainer::outcome::Response;
use lifecycle_drainer::{Config, Drainer};
use serde_json::{Value, json};

pub(crate) const CLUSTER: &str = "demo";
pub(crate) const GROUP: &str = "demo-asg";
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

/// Lambda's longest timeout.
pub(crate) const LONGEST: Duration = Duration::from_secs(900);

type Simulated = Drainer<SimulatedAws>;

/// The world and the function in it.
pub(crate) struct Scene {
    pub(crate) aws: SimulatedAws,
    pub(crate) hosts: Vec<Ec2InstanceId>,
    pub(crate) timeout: Duration,
    drainer: Simulated,
}

/// The task of the services that the drained hosts run.
pub(crate) fn web() -> TaskDefinition {
    TaskDefinition::new("web", 512, 512).pending(5).healthy_after(10).deregistration_delay(30).stopping(10)
}

/// A world of hosts with 2,048 CPU units and 3,767 MiB, whose hook has a heartbeat timeout of
/// `heartbeat` seconds.
pub(crate) fn world_of_hosts(count: usize, heartbeat: u32) -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster(CLUSTER);
    let of_type = InstanceType::new("c5.large", 2048, 3767);
    world.add_group(AutoScalingGroup::new(GROUP, of_type).in_cluster(CLUSTER));
    let hook = LifecycleHook::new("drain", TOPIC);
    let hook = hook.heartbeat_timeout(heartbeat).default_result(ActionResult::Continue);
    world.put_lifecycle_hook(GROUP, hook).unwrap();
    let hosts = (0..count).map(|_| world.launch_now(GROUP).unwrap()).collect();
    world.advance_seconds(10);
    world.take_outbox();
    (world, hosts)
}

/// A host that runs standalone tasks. The hook's heartbeat timeout is `heartbeat` seconds.
pub(crate) fn a_host_with(tasks: &[TaskDefinition], heartbeat: u32) -> (World, Vec<Ec2InstanceId>) {
    let (mut world, hosts) = world_of_hosts(1, heartbeat);
    for task in tasks {
        world.start_task(CLUSTER, task, &hosts[0]).unwrap();
    }
    world.advance_seconds(60);
    world.take_outbox();
    (world, hosts)
}

/// Two hosts that share four tasks of a service, running and healthy.
pub(crate) fn two_hosts_with_web() -> (World, Vec<Ec2InstanceId>) {
    two_hosts_with(Service::new("web", 4, web()), 600)
}

/// Two hosts that share a service's tasks, running and healthy. The hook's heartbeat timeout is
/// `heartbeat` seconds.
pub(crate) fn two_hosts_with(service: Service, heartbeat: u32) -> (World, Vec<Ec2InstanceId>) {
    let (mut world, hosts) = world_of_hosts(2, heartbeat);
    let name = service.name.clone();
    world.create_service(CLUSTER, service).unwrap();
    world.advance_seconds(60);
    assert!(world.is_steady(CLUSTER, &name), "{}", world.history());
    world.take_outbox();
    (world, hosts)
}

/// Two hosts, a task of a service on one of them, and which one that is.
pub(crate) fn two_hosts_with_one_task() -> (World, Vec<Ec2InstanceId>, usize) {
    let (world, hosts) = two_hosts_with(Service::new("web", 1, web()), 600);
    let host = usize::from(world.container_instance_of(CLUSTER, &hosts[1]).unwrap().running_tasks == 1);
    (world, hosts, host)
}

impl Scene {
    pub(crate) fn new((world, hosts): (World, Vec<Ec2InstanceId>)) -> Self {
        Self::with_settings((world, hosts), &[("ECS_CLUSTER", CLUSTER)])
    }

    pub(crate) fn with_settings(
        (world, hosts): (World, Vec<Ec2InstanceId>),
        variables: &[(&str, &str)],
    ) -> Self {
        let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
        let drainer = drainer(&aws, variables);
        Self { aws, hosts, timeout: LONGEST, drainer }
    }

    /// A drain timeout in seconds, and the policy at its end.
    pub(crate) fn with_drain_timeout(
        world: (World, Vec<Ec2InstanceId>),
        seconds: &str,
        policy: &str,
    ) -> Self {
        let variables =
            [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", seconds), ("ON_DRAIN_TIMEOUT", policy)];
        Self::with_settings(world, &variables)
    }

    /// Auto Scaling terminates a host; its notice is returned instead of delivered.
    pub(crate) fn terminate(&self, host: usize) -> SnsMessage {
        self.world(|world| world.terminate_instance(GROUP, &self.hosts[host], true).unwrap());
        let mut messages = self.sent();
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    /// The messages of the topic since the last time.
    pub(crate) fn sent(&self) -> Vec<SnsMessage> {
        self.world(World::take_outbox).iter().filter_map(|emission| emission.sns_message().cloned()).collect()
    }

    pub(crate) async fn deliver(&self, message: &SnsMessage) -> Result<Response, RecordError> {
        self.invoke(sns_event(&[message])).await
    }

    /// Invokes the function. Its handler must return before the invocation timeout, or Lambda would
    /// kill it.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Response, RecordError> {
        let invocation = self.invocation();
        let answer = self.drainer.handle(event, invocation).await;
        assert!(self.aws.world().now() < invocation.ends, "the function was killed by its timeout");
        answer
    }

    pub(crate) fn invocation(&self) -> Invocation {
        let now = self.aws.world().now();
        let ends = now + self.timeout;
        Invocation::new(u64::try_from(ends.timestamp_millis()).unwrap(), now)
    }

    pub(crate) fn drainer(&self) -> &Simulated {
        &self.drainer
    }

    /// Delivers a message and each republished one, one after another. Returns the last answer and
    /// the number of invocations.
    pub(crate) async fn see_through(&self, message: &SnsMessage) -> (Response, u32) {
        let mut queue = VecDeque::from([message.clone()]);
        let mut invocations = 0;
        loop {
            queue.extend(self.sent());
            let Some(next) = queue.pop_front() else { unreachable!("the queue begins with a message") };
            assert_eq!((next.topic_arn.as_str(), next.message.as_str()), (TOPIC, message.message.as_str()));
            let answer = self.deliver(&next).await.unwrap();
            invocations += 1;
            queue.extend(self.sent());
            if queue.is_empty() {
                return (answer, invocations);
            }
        }
    }

    /// Delivers a message and, each time that it was republished, the same message with the next
    /// attempt. Unlike [`Self::see_through`] it may run beside other messages. Returns the answer
    /// with the end of its own drain.
    pub(crate) async fn see_through_beside_others(&self, message: &SnsMessage) -> Value {
        let (mut next, mut own) = (message.clone(), None);
        loop {
            let answer = first(&self.deliver(&next).await.unwrap());
            if answer["outcome"] != "republished" {
                own.get_or_insert(answer);
            }
            let attempt = next.attributes.as_ref().map_or(1, |it| it.attempt) + 1;
            let published = self.world(|world| {
                let mut published = world.published().iter();
                published.find(|it| it.message == next.message && it.attributes.attempt == attempt).cloned()
            });
            match (published, own) {
                (Some(published), still) => {
                    (next.attributes, own) = (Some(published.attributes), still);
                }
                (None, own) => return own.unwrap(),
            }
        }
    }

    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.aws.world().with(act)
    }

    pub(crate) fn plant(&self, operation: Operation, when: When, fault: Fault) {
        self.aws.world().faults(|faults| faults.plant(operation, when, fault));
    }

    pub(crate) fn calls(&self, operation: Operation) -> u32 {
        self.world(|world| world.history().api_calls().get(&operation).copied().unwrap_or(0))
    }

    /// The calls of all operations.
    pub(crate) fn all_calls(&self) -> u32 {
        self.world(|world| world.history().api_calls().values().sum())
    }

    /// How many tasks lost their host before they had stopped.
    pub(crate) fn killed(&self) -> usize {
        self.world(|world| world.history().killed_tasks().len())
    }

    /// The logged documents with this metric, oldest first.
    pub(crate) fn documents(&self, metric: &str) -> Vec<Arc<Value>> {
        self.world(|world| {
            let entries = world.history().entries().iter();
            let documents = entries.filter_map(|entry| match &entry.what {
                Occurrence::EmbeddedMetricsPut { document } => Some(Arc::clone(document)),
                _ => None,
            });
            documents.filter(|document| document.get(metric).is_some()).collect()
        })
    }

    /// The logged values of a metric, oldest first.
    pub(crate) fn values(&self, metric: &str) -> Vec<f64> {
        self.documents(metric).iter().map(|document| document[metric].as_f64().unwrap()).collect()
    }

    /// The reasons that were logged with a metric of this value, oldest first.
    pub(crate) fn reasons(&self, metric: &str, value: f64) -> Vec<String> {
        let documents = self.documents(metric).into_iter();
        let of_value = documents.filter(|it| (it[metric].as_f64().unwrap() - value).abs() < 0.1);
        of_value.map(|document| document["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// How many container instances became DRAINING.
    pub(crate) fn set_draining(&self) -> usize {
        self.world(|world| {
            let entries = world.history().entries().iter().filter(|entry| {
                matches!(
                    entry.what,
                    Occurrence::ContainerInstanceStatus { status: ContainerInstanceStatus::Draining, .. }
                )
            });
            entries.count()
        })
    }

    /// When actions ended, and how.
    pub(crate) fn ends(&self) -> Vec<(DateTime<Utc>, ActionEnd)> {
        self.world(|world| {
            let ends = world.history().entries().iter().filter_map(|entry| match entry.what {
                Occurrence::ActionEnded { end, .. } => Some((entry.at, end)),
                _ => None,
            });
            ends.collect()
        })
    }

    /// No task lost its host before it had stopped, and every action was completed by the function.
    pub(crate) fn assert_all_drained(&self, actions: usize) {
        self.world(|world| assert!(world.history().killed_tasks().is_empty(), "{}", world.history()));
        let ends: Vec<_> = self.ends().into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, vec![ActionEnd::Completed(ActionResult::Continue); actions]);
    }

    pub(crate) async fn wait(&self, seconds: u64) {
        self.aws.world().sleep(Duration::from_secs(seconds)).await;
    }
}

pub(crate) fn drainer(aws: &SimulatedAws, variables: &[(&str, &str)]) -> Simulated {
    let lookup = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).into())
    };
    let config = Config::read(&Settings::new(&lookup)).unwrap();
    Drainer::new(aws.clone(), config)
}

/// An SNS event in the shape that Lambda gets, one record a message.
pub(crate) fn sns_event(messages: &[&SnsMessage]) -> Value {
    let sample = sample_event("sns-lifecycle-terminating.json");
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let mut record = sample["Records"][0].clone();
            record["Sns"]["TopicArn"] = json!(message.topic_arn);
            record["Sns"]["Message"] = json!(message.message);
            record["Sns"]["MessageAttributes"] = message.attributes_of_event();
            record
        })
        .collect();
    json!({ "Records": records })
}

/// A sample event of the repository.
pub(crate) fn sample_event(name: &str) -> Value {
    repository::sample_event(name).unwrap()
}

/// The first record's answer, as JSON.
pub(crate) fn first(answer: &Response) -> Value {
    serde_json::to_value(answer).unwrap()["records"][0].clone()
}
