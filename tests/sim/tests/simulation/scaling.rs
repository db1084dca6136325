//! Step scaling: what alarms make of a group.

use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{
    AdjustmentType, Alarm, AlarmState, ComparisonOperator, FleetkeeperScaling, Metric, MetricAggregation,
    Statistic, StepAdjustment, StepScalingPolicy, TreatMissingData, World,
};

use crate::alarms::{put, put_of_group};
use crate::scene::{tokens, world_of_hosts};

/// A value a minute, of one metric or of another.
pub(crate) fn minutes(world: &mut World, name: &'static str, value: f64, count: u32) {
    for _ in 0..count {
        world.advance_seconds(20);
        match name {
            OUT | IN => put_of_group(world, name, value),
            _ => put(world, name, value),
        }
        world.advance_seconds(40);
    }
}

fn desired(world: &World) -> u32 {
    world.desired_capacity("hosts").unwrap()
}

/// Each execution of a policy: from, to.
fn executions(world: &World) -> Vec<(u32, u32)> {
    let entries = world.history().entries().iter();
    entries
        .filter_map(|entry| match entry.what {
            Occurrence::PolicyExecuted { from, to, .. } => Some((from, to)),
            _ => None,
        })
        .collect()
}

fn fleetkeeper(hosts: usize) -> World {
    let (mut world, _) = world_of_hosts(hosts);
    world.deploy_scaling(&FleetkeeperScaling::new("demo", "hosts")).unwrap();
    world
}

const OUT: &str = "MissingHosts";
const IN: &str = "RemovableHosts";

/// An alarm on `Load`, in one minute of it, that executes a policy of the group.
pub(crate) fn alarm_above(world: &mut World, threshold: f64, policy: &str) {
    let metric = Metric::new("ECS/Fleetkeeper", "Load", &[("ClusterName", "demo")]);
    let above = ComparisonOperator::GreaterThanThreshold;
    let alarm = Alarm::new("load", metric, Statistic::Average, above, threshold);
    world.put_metric_alarm(alarm.executing(AlarmState::Alarm, "hosts", policy)).unwrap();
}

/// Hosts, and a policy at an alarm on `Load` above 50: one minute of it is enough.
fn with_policy(hosts: usize, policy: StepScalingPolicy) -> World {
    let (mut world, _) = world_of_hosts(hosts);
    let metric = Metric::new("ECS/Fleetkeeper", "Load", &[("ClusterName", "demo")]);
    let above = ComparisonOperator::GreaterThanOrEqualToThreshold;
    let alarm = Alarm::new("load", metric, Statistic::Average, above, 50.0);
    world.put_metric_alarm(alarm.executing(AlarmState::Alarm, "hosts", &policy.name)).unwrap();
    world.put_scaling_policy("hosts", policy).unwrap();
    world
}

fn percent(steps: &[StepAdjustment]) -> StepScalingPolicy {
    StepScalingPolicy::new("load", AdjustmentType::PercentChangeInCapacity, steps)
}

const ANY: (Option<f64>, Option<f64>) = (Some(0.0), None);

#[test]
fn a_breach_that_lasts_adds_one_instance_per_warm_up() {
    let mut world = fleetkeeper(2);
    minutes(&mut world, OUT, 1.0, 1);
    assert_eq!(desired(&world), 3);
    // The alarm repeats its action each minute: two minutes of launch, half a one of warm-up.
    minutes(&mut world, OUT, 1.0, 2);
    assert_eq!(desired(&world), 3);
    minutes(&mut world, OUT, 1.0, 1);
    assert_eq!(desired(&world), 4);
    assert_eq!(executions(&world), [(2, 3), (3, 4)]);
    let text = world.history().to_string();
    let said = "group hosts: policy ScaleOutPolicy at alarm hosts-ScaleOutAlarm, 2 -> 3";
    assert!(text.contains(said), "{text}");
    let after = text.lines().skip_while(|line| !line.contains(said)).nth(1).unwrap();
    assert!(after.contains("desired capacity 3"), "{after}");
}

#[test]
fn a_scale_in_is_blocked_while_a_scale_out_warms_up() {
    let (mut world, _) = world_of_hosts(2);
    let slow =
        FleetkeeperScaling { instance_warmup_seconds: 300, ..FleetkeeperScaling::new("demo", "hosts") };
    world.deploy_scaling(&slow).unwrap();
    minutes(&mut world, OUT, 1.0, 1);
    assert_eq!(desired(&world), 3);
    // 2 minutes of launch, 5 of warm-up; the alarm is on since the fifth.
    minutes(&mut world, IN, 1.0, 6);
    assert_eq!(world.alarm_state("hosts-ScaleInAlarm"), Some(AlarmState::Alarm));
    assert_eq!(desired(&world), 3);
    minutes(&mut world, IN, 1.0, 1);
    assert_eq!(desired(&world), 2);
}

