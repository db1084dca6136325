//! Each role allows the operations that its function called in simulated histories, and no others.
//! The adapters call by the SDK the operations that the simulated world answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capacity_calculator::CapacityCalculator;
use fleetkeeper_campaign::stage::{CALCULATOR, DRAINER, play};
use fleetkeeper_campaign::strategy::scenario_of;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{
    AutoScalingGroup, CapacityProvider, InstanceType, LifecycleHook, Service, SharedWorld, SimulatedAws,
    TaskDefinition, World,
};
use fleetkeeper_tests::repository::{in_repository, sample_event};
use lifecycle_drainer::{Config, Drainer};
use serde_json::json;

use crate::layers::sources;
use crate::template::{GROUP, Stack, texts};

/// The first five see every call; twenty also see it when what is drawn has changed.
const HISTORIES: u64 = 20;

/// Operations that Lambda calls with a function's role.
const BY_LAMBDA: [&str; 3] = ["sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents"];

/// Operations that know neither a resource nor a condition (Service Authorization Reference).
const UNBOUND: [&str; 5] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeScalingActivities",
    "ecs:DescribeTaskDefinition",
];

/// The operations that each function called, successful or not.
type Called = BTreeMap<String, BTreeSet<Operation>>;

/// The operations that the functions called in the histories of the first seeds.
fn called_in_histories() -> Called {
    let mut called = Called::new();
    for seed in 0..HISTORIES {
        let played = play(&scenario_of(seed)).unwrap();
        let mut invocations = BTreeMap::new();
        for entry in played.world.history().entries() {
            match &entry.what {
                Occurrence::InvocationStarted { invocation, function, .. } => {
                    invocations.insert(*invocation, function.to_string());
                }
                Occurrence::ApiCalled { operation, .. } => {
                    let function = invocations[&entry.by.unwrap()].clone();
                    called.entry(function).or_default().insert(*operation);
                }
                _ => {}
            }
        }
    }
    called
}

/// What the drainer calls where no notice wakes it, which no history has: a warning of EC2, and
/// sweeps of an instance whose notice was lost.
async fn called_without_a_notice() -> BTreeSet<Operation> {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster("demo");
    let hosts = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo");
    world.add_group(hosts);
    let topic = "arn:aws:sns:us-east-1:111122223333:lifecycle";
    world.put_lifecycle_hook("hosts", LifecycleHook::new("drain", topic)).unwrap();
    let [warned, lost, _] = [(); 3].map(|()| world.launch_now("hosts").unwrap());
    world.create_service("demo", Service::new("web", 3, TaskDefinition::new("web", 256, 512))).unwrap();
    world.advance_seconds(60);
    world.terminate_instance("hosts", &lost, true).unwrap();

    let mut warning = sample_event("eventbridge-spot-interruption.json").unwrap();
    warning["detail"]["instance-id"] = json!(warned.as_str());
    let sweep = json!({"sweep": {"cluster": "demo", "group": "hosts", "hook": "drain"}});

    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let config = Config::read(&Settings::new(&|name| (name == "ECS_CLUSTER").then(|| "demo".to_owned())));
    let drainer = Drainer::new(aws.clone(), config.unwrap());
    for event in [&warning, &sweep, &sweep, &sweep, &sweep, &sweep] {
        let now = aws.world().now();
        let deadline = u64::try_from(now.timestamp_millis()).unwrap() + 900_000;
        drainer.handle(event.clone(), Invocation::new(deadline, now)).await.unwrap();
        aws.world().sleep(Duration::from_secs(60)).await;
    }
    aws.world().with(|world| {
        assert!(world.open_actions("drain").is_empty(), "{}", world.history());
        world.history().api_calls().into_keys().collect()
    })
}

