//! The whole: the template deployed into the emulator, the packages that would be deployed running
//! in it, and a simulated ECS and Auto Scaling behind them.

use chrono::Utc;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::world::outbox::Emission;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World,
};
use fleetkeeper_tests::process::wait_for;
use fleetkeeper_tests::repository::sample_event;
use fleetkeeper_tests::stack::{Settings, Stack};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

/// Two hosts of 1,024 CPU units and 993 MiB with one task each. A task takes 13 s to leave a host.
fn world() -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new(Utc::now() - chrono::TimeDelta::seconds(60));
    world.add_cluster("demo");
    let of_type = InstanceType::new("t2.micro", 1024, 993);
    world.add_group(AutoScalingGroup::new("demo-asg", of_type).in_cluster("demo").launching_in(1));
    let hook =
        LifecycleHook::new("drain", TOPIC).heartbeat_timeout(30).default_result(ActionResult::Continue);
    world.put_lifecycle_hook("demo-asg", hook).unwrap();
    let hosts = (0..2).map(|_| world.launch_now("demo-asg").unwrap()).collect();
    let web = TaskDefinition::new("web", 250, 400).pending(1).healthy_after(1);
    let web = web.deregistration_delay(11).stopping(2);
    world.create_service("demo", Service::new("web", 2, web)).unwrap();
    world.advance_seconds(59);
    assert!(world.is_steady("demo", "web"), "{}", world.history());
    world.take_outbox();
    (world, hosts)
}

fn deploy(name: &'static str, world: World) -> Stack {
    deploy_with(name, world, 12, &[])
}

fn deploy_with(name: &'static str, world: World, timeout: u32, more: &[(&'static str, &str)]) -> Stack {
    let parameter = |name, value: &str| (name, value.to_owned());
    let common = [
        ("ClusterName", "demo"),
        ("AutoScalingGroupName", "demo-asg"),
        ("ScaleOutSeconds", "60"),
        ("ScaleInMinutes", "1"),
    ];
    let settings = Settings {
        name,
        parameters: common.iter().chain(more).map(|(name, value)| parameter(*name, value)).collect(),
        variables: vec![
            parameter("CONTAINER_MAX_CPU", "250"),
            parameter("CONTAINER_MAX_MEMORY", "400"),
            parameter("POLL_INTERVAL_SECONDS", "1"),
            parameter("DEADLINE_MARGIN_SECONDS", "3"),
        ],
        drainer_timeout_seconds: Some(timeout),
    };
    Stack::deploy(world, &settings).unwrap()
}

#[test]
fn a_notice_on_the_topic_drains_the_instance_across_republishes() {
    let (world, hosts) = world();
    let stack = deploy("drain", world);
    stack.world(|world| world.terminate_instance("demo-asg", &hosts[0], true)).unwrap();

    let ended = |world: &mut World| {
        world.history().entries().iter().find_map(|entry| match entry.what {
            Occurrence::ActionEnded { end, .. } => Some((entry.at, end)),
            _ => None,
        })
    };
    let (at, end) = wait_for("the hook's end", 90, || stack.world(ended)).unwrap_or_else(|error| {
        let lines = stack.emulator.log_lines(stack.output("LifecycleDrainerLogGroup").unwrap()).unwrap();
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        panic!("{error}\n{}\n{}", stack.world(|world| world.history().to_string()), lines.join("\n"))
    });
    assert_eq!(end, ActionEnd::Completed(ActionResult::Continue));
    let history = stack.world(|world| world.history().clone());
    assert!(history.killed_tasks().is_empty(), "{history}");
    let last_stop = history.entries().iter().rfind(|entry| entry.at <= at && is_stop(&entry.what)).unwrap();
    assert!(last_stop.at < at);

    let lines = || {
        let log_group = stack.output("LifecycleDrainerLogGroup").unwrap();
        let lines = stack.emulator.log_lines(log_group).unwrap();
        lines.iter().any(|line| line["event"] == "drain_completed").then_some(lines)
    };
    let lines = wait_for("the log of the last invocation", 30, lines).unwrap();
    let republished = lines.iter().find(|line| line["event"] == "drain_republished").unwrap();
    assert_eq!(republished["message"], "invocation timeout near: republished");
    let completed = lines.iter().find(|line| line["event"] == "drain_completed").unwrap();
    assert_eq!(completed["reason"], "drained: every task on the instance has stopped");
    assert_eq!(completed["ec2InstanceId"], hosts[0].as_str());
    assert_eq!((&completed["cluster"], &completed["level"]), (&json!("demo"), &json!("INFO")));
    assert!(completed["requestId"].as_str().is_some_and(|id| !id.is_empty()));
    stack.requests.check(&["ecs:ListTasks", "autoscaling:CompleteLifecycleAction", "sns:Publish"]).unwrap();
    assert!(
        stack.emulator.queue_messages(&queue(&stack, "LifecycleDrainerDeadLettersUrl")).unwrap().is_empty()
    );
}

