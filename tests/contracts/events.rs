//! Events in every shape that AWS sends or documents. Both functions read them, and the templates'
//! rules match them. The simulated world's events must have the same members.

use std::collections::{BTreeMap, BTreeSet};

use capacity_calculator::Trigger;
use fleetkeeper_core::drain::Message;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_tests::python;
use fleetkeeper_tests::repository::in_repository;
use lifecycle_drainer::record::{read_record, records};
use serde_json::{Value, json};

use crate::event_shapes::{Shape, all};
use crate::world::with_all_kinds;

/// The drainer's outcome of an event, in a word, and the words of its reason.
fn drained(event: &Value) -> (&'static str, String) {
    let read = || {
        let mut found = records(event.clone()).map_err(|error| ErrorChain(&error).to_string())?;
        assert_eq!(found.len(), 1);
        read_record(found.remove(0), None).map_err(|error| ErrorChain(&error).to_string())
    };
    match read().map(|delivery| delivery.message) {
        Ok(Message::Terminating(notice)) => ("drain", format!("{notice:?}")),
        Ok(Message::Interruption(warning)) => ("warning", format!("{warning:?}")),
        Ok(Message::Sweep(sweep)) => ("sweep", format!("{sweep:?}")),
        Ok(Message::Ignored(ignored)) => ("ignored", ignored.to_string()),
        Err(error) => ("error", error),
    }
}

/// The same of the calculator.
fn calculated(event: &Value) -> (&'static str, String) {
    match Trigger::read(event.clone()) {
        Ok(trigger) if trigger.is_change() => ("change", format!("{trigger:?}")),
        Ok(trigger) => ("schedule", format!("{trigger:?}")),
        Err(error) => ("error", error.to_string()),
    }
}

#[test]
fn each_shape_has_its_outcome() {
    for Shape { name, event, drainer, calculator, .. } in all() {
        for (outcome, (expected, part)) in [(drained(&event), drainer), (calculated(&event), calculator)] {
            let (found, text) = outcome;
            assert_eq!(found, expected, "{name}: {text}");
            assert!(text.contains(part) && text.lines().count() == 1, "{name}: {text} lacks {part:?}");
        }
    }
}

/// Each sample event has all members of a shape with the same outcome.
#[test]
fn each_sample_has_the_members_of_its_shape() {
    for entry in std::fs::read_dir(in_repository("infra/events")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let sample: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let outcome = drained(&sample).0;
            let shapes = all();
            let known = shapes.iter().any(|shape| {
                shape.drainer.0 == outcome && members(&shape.event).is_subset(&members(&sample))
            });
            assert!(known, "{} is of no known shape", path.display());
        }
    }
}