/// The operations that the calculator calls if hosts belong to a capacity provider. No history has
/// one.
async fn called_with_a_capacity_provider() -> BTreeSet<Operation> {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster("demo");
    let hosts = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo");
    world.add_group(hosts);
    world.create_capacity_provider(CapacityProvider::new("provider", "hosts")).unwrap();
    world.launch_now("hosts").unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let variable = |name: &str| match name {
        "ECS_CLUSTER" => Some("demo".to_owned()),
        "AUTO_SCALING_GROUPS" => Some("hosts".to_owned()),
        _ => None,
    };
    let config = capacity_calculator::Config::read(&Settings::new(&variable)).unwrap();
    let calculator = CapacityCalculator::new(aws.clone(), aws.clone(), aws.clone(), aws.clone(), config);
    let now = aws.world().now();
    let deadline = u64::try_from(now.timestamp_millis()).unwrap() + 60_000;
    calculator.handle(json!({}), Invocation::new(deadline, now)).await.unwrap();
    aws.world().with(|world| world.history().api_calls().into_keys().collect())
}

/// Operations that change a group: with direct scaling only.
const DIRECT: [&str; 2] =
    ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"];

/// The operations of the calculator with direct scaling: tasks wait, and then hosts stand idle.
async fn called_by_direct_scaling() -> BTreeSet<Operation> {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster("demo");
    let hosts = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo");
    world.add_group(hosts.sizes(0, 10).launching_in(30));
    world.launch_now("hosts").unwrap();
    world.create_service("demo", Service::new("web", 12, TaskDefinition::new("web", 512, 512))).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let variable = |name: &str| match name {
        "ECS_CLUSTER" => Some("demo".to_owned()),
        "AUTO_SCALING_GROUPS" => Some("hosts".to_owned()),
        "SCALING" => Some("direct".to_owned()),
        _ => None,
    };
    let config = capacity_calculator::Config::read(&Settings::new(&variable)).unwrap();
    let calculator = CapacityCalculator::new(aws.clone(), aws.clone(), aws.clone(), aws.clone(), config);
    for minute in 0..30 {
        if minute == 10 {
            aws.world().with(|world| world.set_desired_count("demo", "web", 1)).unwrap();
        }
        let now = aws.world().now();
        let deadline = u64::try_from(now.timestamp_millis()).unwrap() + 60_000;
        calculator.handle(json!({}), Invocation::new(deadline, now)).await.unwrap();
        aws.world().sleep(Duration::from_secs(60)).await;
    }
    aws.world().with(|world| world.history().api_calls().into_keys().collect())
}

/// The actions of each statement, and their resource.
fn statements(policies: &[&serde_json::Value]) -> Vec<(Vec<String>, String)> {
    let statements = policies.iter().flat_map(|it| it["Statement"].as_array().unwrap());
    let of = |it: &serde_json::Value| {
        (texts(&it["Action"]).into_iter().map(str::to_owned).collect(), it["Resource"].to_string())
    };
    statements.map(of).collect()
}