fn is_stop(what: &Occurrence) -> bool {
    use fleetkeeper_sim::world::ecs::task::LastStatus;
    matches!(what, Occurrence::TaskStatus { status: LastStatus::Stopped, .. })
}

#[test]
fn an_event_of_ecs_becomes_metrics_and_a_full_cluster_an_alarm() {
    let (mut world, _) = world();
    // A third and a fourth task fill both hosts' memory; a quarter of each CPU more, their CPU.
    let filler = TaskDefinition::new("filler", 500, 190);
    world.create_service("demo", Service::new("filler", 2, filler)).unwrap();
    world.advance_seconds(1);
    world.take_outbox();
    let stack = deploy("capacity", world);

    // Any change wakes the calculator: here two more tasks, which leave room for none.
    stack.world(|world| world.set_desired_count("demo", "web", 4)).unwrap();
    let namespace = "capacity";
    let read = |name: &str, dimensions: &[(&str, &str)]| {
        stack.emulator.metric(namespace, name, dimensions).unwrap().last().copied()
    };
    let in_group = [("ClusterName", "demo"), ("AutoScalingGroupName", "demo-asg")];
    let in_demo = &in_group[..1];
    wait_for("a full cluster's metrics", 60, || {
        (read("PlaceableContainers", in_demo) == Some(0.0) && read("ContainerCapacity", in_demo) == Some(0.0))
            .then_some(())
    })
    .unwrap();
    stack.requests.check(&["ecs:DescribeServices", "cloudwatch:PutMetricData"]).unwrap();
    assert_eq!(read("IdleHostCapacity", in_demo), Some(0.0));
    assert_eq!(read("MissingHosts", &in_group), Some(1.0));
    for (name, hosts) in
        [("ActiveHosts", 2.0), ("DrainingHosts", 0.0), ("DisconnectedHosts", 0.0), ("UnjoinedHosts", 0.0)]
    {
        assert_eq!(read(name, &in_group), Some(hosts), "{name}");
    }
    let alarm = stack.output("ScaleOutAlarmName").unwrap();
    wait_for("the alarm", 60, || (stack.emulator.alarm_state(alarm).unwrap() == "ALARM").then_some(()))
        .unwrap();

    // The deployed rule lets ECS's events through.
    stack.world(World::take_outbox);
    stack.world(|world| world.set_desired_count("demo", "web", 2)).unwrap();
    let rule = stack.output("CapacityCalculatorChange").unwrap();
    let mut other_cluster = sample_event("ecs-container-instance-state-change.json").unwrap();
    assert!(stack.emulator.pattern_matches(rule, &other_cluster).unwrap());
    other_cluster["detail"]["clusterArn"] = json!("arn:aws:ecs:us-east-1:111122223333:cluster/other");
    assert!(!stack.emulator.pattern_matches(rule, &other_cluster).unwrap());
    let event = event_of(&world_with_a_change()).unwrap();
    assert!(stack.emulator.pattern_matches(rule, &event).unwrap(), "{event}");

    // A task that cannot be placed wakes it, too, and no other event of a service does.
    let rule = stack.output("CapacityCalculatorPlacementFailure").unwrap();
    let mut of_service = sample_event("ecs-service-task-placement-failure.json").unwrap();
    assert!(stack.emulator.pattern_matches(rule, &of_service).unwrap());
    of_service["detail"]["eventName"] = json!("SERVICE_STEADY_STATE");
    assert!(!stack.emulator.pattern_matches(rule, &of_service).unwrap());

    // EC2's interruption warnings invoke the drainer. A recommendation to rebalance does not.
    let rule = stack.output("LifecycleDrainerSpotInterruption").unwrap();
    for (event, matches) in
        [("eventbridge-spot-interruption.json", true), ("eventbridge-rebalance-recommendation.json", false)]
    {
        let event = sample_event(event).unwrap();
        assert_eq!(stack.emulator.pattern_matches(rule, &event).unwrap(), matches, "{event}");
    }
}