#[test]
fn a_burst_is_caught_up_with_and_no_step_is_more_than_the_metric_says() {
    for (missing, added) in [
        (1.0, 1),
        (3.9, 3),
        (9.0, 8),
        (10.0, 10),
        (26.0, 22),
        (27.0, 27),
        (79.0, 65),
        (80.0, 80),
        (100.0, 100),
        (5000.0, 100),
    ] {
        let mut world = fleetkeeper(0);
        minutes(&mut world, OUT, missing, 1);
        assert_eq!(desired(&world), added, "{missing}");
        let mut world = fleetkeeper(200);
        minutes(&mut world, IN, missing, 5);
        assert_eq!(desired(&world), 200 - added, "{missing}");
    }
}

/// Ten hosts for four minutes, then one: a scale-in of what was removable all the while, or of the
/// mean.
#[test]
fn a_policy_goes_by_all_the_data_points_of_its_alarms_range() {
    for (aggregation, expected) in
        [(MetricAggregation::Minimum, 19), (MetricAggregation::Average, 12), (MetricAggregation::Maximum, 10)]
    {
        let mut world = fleetkeeper(20);
        let scaling = FleetkeeperScaling::new("demo", "hosts");
        let policy = scaling.scale_in_policy();
        assert_eq!(policy.metric_aggregation, MetricAggregation::Minimum);
        world.put_scaling_policy("hosts", policy.aggregating(aggregation)).unwrap();
        minutes(&mut world, IN, 10.0, 4);
        minutes(&mut world, IN, 1.0, 1);
        assert_eq!(desired(&world), expected, "{aggregation:?}");
    }
    let any = [StepAdjustment::new(ANY.0, ANY.1, 1)];
    let policy = StepScalingPolicy::new("load", AdjustmentType::ChangeInCapacity, &any);
    assert_eq!(policy.metric_aggregation, MetricAggregation::Average, "as AWS has it");
}

#[test]
fn a_group_is_scaled_by_its_own_metric_alone() {
    let mut world = fleetkeeper(2);
    put(&mut world, OUT, 5.0);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 2, "of the cluster");
    put_of_group(&mut world, OUT, 5.0);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 7);
}

#[test]
fn an_operators_launch_blocks_no_scale_in() {
    let mut world = fleetkeeper(2);
    world.set_desired_capacity("hosts", 3).unwrap();
    minutes(&mut world, IN, 1.0, 5);
    assert_eq!(desired(&world), 2);
}

#[test]
fn a_scale_in_takes_no_other_while_one_is_on_its_way_out() {
    let mut world = fleetkeeper(4);
    minutes(&mut world, IN, 1.0, 8);
    assert_eq!(desired(&world), 3, "the first is still held by its hook");
    let token = tokens(&mut world).remove(0);
    world.complete_lifecycle_action(crate::groups::action("drain", &token), "CONTINUE").unwrap();
    minutes(&mut world, IN, 1.0, 1);
    assert_eq!(executions(&world), [(4, 3), (3, 2)]);
}

#[test]
fn a_group_keeps_within_its_limits() {
    let mut world = fleetkeeper(0);
    minutes(&mut world, IN, 1.0, 10);
    assert_eq!(desired(&world), 0);
    assert!(executions(&world).is_empty());

    let to = |exact| [StepAdjustment::new(ANY.0, ANY.1, exact)];
    let policy = StepScalingPolicy::new("load", AdjustmentType::ExactCapacity, &to(5000));
    let mut world = with_policy(1, policy);
    minutes(&mut world, "Load", 60.0, 2);
    assert_eq!(executions(&world), [(1, 1000)]);
}

#[test]
fn without_metrics_nothing_scales() {
    let mut world = fleetkeeper(2);
    world.advance_seconds(3600);
    assert!(executions(&world).is_empty());
    // An alarm that was on goes off: what is missing is no breach.
    minutes(&mut world, OUT, 1.0, 1);
    world.advance_seconds(3600);
    assert_eq!(executions(&world).len(), 1);
    assert_eq!(world.alarm_state("hosts-ScaleOutAlarm"), Some(AlarmState::Ok));
}

#[test]
fn an_alarm_of_nothing_but_gaps_has_no_value_to_find_a_step_by() {
    let step = [StepAdjustment::new(ANY.0, ANY.1, 1)];
    let policy = StepScalingPolicy::new("load", AdjustmentType::ChangeInCapacity, &step);
    let mut world = with_policy(1, policy);
    let metric = Metric::new("ECS/Fleetkeeper", "Load", &[("ClusterName", "demo")]);
    let above = ComparisonOperator::GreaterThanThreshold;
    let alarm = Alarm::new("load", metric, Statistic::Average, above, 50.0)
        .treating_missing_data_as(TreatMissingData::Breaching)
        .executing(AlarmState::Alarm, "hosts", "load");
    world.put_metric_alarm(alarm).unwrap();
    world.advance_seconds(600);
    assert_eq!(world.alarm_state("load"), Some(AlarmState::Alarm));
    assert_eq!(desired(&world), 1);
}

