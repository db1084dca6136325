//! Instances of a group that are terminated at once, and the functions that drain them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::MessageAttributes;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::sns::SnsMessage;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, SharedWorld, SimulatedAws,
    TaskDefinition, World,
};
use futures_util::future::{join, join_all};
use lifecycle_drainer::{Config, Drainer};
use serde_json::json;

const CLUSTER: &str = "demo";
const GROUP: &str = "demo-asg";
const HOOK: &str = "drain";
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";
const MESSAGE_ID: &str = "00000000-0000-4000-8000-000000000001";

/// A group in a world, and the functions' environments.
pub(crate) struct Scene {
    aws: SimulatedAws,
    hosts: Vec<Ec2InstanceId>,
}

/// The measurements of drains.
pub(crate) struct Figures {
    pub(crate) calls: u32,
    polls: u32,
    seconds: i64,
    late: TimeDelta,
    reads_a_second: f64,
}

/// A task of a service behind a load balancer.
pub(crate) fn web() -> TaskDefinition {
    TaskDefinition::new("web", 256, 256).pending(5).healthy_after(10).deregistration_delay(30).stopping(10)
}

impl Scene {
    /// Hosts without tasks.
    pub(crate) fn of_hosts(count: usize) -> Self {
        Self::begin(world_of_hosts(count))
    }

    /// Hosts that share a service's tasks.
    pub(crate) fn with_service(hosts: usize, service: Service) -> Self {
        let (mut world, hosts) = world_of_hosts(hosts);
        world.create_service(CLUSTER, service).expect("the cluster is there");
        world.advance_seconds(90);
        Self::begin((world, hosts))
    }

    /// A host with a standalone task, a minute old.
    pub(crate) fn with_batch(task: &TaskDefinition) -> Self {
        let (mut world, hosts) = world_of_hosts(1);
        for host in &hosts {
            world.start_task(CLUSTER, task, host).expect("the host is there");
        }
        world.advance_seconds(60);
        Self::begin((world, hosts))
    }

    fn begin((mut world, mut hosts): (World, Vec<Ec2InstanceId>)) -> Self {
        hosts.sort();
        world.take_outbox();
        Self { aws: SimulatedAws::new(SharedWorld::in_tokio_time(world)), hosts }
    }

    /// Terminates this many hosts at once and drains them; a function for each message, as Lambda
    /// runs them.
    pub(crate) async fn drain(self, count: usize, sweeps: bool) -> Figures {
        let began = self.now();
        let before = self.calls();
        let hosts: Vec<_> = self.hosts.iter().take(count).cloned().collect();
        self.with(|world| world.terminate_instances(GROUP, &hosts, true)).expect("the hosts are in service");
        let messages = self.sent();
        let registration = |id: &Ec2InstanceId| {
            self.with(|world| world.container_instance_of(CLUSTER, id).map(|it| it.arn.clone()))
        };
        let registrations = hosts.iter().filter_map(|id| Some((id.clone(), registration(id)?))).collect();
        let drained = join_all(messages.into_iter().map(|message| self.see_through(message)));
        let sweeping = async {
            if sweeps {
                self.sweep_each_minute(50).await;
            }
        };
        join(drained, sweeping).await;
        self.figures(began, &before, &registrations)
    }

    async fn see_through(&self, message: SnsMessage) {
        let drainer = self.drainer();
        let mut next = message;
        loop {
            let answer = drainer.handle(next.event(MESSAGE_ID, self.now()), self.invocation()).await;
            let answer = answer.map(|it| serde_json::to_value(it).unwrap_or_default()).unwrap_or_default();
            let record = &answer["records"][0];
            if record["outcome"] != "republished" {
                return;
            }
            let attempt = record["nextAttempt"].as_u64().and_then(|it| u32::try_from(it).ok());
            next.attributes =
                attempt.map(|attempt| MessageAttributes { attempt, ..MessageAttributes::default() });
        }
    }

    /// Sweeps run in an environment of their own: the drain's is busy.
    async fn sweep_each_minute(&self, minutes: u32) {
        let drainer = self.drainer();
        let began = self.now();
        for minute in 1..=minutes {
            let due = began + TimeDelta::minutes(i64::from(minute));
            let wait = (due - self.now()).to_std().unwrap_or_default();
            self.aws.world().sleep(wait).await;
            let sweep = json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": HOOK}});
            let _ = drainer.handle(sweep, self.invocation()).await;
        }
    }

