//! The template's alarms and policies are those that are simulated.

use fleetkeeper_sim::world::fleetkeeper_scaling::{FleetkeeperScaling, ScalingSignals};
use fleetkeeper_sim::{AdjustmentType, StepScalingPolicy, TreatMissingData};
use serde_json::{Value, json};

use crate::template::{Stack, template};

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

#[test]
fn alarms_and_policies_are_those_that_are_simulated() {
    assert_eq!(template()["Parameters"]["ScalingSignals"]["Default"], "Fleetkeeper");
    for (signals, name) in [(ScalingSignals::Fleetkeeper, "Fleetkeeper"), (ScalingSignals::Book, "Book")] {
        let stack = Stack::with(&[("ScalingSignals", name)]);
        let scaling = FleetkeeperScaling::new("ClusterName", "AutoScalingGroupName").by(signals);
        let of = |resource: &str| numbers(stack.properties(resource));
        for (alarm, policy) in
            [(scaling.scale_out_alarm(), "ScaleOutPolicy"), (scaling.scale_in_alarm(), "ScaleInPolicy")]
        {
            let found = of(&alarm.name);
            let same = json!({
                "Namespace": alarm.metric.namespace,
                "MetricName": alarm.metric.name,
                "Dimensions": [{"Name": "ClusterName", "Value": "ClusterName"}],
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
            assert_eq!(found["StepAdjustments"], numbers(&steps(&policy)), "{}", policy.name);
        }
        let warmup = &of("ScaleOutPolicy")["EstimatedInstanceWarmup"];
        assert_eq!(*warmup, json!(f64::from(scaling.instance_warmup_seconds)));
    }
}

/// So many instances are never missing, or removable, as a step of this size is taken at.
#[test]
fn no_step_is_larger_than_what_the_metric_says() {
    let scaling = FleetkeeperScaling::new("demo", "hosts");
    let (removing, adding) = (scaling.scale_in_policy(), scaling.scale_out_policy());
    for step in removing.steps.iter().chain(&adding.steps) {
        // A breach is a whole host at least.
        let least = step.lower_bound.unwrap().max(1.0);
        assert!(f64::from(step.scaling_adjustment.abs()) <= least, "{step:?}");
    }
}