/// The paths of all members, such as `.detail.instance-id`. A message in an SNS record counts as
/// JSON.
fn members(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    let path = format!("{path}.{name}");
                    collect(inner, &path, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{path}[]"), found)),
            Value::String(text) if path.ends_with(".Message") => {
                if let Ok(message @ Value::Object(_)) = serde_json::from_str(text) {
                    collect(&message, path, found);
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found
}

/// AWS's events of today, by what they are.
fn kind(event: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let message = || serde_json::from_str::<Value>(event["Records"][0]["Sns"]["Message"].as_str()?).ok();
    let name = text(&event["detail"]["eventName"]).unwrap_or_default();
    text(&event["detail-type"]).map(|of| format!("{of} {name}")).or_else(|| {
        let message = message()?;
        text(&message["Event"]).or_else(|| text(&message["LifecycleTransition"]))
    })
}

#[test]
fn the_simulated_worlds_events_have_every_member_of_awss() {
    let mut world = with_all_kinds();
    let topic = "arn:aws:sns:us-east-1:111122223333:lifecycle";
    world.put_notification_configuration("hosts", topic).unwrap();
    let ids = world.describe_auto_scaling_groups(&["hosts".to_owned()]).remove(0).instances;
    world.recommend_rebalance("hosts", &ids[90].id).unwrap();
    world.interrupt_spot_instance("hosts", &ids[91].id).unwrap();
    world.set_desired_capacity("hosts", 120).unwrap();
    // No hook holds these.
    world.put_notification_configuration("group 02", topic).unwrap();
    world.set_desired_capacity("group 02", 2).unwrap();
    world.advance_seconds(600);
    let mut sent: BTreeMap<String, Value> = BTreeMap::new();
    for emission in world.take_outbox() {
        let record = |message: &str| json!({"Records": [{"Sns": {"Message": message}}]});
        let event = emission.event().or_else(|| Some(record(&emission.sns_message()?.message))).unwrap();
        // Of each kind, keep the event with the most members.
        let kind = kind(&event).unwrap();
        if sent.get(&kind).is_none_or(|former| members(former).len() < members(&event).len()) {
            sent.insert(kind, event);
        }
    }
    let mut compared = BTreeSet::new();
    for shape in all().into_iter().filter(|shape| shape.current) {
        let Some(kind) = kind(&shape.event) else { continue };
        if let Some(event) = sent.get(&kind) {
            let of_record = |path: &String| path.starts_with(".Records") && !path.contains(".Message.");
            let lacking: Vec<_> = (&members(&shape.event) - &members(event))
                .into_iter()
                .filter(|path| !of_record(path))
                .collect();
            assert!(lacking.is_empty(), "{kind}: the simulated event lacks {lacking:?}");
            compared.insert(kind);
        }
    }
    assert_eq!(
        compared,
        [
            "EC2 Instance Rebalance Recommendation ",
            "EC2 Instance-launch Lifecycle Action ",
            "EC2 Instance-terminate Lifecycle Action ",
            "EC2 Spot Instance Interruption Warning ",
            "ECS Container Instance State Change ",
            "ECS Service Action SERVICE_STEADY_STATE",
            "ECS Service Action SERVICE_TASK_PLACEMENT_FAILURE",
            "autoscaling:EC2_INSTANCE_LAUNCH",
            "autoscaling:EC2_INSTANCE_LAUNCHING",
            "autoscaling:EC2_INSTANCE_TERMINATE",
            "autoscaling:EC2_INSTANCE_TERMINATING",
            "autoscaling:TEST_NOTIFICATION",
        ]
        .map(str::to_owned)
        .into()
    );
}

/// A rule matches only events that its function acts on, and only those of its own cluster. Of each
/// kind of event that it matches, it matches all.
#[test]
fn each_rule_matches_the_events_that_it_is_for_and_no_other() {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let shapes: Vec<Shape> =
        all().into_iter().filter(|shape| shape.event["detail-type"].is_string()).collect();
    let events: Vec<&Value> = shapes.iter().map(|shape| &shape.event).collect();
    serde_json::to_writer(&mut file, &events).unwrap();
    let answer = python::run("patterns.py", &[file.path().to_str().unwrap()]).unwrap();
    let rules: BTreeMap<String, Value> = serde_json::from_str(&answer).unwrap();
    assert!(rules.len() >= 3, "{answer}");
    let mut woken: BTreeSet<String> = BTreeSet::new();
    for (rule, said) in &rules {
        let matched: BTreeSet<usize> = serde_json::from_value(said["Matched"].clone()).unwrap();
        assert!(!matched.is_empty(), "{rule} matches no event");
        let kinds: BTreeSet<_> = matched.iter().map(|at| kind(&shapes[*at].event)).collect();
        for (at, shape) in shapes.iter().enumerate() {
            let works = match said["Function"].as_str().unwrap() {
                "LifecycleDrainer" => ["drain", "warning"].contains(&shape.drainer.0),
                "CapacityCalculator" => shape.calculator.0 == "change",
                other => panic!("{rule} wakes {other}"),
            };
            let wanted = works && shape.of_the_cluster && kinds.contains(&kind(&shape.event));
            assert_eq!(matched.contains(&at), wanted, "{rule}: {}", shape.name);
            if wanted {
                woken.extend(kind(&shape.event));
            }
        }
    }
    let expected = ["EC2 Spot Instance Interruption Warning ", "ECS Container Instance State Change "];
    assert!(expected.iter().all(|kind| woken.contains(*kind)), "{woken:?}");
}
