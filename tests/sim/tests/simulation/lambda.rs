//! Functions are invoked as Lambda invokes them asynchronously: retried, throttled, cut off,
//! killed, given up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{Clock, EmbeddedMetrics, MessageAttributes, NotificationTopic};
use fleetkeeper_sim::driver::{Driver, Environment, Function};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::disorder::{Deliveries, Disorder, Invocations};
use fleetkeeper_sim::world::event_source::EventRule;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::function::LambdaFunction;
use fleetkeeper_sim::world::lambda::invocation::{AwaitPoint, GivenUp, InvocationEnd};
use fleetkeeper_sim::{Service, SharedWorld, SimulatedAws, TaskDefinition, World};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

use crate::scene::{TOPIC, start, world_of_hosts};

/// A function's treatment of each event.
#[derive(Clone, Copy)]
enum Code {
    Answer,
    Fail,
    SleepSeconds(u64),
    Republish,
    CountInvocations,
    PutMetrics,
}

struct InEnvironment {
    code: Code,
    aws: SimulatedAws,
    invocations: Cell<u64>,
}

impl Function for Code {
    fn start(&self, aws: SimulatedAws) -> Rc<dyn Environment> {
        Rc::new(InEnvironment { code: *self, aws, invocations: Cell::new(0) })
    }
}

impl Environment for InEnvironment {
    fn invoke(&self, event: Value, invocation: Invocation) -> LocalBoxFuture<'_, Result<Value, String>> {
        async move {
            self.invocations.set(self.invocations.get() + 1);
            match self.code {
                Code::Answer => Ok(event),
                Code::Fail => Err("no".to_owned()),
                Code::SleepSeconds(seconds) => {
                    self.aws.sleep(Duration::from_secs(seconds)).await;
                    Ok(json!((invocation.ends - self.aws.now()).num_seconds()))
                }
                Code::Republish => {
                    let published = self.aws.publish(TOPIC, "again", &MessageAttributes::default()).await;
                    published.map(|()| json!(null)).map_err(|error| error.to_string())
                }
                Code::PutMetrics => {
                    self.aws.put(&json!({"_aws": {"CloudWatchMetrics": []}}));
                    Ok(json!(null))
                }
                Code::CountInvocations => Ok(json!(self.invocations.get())),
            }
        }
        .boxed_local()
    }
}

fn function() -> LambdaFunction {
    LambdaFunction::new("worker", 100)
}

/// A world with one function on the topic, to which a message is sent at once.
fn sent_to(code: Code, function: LambdaFunction, prepare: impl FnOnce(&mut World)) -> Driver {
    let mut world = World::new(start());
    world.create_function(function);
    world.subscribe(TOPIC, "worker");
    prepare(&mut world);
    world.send_to_topic(TOPIC, "go");
    Driver::new(SharedWorld::in_tokio_time(world)).function("worker", code)
}

async fn run_hours(mut driver: Driver, hours: i64) -> SharedWorld {
    driver.run_until(start() + TimeDelta::hours(hours)).await;
    driver.world().clone()
}

/// When invocations started, in seconds since the start, and whether cold.
fn starts(world: &SharedWorld) -> Vec<(i64, bool)> {
    pick(world, |at, what| match what {
        Occurrence::InvocationStarted { cold, .. } => Some(((at - start()).num_seconds(), *cold)),
        _ => None,
    })
}

fn ends(world: &SharedWorld) -> Vec<InvocationEnd> {
    pick(world, |_, what| match what {
        Occurrence::InvocationEnded { end, .. } => Some(end.clone()),
        _ => None,
    })
}

fn pick<T>(world: &SharedWorld, of: impl Fn(DateTime<Utc>, &Occurrence) -> Option<T>) -> Vec<T> {
    world.with(|world| {
        world.history().entries().iter().filter_map(|entry| of(entry.at, &entry.what)).collect()
    })
}

fn given_up(world: &SharedWorld) -> Vec<GivenUp> {
    world.with(|world| world.dead_letters().iter().map(|letter| letter.why).collect())
}