#[test]
fn groups_are_changed_with_direct_scaling_only_and_only_the_stacks_own() {
    for scaling in ["Off", "Alarms", "Direct"] {
        let stacks = [Stack::with(&[("Scaling", scaling)]), Stack::of(GROUP, &[("Scaling", scaling)])];
        let of_role = stacks[0].properties("CapacityCalculatorRole")["Policies"].as_array().unwrap();
        let of_role: Vec<_> = of_role.iter().map(|it| &it["PolicyDocument"]).collect();
        let of_group: Vec<_> =
            stacks[1].all("AWS::IAM::Policy").map(|(_, it)| &it["PolicyDocument"]).collect();
        for policies in [of_role, of_group] {
            let changes = statements(&policies);
            let changes: Vec<_> = changes
                .iter()
                .filter(|(actions, _)| actions.iter().any(|it| DIRECT.contains(&it.as_str())))
                .collect();
            assert_eq!(changes.len(), usize::from(scaling == "Direct"), "{scaling}");
            for (actions, on) in changes {
                assert_eq!(actions[..], DIRECT);
                assert!(
                    on.ends_with(":autoScalingGroup:*:autoScalingGroupName/AutoScalingGroupName\""),
                    "{on}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_role_allows_what_its_function_calls_and_no_more() {
    let without_a_notice = called_without_a_notice().await;
    let mut called = tokio::task::spawn_blocking(called_in_histories).await.unwrap();
    called.entry(DRAINER.to_owned()).or_default().extend(without_a_notice);
    let with_a_provider = called_with_a_capacity_provider().await;
    let directly = called_by_direct_scaling().await;
    assert!(DIRECT.iter().all(|name| directly.iter().any(|call| call.name() == *name)), "{directly:?}");
    called.entry(CALCULATOR.to_owned()).or_default().extend(with_a_provider.into_iter().chain(directly));
    for stack in Stack::both_ways() {
        for (role, function) in [("LifecycleDrainerRole", DRAINER), ("CapacityCalculatorRole", CALCULATOR)] {
            let policies = stack.properties(role)["Policies"].as_array().unwrap();
            let statements: Vec<_> = policies
                .iter()
                .flat_map(|it| it["PolicyDocument"]["Statement"].as_array().unwrap())
                .collect();
            let allowed: BTreeSet<_> = statements
                .iter()
                .flat_map(|it| texts(&it["Action"]))
                .filter(|action| !BY_LAMBDA.contains(action))
                .collect();
            let directly = stack.parameter("Scaling") == "Direct";
            let names = called[function].iter().map(|call| call.name());
            let called: BTreeSet<_> = names.filter(|name| directly || !DIRECT.contains(name)).collect();
            let (needless, refused) = (&allowed - &called, &called - &allowed);
            assert!(
                needless.is_empty() && refused.is_empty(),
                "{role} needs no {needless:?}, it needs {refused:?}"
            );
            for statement in statements {
                let bound = statement["Resource"] != "*" || statement["Condition"].is_object();
                let actions = texts(&statement["Action"]);
                assert!(bound || actions.iter().all(|it| UNBOUND.contains(it)), "{role}: {statement}");
            }
        }
    }
    // An operation that nobody calls would be simulated, and given faults, in vain.
    let all: BTreeSet<_> = called.into_values().flatten().collect();
    assert_eq!(all, Operation::ALL.into());
}

/// `describe_tasks` as IAM writes it: `DescribeTasks`.
fn in_iam(method: &str) -> String {
    let words = method.split('_').filter_map(|word| word.split_at_checked(1));
    words.map(|(first, rest)| first.to_ascii_uppercase() + rest).collect()
}

/// A request of the SDK is made by a method of `client` and sent by `send`: as many of the one as
/// of the other, so that none is made in another way unseen.
#[test]
fn the_adapters_call_what_the_simulated_world_answers() {
    let mut called = BTreeSet::new();
    for (service, of) in [
        ("ecs", "crates/aws/src/ecs"),
        ("autoscaling", "crates/aws/src/auto_scaling"),
        ("sns", "crates/aws/src/sns.rs"),
        ("cloudwatch", "crates/aws/src/cloudwatch.rs"),
    ] {
        for (path, text) in sources(of) {
            let text: String = text.split_whitespace().collect();
            let methods: Vec<_> =
                text.split("client.").skip(1).filter_map(|it| it.split("()").next()).collect();
            assert_eq!(methods.len(), text.matches(".send()").count(), "{}: {methods:?}", path.display());
            for method in methods {
                let name = format!("{service}:{}", in_iam(method));
                assert!(
                    text.contains(&format!("\"{name}\"")),
                    "{}: an error of {name} has its name",
                    path.display()
                );
                called.insert(name);
            }
        }
    }
    assert_eq!(called, Operation::ALL.iter().map(|call| call.name().to_owned()).collect());
    let sdk = sources("crates/aws/src").into_iter().filter(|(_, text)| text.contains("::Client"));
    let elsewhere: Vec<_> = sdk
        .map(|(path, _)| path.strip_prefix(in_repository("crates/aws/src")).unwrap().display().to_string())
        .filter(|path| {
            !["ecs/", "auto_scaling/", "sns.rs", "cloudwatch.rs"].iter().any(|of| path.starts_with(of))
        })
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
