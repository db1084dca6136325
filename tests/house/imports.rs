//! The templates beside the main one: what they import, and that a further group is served like the
//! first.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::template::{ALL, GROUP, MAIN, OBSERVABILITY, Stack, exports, texts, translated};

/// The exports that a template imports, `FleetkeeperStack` being `fleetkeeper`.
fn imports(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(imports).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value["Fn::Sub"].as_str().filter(|_| name == "Fn::ImportValue") {
                Some(import) => [import.replace("${FleetkeeperStack}", "fleetkeeper")].into(),
                None => imports(value),
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_main_template_exports_what_the_others_import_and_no_more() {
    let imported: BTreeSet<_> =
        ALL.iter().filter(|path| **path != MAIN).flat_map(|path| imports(translated(path))).collect();
    assert_eq!(imported, exports(&[]).into_keys().collect());
}

#[test]
fn a_further_group_has_the_hook_of_the_first() {
    let (main, group) = (Stack::with(&[]), Stack::of(GROUP, &[]));
    assert_eq!(main.properties("TerminatingHook"), group.properties("TerminatingHook"));
    // Its drainer may complete that hook before the hook exists.
    assert_eq!(group.depends_on("TerminatingHook"), ["DrainThisGroup"]);
    let policy = group.properties("DrainThisGroup");
    assert_eq!(policy["Roles"], json!(["LifecycleDrainerRole"]));
    let statements =
        main.properties("LifecycleDrainerRole")["Policies"][0]["PolicyDocument"]["Statement"].clone();
    let of_main = statements.as_array().unwrap().iter().find(|it| it["Sid"] == "HoldAndCompleteTheHook");
    assert_eq!(policy["PolicyDocument"]["Statement"], json!([of_main.unwrap()]));
}

#[test]
fn a_further_group_is_swept_by_the_function_of_the_first() {
    let (main, group) = (Stack::with(&[]), Stack::of(GROUP, &[]));
    let sweep = group.properties("Sweep");
    assert_eq!(sweep["ScheduleExpression"], "rate(1 minute)");
    assert_eq!(sweep["Targets"][0]["Arn"], "LifecycleDrainer.Arn");
    let input = |stack: &Stack, rule: &str| -> Value {
        serde_json::from_str(stack.properties(rule)["Targets"][0]["Input"].as_str().unwrap()).unwrap()
    };
    assert_eq!(input(&main, "LifecycleDrainerSweep"), input(&group, "Sweep"));
    let permission = group.properties("SweepPermission");
    assert_eq!(permission["FunctionName"], "LifecycleDrainer");
    assert_eq!(
        (&permission["Principal"], &permission["SourceArn"]),
        (&json!("events.amazonaws.com"), &json!("Sweep.Arn"))
    );
}

#[test]
fn every_operators_alarm_notifies_the_topic_where_there_is_one() {
    for topic in ["", "arn:aws:sns:us-east-1:111122223333:pager"] {
        let set = [("AlarmTopicArn", topic)];
        let wanted: Vec<_> = [topic].into_iter().filter(|topic| !topic.is_empty()).collect();
        let operators = Stack::of(OBSERVABILITY, &set);
        assert_eq!(operators.all("AWS::CloudWatch::Alarm").count(), 8);
        for (name, alarm) in operators.all("AWS::CloudWatch::Alarm") {
            assert_eq!(texts(&alarm["AlarmActions"]), wanted, "{name}");
        }
        let group = Stack::of(GROUP, &set);
        assert_eq!(texts(&group.properties("GroupStaysShort")["AlarmActions"]), wanted);
        assert_eq!(operators.properties("GroupStaysShort"), group.properties("GroupStaysShort"));
    }
}