#[tokio::test(start_paused = true)]
async fn an_event_is_handled_once_and_its_answer_kept() {
    let world = run_hours(sent_to(Code::Answer, function(), |_| ()), 1).await;
    assert_eq!(starts(&world), [(0, true)]);
    let [InvocationEnd::Returned(answer)] = &ends(&world)[..] else { panic!("{:?}", ends(&world)) };
    assert_eq!(answer["Records"][0]["Sns"]["Message"], "go");
    assert!(world.with(World::take_outbox).is_empty(), "what a function got is not sent elsewhere");
}

/// The sample is one that AWS sent.
#[tokio::test(start_paused = true)]
async fn a_message_has_the_members_that_aws_sends() {
    let sample = include_str!("../../../../infra/events/sns-lifecycle-terminating.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let world = run_hours(sent_to(Code::Answer, function(), |_| ()), 1).await;
    let [InvocationEnd::Returned(event)] = &ends(&world)[..] else { panic!("{:?}", ends(&world)) };
    for within in ["", "/Records/0", "/Records/0/Sns"] {
        let members = |event: &Value| {
            let object = event.pointer(within).and_then(Value::as_object).unwrap();
            object.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(members(event), members(&sample), "{within}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_is_tried_after_one_and_two_minutes_and_then_kept_in_the_dead_letters() {
    let world = run_hours(sent_to(Code::Fail, function(), |_| ()), 1).await;
    assert_eq!(starts(&world), [(0, true), (60, false), (180, false)]);
    assert_eq!(given_up(&world), [GivenUp::RetriesExhausted]);
    world.with(|world| {
        assert_eq!(world.dead_letters()[0].payload["Records"][0]["Sns"]["Message"], "go");
    });
}

#[tokio::test(start_paused = true)]
async fn a_function_that_overstays_is_ended_with_its_environment() {
    let world = run_hours(sent_to(Code::SleepSeconds(101), function().retries(1), |_| ()), 1).await;
    assert_eq!(ends(&world), [InvocationEnd::TimedOut, InvocationEnd::TimedOut]);
    assert_eq!(starts(&world), [(0, true), (160, true)]);

    let world = run_hours(sent_to(Code::SleepSeconds(90), function(), |_| ()), 1).await;
    assert_eq!(ends(&world), [InvocationEnd::Returned(json!(10).into())]);
}

#[tokio::test(start_paused = true)]
async fn reserved_concurrency_makes_events_wait() {
    let driver = sent_to(Code::SleepSeconds(30), function().at_most(1), |world| {
        world.send_to_topic(TOPIC, "at the same time");
    });
    let world = run_hours(driver, 1).await;
    let began: Vec<i64> = starts(&world).into_iter().map(|(at, _)| at).collect();
    // Retried after 1, 2, 4, 8 and 16 s.
    assert_eq!(began, [0, 31]);
    let waited = pick(&world, |_, what| matches!(what, Occurrence::InvocationThrottled { .. }).then_some(()));
    assert_eq!(waited.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_too_long_is_given_up() {
    let driver = sent_to(Code::SleepSeconds(1), function().at_most(0), |_| ());
    let world = run_hours(driver, 7).await;
    assert_eq!(given_up(&world), [GivenUp::EventAgeExceeded]);
    assert!(starts(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_messages_is_cut_after_16_invocations_where_that_is_not_allowed() {
    let world = run_hours(sent_to(Code::Republish, function(), |_| ()), 1).await;
    assert_eq!(starts(&world).len(), 16);
    assert_eq!(given_up(&world), [GivenUp::RecursiveLoop]);

    let mut driver = sent_to(Code::Republish, function().allowing_recursion(), |_| ());
    driver.run_until(start() + TimeDelta::seconds(10)).await;
    assert!(starts(driver.world()).len() > 100);
}

#[tokio::test(start_paused = true)]
async fn an_environment_keeps_what_it_has_until_it_is_recycled() {
    let answers = |world: &SharedWorld| {
        pick(world, |_, what| match what {
            Occurrence::InvocationEnded { end: InvocationEnd::Returned(answer), .. } => answer.as_u64(),
            _ => None,
        })
    };
    let scheduled = |world: &mut World| world.put_schedule("worker", 1200);
    let world = run_hours(sent_to(Code::CountInvocations, function(), scheduled), 1).await;
    // The schedule and the message at once, in an environment each; then one of them again and
    // again.
    assert_eq!(answers(&world), [1, 1, 2, 3]);

    let recycled = |world: &mut World| {
        scheduled(world);
        let invocations = Invocations { recycled_per_mille: 1000, ..Invocations::default() };
        let disorder = Disorder { invocations, ..Disorder::default() };
        world.disturb(disorder, 1, start() + TimeDelta::hours(1));
    };
    let world = run_hours(sent_to(Code::CountInvocations, function(), recycled), 1).await;
    assert_eq!(answers(&world), [1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_message_may_come_twice_and_late() {
    let world = run_hours(
        sent_to(Code::Answer, function(), |world| {
            let messages = Deliveries { twice_per_mille: 1000, late_per_mille: 1000, late_seconds_max: 300 };
            let disorder = Disorder { messages, ..Disorder::default() };
            world.disturb(disorder, 3, start() + TimeDelta::minutes(1));
        }),
        1,
    )
    .await;
    let began: Vec<i64> = starts(&world).into_iter().map(|(at, _)| at).collect();
    assert_eq!(began.len(), 2);
    assert!(began.iter().all(|at| (0..=300).contains(at)) && began[0] < began[1], "{began:?}");
}

#[tokio::test(start_paused = true)]
async fn a_function_dies_where_it_waits_and_is_retried() {
    let mut met = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut driver = sent_to(Code::Republish, function(), |world| {
            let invocations =
                Invocations { killed_per_mille: 1000, killed_by_await: 2, ..Invocations::default() };
            let disorder = Disorder { invocations, ..Disorder::default() };
            world.disturb(disorder, seed, start() + TimeDelta::milliseconds(1));
        });
        driver.run_until(start() + TimeDelta::milliseconds(71)).await;
        let InvocationEnd::Killed(at) = ends(driver.world())[0].clone() else { panic!("nothing died") };
        let published = driver.world().with(|world| world.published().len());
        assert_eq!(published == 1, at == AwaitPoint::Answer(Operation::Publish), "{at}");
        driver.run_until(start() + TimeDelta::seconds(61)).await;
        assert!(starts(driver.world()).iter().any(|(at, _)| *at == 60), "{at}");
        met.insert(at);
    }
    let both = [AwaitPoint::Request(Operation::Publish), AwaitPoint::Answer(Operation::Publish)];
    assert_eq!(met.into_iter().collect::<Vec<_>>(), both);
}

#[tokio::test(start_paused = true)]
async fn metrics_in_the_log_are_its_invocations() {
    let world = run_hours(sent_to(Code::PutMetrics, function(), |_| ()), 1).await;
    world.with(|world| {
        let mut entries = world.history().entries().iter();
        let put = entries.find(|entry| matches!(entry.what, Occurrence::EmbeddedMetricsPut { .. }));
        assert!(put.unwrap().by.is_some(), "{}", world.history());
        world.send_to_topic(TOPIC, "by the world");
        assert!(world.history().entries().last().unwrap().by.is_none());
    });
}

#[tokio::test(start_paused = true)]
async fn the_history_separates_a_functions_calls_from_the_worlds() {
    let driver = sent_to(Code::Republish, function().retries(0), |_| ());
    driver.world().faults(|faults| faults.plant(Operation::Publish, When::Nth(2), Fault::Refused));
    let world = run_hours(driver, 1).await;
    let by = |of: fn(&Occurrence) -> bool| {
        world.with(|world| {
            let entries = world.history().entries().iter().filter(|entry| of(&entry.what));
            entries.map(|entry| entry.by.is_some()).collect::<Vec<_>>()
        })
    };
    assert_eq!(by(|what| matches!(what, Occurrence::MessagePublished { .. })), [true]);
    assert_eq!(by(|what| matches!(what, Occurrence::ApiCalled { .. })), [true, true]);
    assert_eq!(by(|what| matches!(what, Occurrence::InvocationStarted { .. })), [false, false]);
}

#[tokio::test(start_paused = true)]
async fn events_reach_the_function_whose_rule_matches_their_cluster() {
    let (mut world, hosts) = world_of_hosts(1);
    world.take_outbox();
    world.create_function(function());
    let arn = fleetkeeper_sim::world::ecs::cluster_arn("demo");
    world.put_rule(EventRule::container_instance_state_changes(arn), "worker");
    let other = EventRule::container_instance_state_changes("another".to_owned());
    world.put_rule(other, "nobody");
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    let driver = Driver::new(SharedWorld::in_tokio_time(world)).function("worker", Code::Answer);
    let world = run_hours(driver, 1).await;
    let [InvocationEnd::Returned(event)] = &ends(&world)[..] else { panic!("{:?}", ends(&world)) };
    assert_eq!(event["detail"]["agentConnected"], false);
}

#[tokio::test(start_paused = true)]
async fn a_placement_failure_reaches_the_function_whose_rule_matches_its_cluster_and_its_name() {
    let (mut world, _) = world_of_hosts(1);
    world.create_function(function());
    let arn = fleetkeeper_sim::world::ecs::cluster_arn;
    world.put_rule(EventRule::service_task_placement_failures(arn("demo")), "worker");
    world.put_rule(EventRule::service_task_placement_failures(arn("another")), "nobody");
    // One that is steady soon, and one that has no room for three minutes.
    world.create_service("demo", Service::new("small", 1, TaskDefinition::new("small", 10, 10))).unwrap();
    world.create_service("demo", Service::new("web", 2, TaskDefinition::new("web", 2000, 10))).unwrap();
    let mut driver = Driver::new(SharedWorld::in_tokio_time(world)).function("worker", Code::Answer);
    driver.run_until(start() + TimeDelta::seconds(150)).await;
    driver.world().with(|world| world.launch_now("hosts")).unwrap();
    let world = run_hours(driver, 1).await;
    let told: Vec<_> = ends(&world)
        .into_iter()
        .map(|end| {
            let InvocationEnd::Returned(event) = end else { panic!("{end:?}") };
            (event["detail"]["eventName"].clone(), event["resources"][0].clone())
        })
        .collect();
    let web = "arn:aws:ecs:us-east-1:111122223333:service/demo/web";
    assert_eq!(told, vec![(json!("SERVICE_TASK_PLACEMENT_FAILURE"), json!(web)); 3]);
    assert_eq!(starts(&world).into_iter().map(|(at, _)| at).collect::<Vec<_>>(), [1, 61, 121]);
    let steady = ["small", "web"].map(|service| world.with(|world| world.is_steady("demo", service)));
    assert_eq!(steady, [true, true], "and the events of that are not the function's");
}

#[tokio::test(start_paused = true)]
async fn a_termination_and_a_spot_warning_reach_the_function_whose_rules_match_them() {
    let (mut world, hosts) = world_of_hosts(3);
    world.create_function(function());
    world.put_rule(EventRule::terminate_lifecycle_actions(), "worker");
    world.put_rule(EventRule::spot_notices(), "worker");
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    world.interrupt_spot_instance("hosts", &hosts[1]).unwrap();
    world.recommend_rebalance("hosts", &hosts[2]).unwrap();
    let driver = Driver::new(SharedWorld::in_tokio_time(world)).function("worker", Code::Answer);
    let world = run_hours(driver, 1).await;
    let mut told: Vec<_> = ends(&world)
        .into_iter()
        .map(|end| {
            let InvocationEnd::Returned(event) = end else { panic!("{end:?}") };
            let detail = &event["detail"];
            let id = detail.get("EC2InstanceId").or(detail.get("instance-id")).unwrap().as_str().unwrap();
            (event["detail-type"].as_str().unwrap().to_owned(), id.to_owned())
        })
        .collect();
    told.sort_unstable();
    let of = |detail_type: &str, host: usize| (detail_type.to_owned(), hosts[host].to_string());
    let expected = [
        of("EC2 Instance Rebalance Recommendation", 2),
        of("EC2 Instance-terminate Lifecycle Action", 0),
        of("EC2 Spot Instance Interruption Warning", 1),
    ];
    assert_eq!(told, expected);
}
