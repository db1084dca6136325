//! The alarms and policies of the templates are those that are simulated.

use std::collections::BTreeMap;

use fleetkeeper_sim::world::fleetkeeper_scaling::{FleetkeeperScaling, ScalingSignals};
use fleetkeeper_sim::{AdjustmentType, StepScalingPolicy, TreatMissingData};
use serde_json::{Value, json};

use crate::template::{GROUP, MAIN, OBSERVABILITY, SCALING_BOOK, Stack, text};

fn steps(policy: &StepScalingPolicy) -> Value {
    assert_eq!(policy.adjustment_type, AdjustmentType::ChangeInCapacity);
    let steps = policy.steps.iter().map(|step| {
        let mut said = json!({"ScalingAdjustment": step.scaling_adjustment});
        for (name, bound) in
            [("MetricIntervalLowerBound", step.lower_bound), ("MetricIntervalUpperBound", step.upper_bound)]
        {
            if let Some(bound) = bound {
                said[name] = json!(bound);
            }
        }
        said
    });
    steps.collect()
}

/// Numbers as CloudFormation takes them, whether they are whole or not.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(numbers).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), numbers(value))).collect(),
        plain => plain.clone(),
    }
}

fn dimensions(alarm: &Value) -> BTreeMap<String, String> {
    let dimensions = alarm["Dimensions"].as_array().unwrap().iter();
    dimensions.map(|it| (text(&it["Name"]), text(&it["Value"]))).collect()
}

#[test]
fn alarms_and_policies_are_those_that_are_simulated() {
    // The simulated book has the same warm-up. The template's own is the usual time of a host to
    // join.
    let warmup: &[_] = &[("InstanceWarmupSeconds", "30")];
    for (signals, path, set) in [
        (ScalingSignals::Fleetkeeper, MAIN, &[][..]),
        (ScalingSignals::Fleetkeeper, GROUP, &[]),
        (ScalingSignals::Book, SCALING_BOOK, warmup),
    ] {
        let stack = Stack::of(path, set);
        let scaling = FleetkeeperScaling::new("ClusterName", "AutoScalingGroupName").by(signals);
        let of = |resource: &str| numbers(stack.properties(resource));
        for (alarm, policy) in
            [(scaling.scale_out_alarm(), "ScaleOutPolicy"), (scaling.scale_in_alarm(), "ScaleInPolicy")]
        {
            // In an account the stack's name distinguishes the groups' alarms.
            let logical_id = alarm.name.rsplit('-').next().unwrap();
            let found = of(logical_id);
            assert_eq!(dimensions(&found), alarm.metric.dimensions, "{}", alarm.name);
            let same = json!({
                "Namespace": alarm.metric.namespace,
                "MetricName": alarm.metric.name,
                "Statistic": format!("{:?}", alarm.statistic),
                "ComparisonOperator": format!("{:?}", alarm.comparison),
                "Threshold": alarm.threshold,
                "Period": alarm.period_seconds,
                "EvaluationPeriods": alarm.evaluation_periods,
                "AlarmActions": [policy],
            });
            for (name, value) in numbers(&same).as_object().unwrap() {
                assert_eq!(&found[name], value, "{} {name}", alarm.name);
            }
            assert_eq!(alarm.treat_missing_data, TreatMissingData::NotBreaching);
            assert_eq!(found["TreatMissingData"], "notBreaching");
            assert_eq!((alarm.datapoints_to_alarm, &found["DatapointsToAlarm"]), (None, &Value::Null));
        }
        for policy in [scaling.scale_out_policy(), scaling.scale_in_policy()] {
            let found = of(&policy.name);
            assert_eq!(found["PolicyType"], "StepScaling");
            assert_eq!(found["AdjustmentType"], "ChangeInCapacity");
            assert_eq!(found["MetricAggregationType"], "Minimum");
            assert_eq!(found["StepAdjustments"], numbers(&steps(&policy)), "{}", policy.name);
        }
        let warmup = &of("ScaleOutPolicy")["EstimatedInstanceWarmup"];
        let warmup = numbers(&text(warmup).parse().unwrap());
        assert_eq!(warmup, json!(f64::from(scaling.instance_warmup_seconds)));
    }
}

/// The most steps that a policy may have (Amazon EC2 Auto Scaling, "Quotas").
const STEPS: usize = 20;

#[test]
fn no_step_exceeds_the_metric() {
    let stack = Stack::with(&[]);
    for (policy, direction) in [("ScaleOutPolicy", 1), ("ScaleInPolicy", -1)] {
        let steps = stack.properties(policy)["StepAdjustments"].as_array().unwrap();
        assert_eq!(steps.len(), STEPS, "{policy}");
        let mut above = Some(0);
        for step in steps {
            let lower = step["MetricIntervalLowerBound"].as_i64().unwrap();
            assert_eq!(Some(lower), above, "{policy} has a gap before {step}");
            above = step["MetricIntervalUpperBound"].as_i64();
            // A breach is by one at least: the metrics are whole numbers.
            let adjustment = step["ScalingAdjustment"].as_i64().unwrap() * direction;
            assert_eq!(adjustment, lower.max(1), "{policy}: {step}");
        }
        assert_eq!(above, None, "{policy} has no last step");
        assert_eq!(*steps.last().unwrap().get("ScalingAdjustment").unwrap(), 100 * direction, "{policy}");
    }
}

#[test]
fn a_group_that_stays_short_is_reported_after_half_an_hour() {
    for path in [OBSERVABILITY, GROUP] {
        let stack = Stack::of(path, &[("AlarmTopicArn", "pager")]);
        let alarm = stack.properties("GroupStaysShort");
        let of_the_group = ["ClusterName", "AutoScalingGroupName"].map(|it| (it.to_owned(), it.to_owned()));
        assert_eq!(dimensions(alarm), of_the_group.into());
        assert_reports_half_an_hour_above_0(alarm, "MissingHosts");
        assert_eq!(alarm["AlarmActions"], json!(["pager"]));
    }
}

/// Hosts that were asked for count as coming, and none is missing: the waiting tasks show that they
/// do not come.
#[test]
fn tasks_that_keep_waiting_are_reported_after_half_an_hour() {
    let stack = Stack::of(OBSERVABILITY, &[("AlarmTopicArn", "pager")]);
    let alarm = stack.properties("TasksKeepWaiting");
    assert_eq!(dimensions(alarm), [("ClusterName".to_owned(), "ClusterName".to_owned())].into());
    assert_reports_half_an_hour_above_0(alarm, "WaitingTasks");
}

fn assert_reports_half_an_hour_above_0(alarm: &Value, metric: &str) {
    for (name, value) in [
        ("MetricName", metric),
        ("Statistic", "Minimum"),
        ("ComparisonOperator", "GreaterThanThreshold"),
        ("TreatMissingData", "notBreaching"),
    ] {
        assert_eq!(alarm[name], value, "{name}");
    }
    let number = |name: &str| alarm[name].as_u64().unwrap();
    assert_eq!((number("Threshold"), number("Period") * number("EvaluationPeriods")), (0, 30 * 60));
}
