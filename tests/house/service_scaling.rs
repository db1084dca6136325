//! A service's own scaling: its steps are the book's.

use std::fs;

use fleetkeeper_tests::repository::in_repository;
use serde_json::{Value, json};

use crate::template::{SERVICE_SCALING as TEMPLATE, properties, translated};

fn parameter<'a>(template: &'a Value, name: &str) -> &'a Value {
    let parameter = &template["Parameters"][name];
    assert!(parameter.is_object(), "{name} is no parameter");
    parameter
}

/// A property that is a parameter's, as its default; another one as it is.
fn by_default<'a>(template: &'a Value, value: &'a Value) -> &'a Value {
    value["Ref"].as_str().map_or(value, |name| &parameter(template, name)["Default"])
}

#[test]
fn by_steps_it_is_the_books() {
    let template = translated(TEMPLATE);
    for (alarm, policy, comparison, percent, step) in [
        (
            "HighCpu",
            "ScaleOut",
            "GreaterThanThreshold",
            40,
            json!({"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}),
        ),
        (
            "LowCpu",
            "ScaleIn",
            "LessThanThreshold",
            20,
            json!({"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1}),
        ),
    ] {
        let found = properties(template, alarm);
        let dimensions = json!([
            {"Name": "ClusterName", "Value": {"Ref": "ClusterName"}},
            {"Name": "ServiceName", "Value": {"Ref": "ServiceName"}},
        ]);
        for (name, value) in [
            ("Namespace", json!("AWS/ECS")),
            ("MetricName", json!("CPUUtilization")),
            ("Dimensions", dimensions),
            ("Statistic", json!("Average")),
            ("ComparisonOperator", json!(comparison)),
            ("Period", json!(60)),
            ("EvaluationPeriods", json!(3)),
            ("AlarmActions", json!([{"Ref": policy}])),
        ] {
            assert_eq!(found[name], value, "{alarm} {name}");
        }
        assert_eq!(found["DatapointsToAlarm"], Value::Null);
        assert_eq!(*by_default(template, &found["Threshold"]), percent, "{alarm}");

        let found = properties(template, policy);
        assert_eq!(found["PolicyType"], "StepScaling");
        let found = &found["StepScalingPolicyConfiguration"];
        assert_eq!(found["AdjustmentType"], "ChangeInCapacity");
        assert_eq!(found["StepAdjustments"], json!([step]), "{policy}");
        assert_eq!(*by_default(template, &found["Cooldown"]), 360, "{policy}");
    }
    let target = properties(template, "ScalableTarget");
    assert_eq!(*by_default(template, &target["MinCapacity"]), 1);
    assert_eq!(*by_default(template, &target["MaxCapacity"]), 4);
    assert_eq!(target["ScalableDimension"], "ecs:service:DesiredCount");
}

#[test]
fn without_data_no_task_is_started_or_stopped() {
    let template = translated(TEMPLATE);
    let resources = template["Resources"].as_object().unwrap();
    let alarms: Vec<_> = resources.iter().filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm").collect();
    assert_eq!(alarms.len(), 2);
    for (name, alarm) in alarms {
        assert_eq!(alarm["Properties"]["TreatMissingData"], "notBreaching", "{name}");
    }
}

/// Two ways at once would be at odds: the larger count wins, and neither would ever scale in.
#[test]
fn one_mode_and_no_other_scales() {
    let template = translated(TEMPLATE);
    assert_eq!(template["Conditions"]["BySteps"], json!({"Fn::Equals": [{"Ref": "ScalingMode"}, "Steps"]}));
    assert_eq!(template["Conditions"]["ByTarget"], json!({"Fn::Not": [{"Condition": "BySteps"}]}));
    let mut modes: Vec<_> = parameter(template, "ScalingMode")["AllowedValues"].as_array().unwrap().clone();
    modes.sort_by_key(ToString::to_string);
    assert_eq!(modes, ["Steps", "TargetTracking"]);
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let condition = match name.as_str() {
            "ScalableTarget" => Value::Null,
            "TargetTracking" => json!("ByTarget"),
            _ => json!("BySteps"),
        };
        assert_eq!(resource["Condition"], condition, "{name}");
        assert!(
            !resource["Type"].as_str().unwrap().starts_with("AWS::IAM::"),
            "{name}: the role is AWS's own"
        );
    }
    let tracking = &properties(template, "TargetTracking")["TargetTrackingScalingPolicyConfiguration"];
    let metric = &tracking["PredefinedMetricSpecification"]["PredefinedMetricType"];
    assert_eq!(metric, "ECSServiceAverageCPUUtilization");
    assert_eq!(*by_default(template, &tracking["TargetValue"]), 40);
}

#[test]
fn the_page_deploys_it_with_parameters_that_there_are() {
    let template = translated(TEMPLATE);
    let page = fs::read_to_string(in_repository("docs/deploying.md")).unwrap();
    let (_, command) =
        page.split_once("aws cloudformation deploy --template-file infra/service-scaling.yaml").unwrap();
    let (command, _) = command.split_once("```").unwrap();
    let given: Vec<_> = command.split_whitespace().filter_map(|word| Some(word.split_once('=')?.0)).collect();
    for name in &given {
        parameter(template, name);
    }
    for (name, parameter) in template["Parameters"].as_object().unwrap() {
        assert!(!parameter["Default"].is_null() || given.contains(&name.as_str()), "{name} is not given");
    }
}
