//! The drainer: instances that are terminated at one time, each with a task that ends a while after
//! its notice.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, History, Occurrence};
use fleetkeeper_sim::world::sns::Origin;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, LifecycleHook, Service, SharedWorld, TaskDefinition, World,
};
use fleetkeeper_tests::Error;
use fleetkeeper_tests::repository::sample_event;
use serde_json::{Value, json};

use crate::aws::{self, Aws, Changes};
use crate::cluster::{GROUP, NAME, TASK_CPU, TASK_MEMORY, of_type};
use crate::environment::Environment;
use crate::package::{Function, Packages, Subject};
use crate::tls::Tls;

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

/// As many as one page of container instances has: what Python looks through.
const HOSTS: u32 = 100;

/// From the notices to the end of the jobs, and how long before they start.
const JOB_SECONDS: u32 = 12;
const LEAD_SECONDS: u32 = 3;

/// How long a service's task is deregistered from its load balancer before ECS stops it.
const DEREGISTRATION_SECONDS: u32 = 15;

/// The tasks on the instances that are terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tasks {
    /// Jobs that end on their own: counted as running until then.
    Jobs,
    /// A service's tasks behind a load balancer: ECS stops them once others are healthy elsewhere,
    /// and counts them no more from then on, while they still serve the connections that they have.
    Service,
}

impl Tasks {
    /// As the figures name them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Service => "a service",
        }
    }
}

/// The measurements of some drains at one time.
#[derive(Debug)]
pub(crate) struct Drains {
    /// Sum of the invocations' durations, which is what Lambda bills.
    pub(crate) billed: Duration,
    /// Of the process that took most.
    pub(crate) peak_kib: u64,
    pub(crate) calls: usize,
    pub(crate) throttled: usize,
    /// From a task's end to its hook's completion, on average over those that were not killed; none
    /// where all were.
    pub(crate) late: Option<Duration>,
    /// Tasks that lost their instance before they had ended.
    pub(crate) killed: usize,
}

/// Terminates this many instances, each notice in an environment of its own, as Lambda does. The
/// environments are warm: another benchmark measures the start.
pub(crate) fn measure(
    packages: &Packages,
    subject: Subject,
    (instances, tasks): (u32, Tasks),
    tls: &Tls,
) -> Result<Drains, Error> {
    let (world, terminated) = world(instances, tasks)?;
    let world = SharedWorld::in_real_time(world);
    let aws = Aws::start(world.clone(), Changes::Live, tls)?;
    let variables = [("ECS_CLUSTER", NAME), ("LIFECYCLE_TOPIC_ARN", TOPIC)];
    let what = (subject, Function::LifecycleDrainer);
    let mut environments: Vec<_> = (0..instances)
        .map(|_| Environment::start(packages, what, &aws, &variables))
        .collect::<Result<_, _>>()?;

    if tasks == Tasks::Jobs {
        let job = TaskDefinition::new("job", TASK_CPU, TASK_MEMORY);
        let job = job.pending(1).stopping(0).running_for(JOB_SECONDS + LEAD_SECONDS - 1);
        for host in &terminated {
            world.with(|world| world.start_task(NAME, &job, host))?;
        }
        thread::sleep(Duration::from_secs(LEAD_SECONDS.into()));
    }
    world.with(|world| world.terminate_instances(GROUP, &terminated, true))?;
    let notices = world.with(World::take_outbox).into_iter().filter_map(|emission| {
        let message = emission.sns_message()?.clone();
        matches!(message.origin, Origin::LifecycleHook { .. }).then_some(message.message)
    });
    let events = notices.map(|notice| sns_event(&notice)).collect::<Result<Vec<_>, _>>()?;
    let durations = thread::scope(|scope| {
        let running: Vec<_> = environments
            .iter_mut()
            .zip(&events)
            .map(|(environment, event)| {
                scope.spawn(move || match environment.invoke(event) {
                    Ok((took, _)) => Ok(took),
                    Err(error) => Err(error.to_string()),
                })
            })
            .collect();
        let joined = running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("panicked".to_owned())));
        joined.collect::<Result<Vec<_>, _>>()
    })?;

    let peaks = environments.iter().map(Environment::peak_kib).collect::<Result<Vec<_>, _>>()?;
    let calls = aws.take_calls();
    let (late, killed) = world.with(|world| evidence(world.history(), &terminated));
    let drains = Drains {
        billed: durations.iter().sum(),
        peak_kib: peaks.into_iter().max().unwrap_or_default(),
        calls: calls.len(),
        throttled: aws::throttled(&calls),
        late,
        killed,
    };
    if subject == Subject::Fleetkeeper && (drains.killed > 0 || drains.late.is_none()) {
        return Err(format!("not every task came to its end: {drains:?}").into());
    }
    Ok(drains)
}