#[test]
fn steps_are_relative_to_the_threshold_and_hold_their_lower_bound_above_it() {
    for (load, expected) in [(50.0, 11), (59.9, 11), (60.0, 12), (69.9, 12), (70.0, 13), (1000.0, 13)] {
        let steps = [
            StepAdjustment::new(Some(0.0), Some(10.0), 1),
            StepAdjustment::new(Some(10.0), Some(20.0), 2),
            StepAdjustment::new(Some(20.0), None, 3),
        ];
        let policy = StepScalingPolicy::new("load", AdjustmentType::ChangeInCapacity, &steps);
        let mut world = with_policy(10, policy);
        minutes(&mut world, "Load", load, 1);
        assert_eq!(desired(&world), expected, "{load}");
    }
}

#[test]
fn below_the_threshold_a_step_holds_its_upper_bound() {
    for (room, expected) in [(9.0, 11), (8.0, 11), (5.1, 11), (5.0, 12), (0.0, 12)] {
        let steps = [StepAdjustment::new(Some(-5.0), Some(0.0), 1), StepAdjustment::new(None, Some(-5.0), 2)];
        let policy = StepScalingPolicy::new("load", AdjustmentType::ChangeInCapacity, &steps);
        let mut world = with_policy(10, policy);
        let metric = Metric::new("ECS/Fleetkeeper", "Load", &[("ClusterName", "demo")]);
        let below = ComparisonOperator::LessThanThreshold;
        let alarm = Alarm::new("load", metric, Statistic::Average, below, 10.0);
        world.put_metric_alarm(alarm.executing(AlarmState::Alarm, "hosts", "load")).unwrap();
        minutes(&mut world, "Load", room, 1);
        assert_eq!(desired(&world), expected, "{room}");
    }
}

/// The example of AWS: 10 instances, 10 % from 60 on, 30 % from 70 on.
#[test]
fn a_higher_step_adds_what_the_lower_one_has_not() {
    let steps = [
        StepAdjustment::new(Some(0.0), Some(10.0), 0),
        StepAdjustment::new(Some(10.0), Some(20.0), 10),
        StepAdjustment::new(Some(20.0), None, 30),
    ];
    let mut world = with_policy(10, percent(&steps));
    minutes(&mut world, "Load", 60.0, 1);
    minutes(&mut world, "Load", 62.0, 1);
    assert_eq!(executions(&world), [(10, 11)]);
    minutes(&mut world, "Load", 70.0, 1);
    assert_eq!(executions(&world), [(10, 11), (11, 13)]);
}

#[test]
fn percents_are_rounded_towards_zero_but_never_to_it() {
    for (hosts, adjustment, least, expected) in [
        (10, 25, None, 12),
        (10, 5, None, 11),
        (10, -5, None, 9),
        (10, -25, None, 8),
        (10, 5, Some(3), 13),
        (10, 50, Some(3), 15),
        (10, -5, Some(2), 8),
    ] {
        let mut policy = percent(&[StepAdjustment::new(ANY.0, ANY.1, adjustment)]);
        policy.min_adjustment_magnitude = least;
        let mut world = with_policy(hosts, policy);
        minutes(&mut world, "Load", 60.0, 1);
        assert_eq!(desired(&world), expected, "{adjustment} % of {hosts}, at least {least:?}");
    }
}

#[test]
fn an_exact_capacity_is_reached_from_both_sides() {
    for (hosts, expected) in [(2, 4), (6, 4)] {
        let step = [StepAdjustment::new(ANY.0, ANY.1, 4)];
        let policy = StepScalingPolicy::new("load", AdjustmentType::ExactCapacity, &step);
        let mut world = with_policy(hosts, policy);
        minutes(&mut world, "Load", 60.0, 1);
        assert_eq!(desired(&world), expected);
    }
}

#[test]
fn policies_that_cannot_be_are_refused() {
    let (mut world, _) = world_of_hosts(0);
    let step = StepAdjustment::new;
    for steps in [
        vec![],
        vec![step(Some(0.0), Some(10.0), 1)],
        vec![step(Some(0.0), Some(10.0), 1), step(Some(11.0), None, 2)],
        vec![step(Some(0.0), Some(10.0), 1), step(Some(9.0), None, 2)],
        vec![step(Some(0.0), None, 1), step(Some(10.0), None, 2)],
        (0..21).map(|i| step(Some(f64::from(i)), Some(f64::from(i + 1)).filter(|_| i < 20), 1)).collect(),
        vec![step(Some(-10.0), Some(0.0), 1)],
        vec![step(Some(0.0), Some(0.0), 1), step(Some(0.0), None, 1)],
    ] {
        let policy = StepScalingPolicy::new("p", AdjustmentType::ChangeInCapacity, &steps);
        assert_eq!(
            world.put_scaling_policy("hosts", policy).unwrap_err().code,
            "ValidationError",
            "{steps:?}"
        );
    }
    let any = [step(None, None, 1)];
    let policy = StepScalingPolicy::new("p", AdjustmentType::ChangeInCapacity, &any);
    world.put_scaling_policy("hosts", policy.clone()).unwrap();
    assert!(world.put_scaling_policy("hosts", policy.min_adjustment_magnitude(2)).is_err());
}