    fn drainer(&self) -> Drainer<SimulatedAws> {
        let variables = BTreeMap::from([
            ("ECS_CLUSTER", CLUSTER.to_owned()),
            ("DRAIN_TIMEOUT_SECONDS", "7200".to_owned()),
        ]);
        let lookup = |name: &str| variables.get(name).cloned();
        let config = Config::read(&Settings::new(&lookup)).expect("the variables are accepted");
        Drainer::new(self.aws.clone(), config)
    }

    fn invocation(&self) -> Invocation {
        let deadline = self.now() + Duration::from_secs(900);
        Invocation::new(u64::try_from(deadline.timestamp_millis()).unwrap_or(0), self.now())
    }

    fn now(&self) -> DateTime<Utc> {
        self.aws.world().now()
    }

    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.aws.world().with(act)
    }

    fn sent(&self) -> Vec<SnsMessage> {
        self.with(World::take_outbox).iter().filter_map(|emission| emission.sns_message().cloned()).collect()
    }

    fn calls(&self) -> BTreeMap<Operation, u32> {
        self.with(|world| world.history().api_calls().clone())
    }

    fn figures(
        &self,
        began: DateTime<Utc>,
        before: &BTreeMap<Operation, u32>,
        registrations: &BTreeMap<Ec2InstanceId, ContainerInstanceArn>,
    ) -> Figures {
        let calls = self.calls();
        let made = |operation: Operation| {
            calls.get(&operation).copied().unwrap_or(0) - before.get(&operation).copied().unwrap_or(0)
        };
        self.with(|world| {
            let entries = world.history().entries();
            let mut on: BTreeMap<_, DateTime<Utc>> = BTreeMap::new();
            let (mut homes, mut late, mut last): (BTreeMap<_, _>, TimeDelta, DateTime<Utc>) =
                (BTreeMap::new(), TimeDelta::zero(), began);
            let mut reads = Vec::new();
            for entry in entries {
                match &entry.what {
                    Occurrence::TaskPlaced { task, container_instance, .. } => {
                        homes.insert(task.clone(), container_instance.clone());
                    }
                    Occurrence::TaskStatus { task, status: LastStatus::Stopped, .. } => {
                        if let Some(home) = homes.get(task) {
                            on.insert(home.clone(), entry.at);
                        }
                    }
                    Occurrence::ApiCalled { operation, .. } if operation.reads_cluster_resources() => {
                        reads.push(entry.at);
                    }
                    Occurrence::ActionEnded { instance, .. } => {
                        let arn = registrations.get(instance);
                        let stopped = arn.and_then(|arn| on.get(arn)).copied().unwrap_or(began);
                        late = late.max(entry.at - stopped.max(began));
                        last = entry.at;
                    }
                    _ => {}
                }
            }
            let reads: Vec<_> = reads.into_iter().filter(|at| *at >= began).collect();
            let in_a_minute = reads.iter().enumerate().map(|(first, from)| {
                reads.iter().skip(first).take_while(|at| **at < *from + TimeDelta::minutes(1)).count()
            });
            let most = u32::try_from(in_a_minute.max().unwrap_or(0)).unwrap_or(u32::MAX);
            let all = calls.keys().map(|operation| made(*operation)).sum();
            Figures {
                calls: all,
                polls: made(Operation::DescribeTasks),
                seconds: (last - began).num_seconds(),
                late,
                reads_a_second: f64::from(most) / 60.0,
            }
        })
    }
}

impl Figures {
    /// As a row of the table of single drains.
    pub(crate) fn of_one(&self) -> String {
        let beside = self.calls - self.polls;
        format!(
            "{} | {} | {} | {beside} | {} ms",
            self.seconds,
            self.calls,
            self.polls,
            self.late.num_milliseconds()
        )
    }

    /// As a row of the table of many drains.
    pub(crate) fn of_many(&self, count: usize) -> String {
        let a_drain = f64::from(self.calls) / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let late = self.late.num_milliseconds();
        let Self { seconds, calls, reads_a_second, .. } = self;
        format!("{seconds} | {calls} | {a_drain:.1} | {reads_a_second:.1} | {late} ms")
    }
}

fn world_of_hosts(count: usize) -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new(DateTime::from_timestamp(1_795_341_600, 0).unwrap_or_default());
    world.add_cluster(CLUSTER);
    let of_type = InstanceType::new("c5.large", 2048, 3767);
    world.add_group(AutoScalingGroup::new(GROUP, of_type).in_cluster(CLUSTER));
    let hook = LifecycleHook::new(HOOK, TOPIC).heartbeat_timeout(900).default_result(ActionResult::Continue);
    world.put_lifecycle_hook(GROUP, hook).expect("the group is there");
    let hosts = (0..count).map(|_| world.launch_now(GROUP).expect("the group is there")).collect();
    world.advance_seconds(10);
    (world, hosts)
}
