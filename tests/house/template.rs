//! The template and the code: the variables that it sets, the calls that it allows, what it sends.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Mutex;

use fleetkeeper_campaign::functions::CALLED;
use fleetkeeper_core::capacity::Given;
use fleetkeeper_core::drain::{
    DRAIN_TIMEOUT_SECONDS_MAX, DrainMetric, Message, OnDrainTimeout, read_message,
};
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_tests::repository::{in_repository, tool};
use serde_json::Value;

/// What the capacity-calculator calls; all else is the drainer's.
const CALCULATOR_CALLS: [Operation; 8] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::ListServices,
    Operation::DescribeServices,
    Operation::DescribeTaskDefinition,
    Operation::ListTasks,
    Operation::DescribeTasks,
    Operation::PutMetricData,
];

/// What the drainer does not call.
const CALCULATOR_ONLY: [Operation; 2] = [Operation::ListServices, Operation::PutMetricData];

/// What Lambda does in a function's name.
const LAMBDA_CALLS: [&str; 3] = ["sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents"];

/// Operations that know neither a resource nor a condition (Service Authorization Reference).
const UNBOUND: [&str; 4] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeScalingActivities",
    "ecs:DescribeTaskDefinition",
];

/// The template as CloudFormation gets it.
pub(crate) fn template() -> Value {
    translated("infra/template.yaml")
}

/// Any of the templates as CloudFormation gets it, translated once.
pub(crate) fn translated(path: &'static str) -> Value {
    static TRANSLATED: Mutex<BTreeMap<&str, Value>> = Mutex::new(BTreeMap::new());
    TRANSLATED.lock().unwrap().entry(path).or_insert_with(|| translate(path)).clone()
}

fn translate(path: &str) -> Value {
    let translate = Command::new(tool("python").unwrap())
        .args([in_repository("infra/translate.py"), in_repository(path)])
        .output()
        .unwrap();
    assert!(translate.status.success(), "{}", String::from_utf8_lossy(&translate.stderr));
    serde_json::from_slice(&translate.stdout).unwrap()
}

pub(crate) fn properties<'a>(template: &'a Value, resource: &str) -> &'a Value {
    let properties = &template["Resources"][resource]["Properties"];
    assert!(properties.is_object(), "{resource} is in the template");
    properties
}

/// A property's value where the stack was given its required parameters and no other.
fn by_default(template: &Value, value: &Value) -> Option<String> {
    match value["Ref"].as_str() {
        Some("ClusterName") => Some("demo".to_owned()),
        Some("LifecycleTopic") => Some("arn:aws:sns:us-east-1:111122223333:lifecycle".to_owned()),
        Some(parameter) => {
            let default = &template["Parameters"][parameter]["Default"];
            Some(default.as_str().map_or_else(|| default.to_string(), str::to_owned))
        }
        // What is empty by default is not set.
        None if value.get("Fn::If").is_some() => None,
        None => panic!("{value}"),
    }
}

/// Reads a function's settings as the template sets them, and says which variables were asked for.
fn asked_for(template: &Value, function: &str, read: impl Fn(&Settings<'_>)) -> BTreeSet<String> {
    let variables = &properties(template, function)["Environment"]["Variables"];
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        variables.get(name).and_then(|value| by_default(template, value))
    };
    read(&Settings::new(&lookup));
    let asked = asked.take();
    for set in variables.as_object().unwrap().keys() {
        assert!(asked.contains(set), "{function} does not read {set}");
    }
    asked
}

fn statements<'a>(template: &'a Value, role: &str) -> Vec<&'a Value> {
    let policies = properties(template, role)["Policies"].as_array().unwrap();
    policies.iter().flat_map(|it| it["PolicyDocument"]["Statement"].as_array().unwrap()).collect()
}