/// Hosts of a group with a termination hook, in a Region that throttles as ECS does, and those that
/// are terminated.
fn world(instances: u32, tasks: Tasks) -> Result<(World, Vec<Ec2InstanceId>), Error> {
    let mut world = World::new(Utc::now() - TimeDelta::seconds(120));
    world.add_cluster(NAME);
    world.add_group(AutoScalingGroup::new(GROUP, of_type()).in_cluster(NAME).sizes(0, HOSTS));
    let hook = LifecycleHook::new("terminating", TOPIC);
    world.put_lifecycle_hook(GROUP, hook.heartbeat_timeout(900).default_result(ActionResult::Continue))?;
    let hosts = (0..HOSTS).map(|_| world.launch_now(GROUP)).collect::<Result<Vec<_>, _>>()?;
    if tasks == Tasks::Service {
        let web = TaskDefinition::new("web", TASK_CPU, TASK_MEMORY).pending(1).healthy_after(1);
        let web = web.deregistration_delay(DEREGISTRATION_SECONDS).stopping(1);
        world.create_service(NAME, Service::new("web", instances, web))?;
    }
    world.advance_seconds(120);
    world.take_outbox();
    world.limit_request_rates();
    let terminated: Vec<_> = match tasks {
        Tasks::Jobs => hosts.into_iter().take(usize::try_from(instances)?).collect(),
        Tasks::Service => hosts_of_tasks(world.history()).into_values().cloned().collect(),
    };
    if terminated.len() == usize::try_from(instances)? {
        Ok((world, terminated))
    } else {
        Err(format!("{instances} tasks are on {} hosts", terminated.len()).into())
    }
}

fn sns_event(notice: &str) -> Result<Value, Error> {
    let mut event = sample_event("sns-lifecycle-terminating.json")?;
    let sns = event.pointer_mut("/Records/0/Sns").and_then(Value::as_object_mut);
    let sns = sns.ok_or("the sample has no record of SNS")?;
    sns.insert("TopicArn".to_owned(), json!(TOPIC));
    sns.insert("Message".to_owned(), json!(notice));
    sns.insert("Timestamp".to_owned(), json!(Utc::now().to_rfc3339()));
    Ok(event)
}

/// How late the hooks were completed, and how many tasks were killed.
fn evidence(history: &History, terminated: &[Ec2InstanceId]) -> (Option<Duration>, usize) {
    let host_of = hosts_of_tasks(history);
    let mut ended: BTreeMap<_, DateTime<Utc>> = BTreeMap::new();
    let mut late = Vec::new();
    for entry in history.entries() {
        match &entry.what {
            Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                ended.extend(host_of.get(task).map(|host| (*host, entry.at)));
            }
            Occurrence::ActionEnded { instance, end: ActionEnd::Completed(_), .. } => {
                let since = ended.get(instance).and_then(|ended| (entry.at - ended).to_std().ok());
                late.extend(since);
            }
            _ => {}
        }
    }
    let killed = history.killed_tasks().len();
    let all = late.len() + killed == terminated.len() && !late.is_empty();
    let count = u32::try_from(late.len()).unwrap_or(u32::MAX);
    (all.then(|| late.iter().sum::<Duration>() / count), killed)
}

/// The host of each task that was ever placed.
fn hosts_of_tasks(history: &History) -> BTreeMap<&TaskArn, &Ec2InstanceId> {
    let mut hosts = BTreeMap::new();
    let mut tasks = BTreeMap::new();
    for entry in history.entries() {
        match &entry.what {
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                hosts.insert(container_instance, ec2_instance_id);
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                tasks.extend(hosts.get(container_instance).map(|host| (task, *host)));
            }
            _ => {}
        }
    }
    tasks
}