fn world_with_a_change() -> Vec<Emission> {
    let (mut world, _) = world();
    world.set_desired_count("demo", "web", 4).unwrap();
    world.advance_seconds(10);
    world.take_outbox()
}

fn event_of(emissions: &[Emission]) -> Option<Value> {
    emissions.iter().find_map(Emission::event)
}

#[test]
fn what_cannot_be_handled_ends_among_the_dead_letters_with_its_content() {
    let (world, _) = world();
    let stack = deploy("dead-letters", world);
    let (drainer, calculator) =
        (stack.output("LifecycleDrainerName").unwrap(), stack.output("CapacityCalculatorName").unwrap());

    let unreadable = json!({"Records": [{"unexpected": "content-to-keep"}]});
    let answer = stack.emulator.invoke(drainer, &unreadable).unwrap();
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert!(answer.function_error);
    assert_eq!(error["errorType"], "UnreadableEvent");
    assert!(error["errorMessage"].as_str().unwrap().contains("missing field `EventSource`"), "{error}");

    stack.emulator.invoke_later(drainer, &unreadable).unwrap();
    let url = queue(&stack, "LifecycleDrainerDeadLettersUrl");
    let letters = wait_for("the dead letter", 60, || {
        Some(stack.emulator.queue_messages(&url).unwrap()).filter(|letters| !letters.is_empty())
    })
    .unwrap();
    assert!(letters[0]["requestPayload"].to_string().contains("content-to-keep"), "{}", letters[0]);

    // The answers read well in a shell.
    let ignored =
        stack.emulator.invoke(drainer, &sample_event("sns-test-notification.json").unwrap()).unwrap();
    let ignored: Value = serde_json::from_str(&ignored.body).unwrap();
    assert_eq!(ignored, json!({"records": [{"ignored": "a test notification of Auto Scaling"}]}));
    let figures = stack.emulator.invoke(calculator, &sample_event("scheduled-event.json").unwrap()).unwrap();
    let figures: Value = serde_json::from_str(&figures.body).unwrap();
    // On each host one task of at most two by memory: 1 + 1 more.
    assert_eq!((&figures["cluster"], &figures["containerCapacity"]), (&json!("demo"), &json!(2)));
    assert_eq!(figures["containerCapacityBoundBy"], "MEMORY");
}

/// The first deployment of docs/deploying.md, and its dry run.
#[test]
fn an_observer_publishes_and_changes_nothing() {
    let (world, hosts) = world();
    // The drainer gives the group ten seconds to show that the instance waits.
    let stack = deploy_with("observer", world, 60, &[("Scaling", "Off"), ("Draining", "DryRun")]);
    for there in ["ScaleOutAlarm", "ScaleInAlarm", "LifecycleTopic"] {
        stack.output(there).unwrap();
    }
    for missing in ["TerminatingHook", "ScaleOutPolicy", "ScaleInPolicy"] {
        assert!(stack.output(missing).is_err(), "{missing} exists");
    }

    let notice = sample_event("eventbridge-lifecycle-terminating.json").unwrap().to_string();
    let notice = notice
        .replace("i-0a1b2c3d4e5f60718", hosts[0].as_str())
        .replace("2026-11-02T09:15:27Z", &Utc::now().format("%FT%TZ").to_string());
    let drainer = stack.output("LifecycleDrainerName").unwrap();
    let answer = stack.emulator.invoke(drainer, &serde_json::from_str(&notice).unwrap()).unwrap();
    assert!(!answer.function_error, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["records"][0]["outcome"], "dry-run", "{answer}");
    let first_change = answer["records"][0]["would"].as_str().unwrap();
    assert!(first_change.starts_with("set DRAINING: "), "{first_change}");

    let calculator = stack.output("CapacityCalculatorName").unwrap();
    let figures = stack.emulator.invoke(calculator, &sample_event("scheduled-event.json").unwrap()).unwrap();
    assert!(figures.body.contains("\"missing\""), "{}", figures.body);
    let draining = |world: &mut World| {
        world
            .history()
            .entries()
            .iter()
            .any(|it| matches!(it.what, Occurrence::ContainerInstanceStatus { .. }))
    };
    assert!(!stack.world(draining), "{}", stack.world(|world| world.history().to_string()));
}

fn queue(stack: &Stack, output: &str) -> String {
    stack.output(output).unwrap().replace("localhost", "127.0.0.1")
}