fn texts(one_or_many: &Value) -> Vec<&str> {
    match one_or_many {
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[test]
fn the_functions_read_every_variable_that_the_template_sets_and_the_readme_tells_of_all() {
    let template = template();
    let mut asked = asked_for(&template, "LifecycleDrainer", |settings| {
        let config = lifecycle_drainer::Config::read(settings).unwrap();
        assert_eq!(config.on_drain_timeout, OnDrainTimeout::StopTasks);
        assert!(config.lifecycle_topic_arn.is_some() && !config.dry_run);
    });
    asked.extend(asked_for(&template, "CapacityCalculator", |settings| {
        let config = capacity_calculator::Config::read(settings).unwrap();
        assert_eq!(config.given, Given::default(), "all is discovered by default");
    }));
    let readme = fs::read_to_string(in_repository("README.md")).unwrap();
    for variable in asked {
        assert!(readme.contains(&format!("`{variable}")), "README.md does not tell of {variable}");
    }
}

#[test]
fn each_role_allows_what_its_function_calls_and_no_more() {
    let template = template();
    let calculator = CALCULATOR_CALLS.map(Operation::name);
    let drainer: Vec<_> =
        CALLED.into_iter().filter(|call| !CALCULATOR_ONLY.contains(call)).map(Operation::name).collect();
    for (role, calls) in [("LifecycleDrainerRole", &drainer[..]), ("CapacityCalculatorRole", &calculator)] {
        let allowed: BTreeSet<_> =
            statements(&template, role).iter().flat_map(|it| texts(&it["Action"])).collect();
        let wanted: BTreeSet<_> = calls.iter().copied().chain(LAMBDA_CALLS).collect();
        assert_eq!(allowed, wanted, "{role}");
        for statement in statements(&template, role) {
            let bound = statement["Resource"] != "*" || statement["Condition"].is_object();
            let actions = texts(&statement["Action"]);
            assert!(bound || actions.iter().all(|it| UNBOUND.contains(it)), "{role}: {statement}");
        }
    }
}

#[test]
fn the_parameters_take_what_the_drainer_takes() {
    let parameters = &template()["Parameters"];
    let policies = texts(&parameters["OnDrainTimeout"]["AllowedValues"]);
    assert_eq!(policies.join(", "), OnDrainTimeout::ACCEPTED.replace(" or ", ", "));
    for policy in policies {
        policy.parse::<OnDrainTimeout>().unwrap();
    }
    assert_eq!(parameters["DrainTimeoutSeconds"]["MaxValue"], DRAIN_TIMEOUT_SECONDS_MAX);
}

#[test]
fn the_sweep_is_one_that_the_drainer_reads() {
    let template = template();
    let input = &properties(&template, "LifecycleDrainerSweep")["Targets"][0]["Input"]["Fn::Sub"];
    let mut input = input.as_str().unwrap().to_owned();
    for (name, value) in
        [("ClusterName", "demo"), ("AutoScalingGroupName", "demo-asg"), ("TerminatingHook", "drain")]
    {
        input = input.replace(&format!("${{{name}}}"), value);
    }
    let Message::Sweep(sweep) = read_message(&input).unwrap() else { panic!("{input}") };
    assert_eq!(sweep.cluster.unwrap().name(), "demo");
    assert_eq!((sweep.group.as_str(), sweep.hook.as_str()), ("demo-asg", "drain"));
}

#[test]
fn the_alarms_watch_metrics_of_drains_that_there_are() {
    let template = template();
    for (alarm, metric) in [
        ("DrainErrors", DrainMetric::DrainErrors),
        ("DrainDeadlineExceeded", DrainMetric::DrainDeadlineExceeded),
    ] {
        let properties = properties(&template, alarm);
        assert_eq!(properties["MetricName"], metric.name());
        assert_eq!(properties["Dimensions"][0]["Name"], "ClusterName");
        assert_eq!(properties["Namespace"]["Ref"], "MetricNamespace");
    }
    let readme = fs::read_to_string(in_repository("README.md")).unwrap();
    for metric in [
        DrainMetric::DrainSeconds,
        DrainMetric::DrainedTasks,
        DrainMetric::DrainDeadlineExceeded,
        DrainMetric::DrainErrors,
        DrainMetric::DrainsInProgress,
    ] {
        let row = format!("| `{}` | {} |", metric.name(), metric.unit());
        assert!(readme.contains(&row), "README.md has no row {row}");
    }
}

/// A group that retains what was abandoned is served by the hook's own result, too.
#[test]
fn the_hook_gives_up_what_the_drainer_would_give_up() {
    let template = template();
    let result = &properties(&template, "TerminatingHook")["DefaultResult"]["Fn::If"];
    assert_eq!(*result, serde_json::json!(["AbandonsOnTimeout", "ABANDON", "CONTINUE"]));
    let condition = &template["Conditions"]["AbandonsOnTimeout"]["Fn::Equals"];
    assert_eq!(*condition, serde_json::json!([{"Ref": "OnDrainTimeout"}, "abandon"]));
}

#[test]
fn the_example_of_a_configuration_sets_parameters_that_there_are() {
    let template = template();
    let example = fs::read_to_string(in_repository("infra/samconfig.example.toml")).unwrap();
    let set: Vec<_> = example.lines().filter_map(|line| line.strip_prefix("  \"")?.split_once('=')).collect();
    assert!(set.len() >= 2);
    for (parameter, value) in set {
        let found = &template["Parameters"][parameter];
        assert!(found.is_object(), "{parameter} is no parameter");
        let value = value.trim_end_matches("\",");
        assert!(
            found["Default"].is_null() || found["Default"].to_string().trim_matches('"') == value,
            "{parameter}"
        );
    }
    let required =
        template["Parameters"].as_object().unwrap().iter().filter(|(_, it)| it["Default"].is_null());
    for (parameter, _) in required {
        assert!(example.contains(&format!("\"{parameter}=")), "{parameter} is not set");
    }
}
