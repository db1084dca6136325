//! Metrics in periods, and alarms on them.

use chrono::TimeDelta;
use fleetkeeper_core::ports::{MetricDatum, MetricUnit, StorageResolution};
use fleetkeeper_sim::world::cloud_watch::MetricData;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{Alarm, AlarmState, ComparisonOperator, Metric, Statistic, TreatMissingData, World};

use crate::scene::start;

pub(crate) fn put(world: &mut World, name: &'static str, value: f64) {
    put_with(world, name, value, StorageResolution::OneMinute, &[("ClusterName", "demo")]);
}

/// A value of group `hosts`, as the template has the calculator put it.
pub(crate) fn put_of_group(world: &mut World, name: &'static str, value: f64) {
    let dimensions = [("ClusterName", "demo"), ("AutoScalingGroupName", "hosts")];
    put_with(world, name, value, StorageResolution::OneSecond, &dimensions);
}

fn put_with(
    world: &mut World,
    name: &'static str,
    value: f64,
    resolution: StorageResolution,
    dimensions: &[(&'static str, &str)],
) {
    let dimensions = dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let datum = MetricDatum { name, dimensions, unit: MetricUnit::Count, value };
    let put = MetricData {
        namespace: "ECS/Fleetkeeper".to_owned(),
        resolution,
        at: world.now(),
        data: vec![datum],
    };
    world.put_metric_data(put).unwrap();
}

fn metric() -> Metric {
    Metric::new("ECS/Fleetkeeper", "Room", &[("ClusterName", "demo")])
}

/// On less than one, three minutes in a row.
fn alarm() -> Alarm {
    Alarm::new("low", metric(), Statistic::Maximum, ComparisonOperator::LessThanThreshold, 1.0).periods(3, 60)
}

fn watched(alarm: Alarm) -> World {
    let mut world = World::new(start());
    world.put_metric_alarm(alarm).unwrap();
    world
}

/// Lets minutes pass in which a value is put or nothing: `X` breaches, `0` does not, `-` is a gap.
/// The states after each, as letters.
fn minutes(world: &mut World, points: &str) -> String {
    let states = points.split(' ').map(|point| {
        world.advance_seconds(20);
        match point {
            "X" => put(world, "Room", 0.0),
            "0" => put(world, "Room", 5.0),
            _ => {}
        }
        world.advance_seconds(40);
        match world.alarm_state("low").unwrap() {
            AlarmState::InsufficientData => "i",
            AlarmState::Ok => "o",
            AlarmState::Alarm => "A",
        }
    });
    states.collect::<Vec<_>>().join(" ")
}

#[test]
fn values_are_read_by_period_statistic_and_exact_dimensions() {
    let mut world = World::new(start());
    for value in [1.0, 4.0, 4.0] {
        world.advance_seconds(10);
        put(&mut world, "Room", value);
    }
    world.advance_seconds(60);
    put(&mut world, "Room", 100.0);
    put_with(&mut world, "Room", -9.0, StorageResolution::OneMinute, &[]);
    let two = [("ClusterName", "demo"), ("Resource", "CPU")];
    put_with(&mut world, "Room", -8.0, StorageResolution::OneMinute, &two);
    for (statistic, one_minute, five_minutes) in [
        (Statistic::Average, 3.0, 27.25),
        (Statistic::Minimum, 1.0, 1.0),
        (Statistic::Maximum, 4.0, 100.0),
        (Statistic::Sum, 9.0, 109.0),
        (Statistic::SampleCount, 3.0, 4.0),
    ] {
        let of = |seconds| world.metric_statistic(&metric(), statistic, start(), seconds);
        assert_eq!((of(60), of(300)), (Some(one_minute), Some(five_minutes)), "{statistic:?}");
        let later = start() + TimeDelta::minutes(2);
        assert_eq!(world.metric_statistic(&metric(), statistic, later, 60), None);
    }
    let bare = Metric::new("ECS/Fleetkeeper", "Room", &[]);
    let later = start() + TimeDelta::minutes(1);
    assert_eq!(world.metric_statistic(&bare, Statistic::Sum, later, 60), Some(-9.0));
    let finer = world.metric_statistic(&metric(), Statistic::Sum, start(), 10);
    assert_eq!(finer, None, "values that were put by the minute have no statistics by the second");
}

#[test]
fn a_long_history_of_data_need_not_be_kept() {
    let mut world = watched(alarm());
    world.forget_metric_data();
    assert_eq!(minutes(&mut world, "0 X X X"), "o o o A");
    assert_eq!(world.metric_data().len(), 1);
}

#[test]
fn an_alarm_takes_as_many_breaches_in_a_row_as_it_has_periods() {
    let mut world = watched(alarm());
    assert_eq!(world.alarm_state("low"), Some(AlarmState::InsufficientData));
    assert_eq!(minutes(&mut world, "0 X X 0 X X X X 0 0"), "o o o o o o A A o o");
    let changes: Vec<_> = world
        .history()
        .entries()
        .iter()
        .filter_map(|entry| match &entry.what {
            Occurrence::AlarmState { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
        .collect();
    let (i, o, a) = (AlarmState::InsufficientData, AlarmState::Ok, AlarmState::Alarm);
    assert_eq!(changes, [(i, o), (o, a), (a, o)]);
}

#[test]
fn datapoints_of_evaluation_periods() {
    let mut world = watched(alarm().datapoints_to_alarm(2));
    assert_eq!(minutes(&mut world, "0 X 0 X 0 0 X X"), "o o o A o o o A");
}

#[test]
fn the_statistic_decides_what_a_spike_does() {
    for (statistic, state) in [(Statistic::Maximum, AlarmState::Ok), (Statistic::Minimum, AlarmState::Alarm)]
    {
        let mut world = watched(Alarm { statistic, ..alarm() }.periods(1, 60));
        put(&mut world, "Room", 0.0);
        world.advance_seconds(30);
        put(&mut world, "Room", 5.0);
        world.advance_seconds(30);
        assert_eq!(world.alarm_state("low"), Some(state));
    }
}

#[test]
fn gaps_are_treated_as_the_alarm_says() {
    for (treat, states) in [
        // Three minutes without a value: two older ones are looked at first.
        (TreatMissingData::Missing, "o o o o o o i i"),
        (TreatMissingData::Ignore, "o o o o o o o o"),
        (TreatMissingData::Breaching, "o o o o o o A A"),
        (TreatMissingData::NotBreaching, "o o o o o o o o"),
    ] {
        let mut world = watched(alarm().treating_missing_data_as(treat));
        assert_eq!(minutes(&mut world, "0 0 - - - - - -"), states, "{treat:?}");
    }
}

#[test]
fn an_alarm_outlives_its_metric_by_the_evaluation_range() {
    for (treat, states) in [
        (TreatMissingData::Missing, "o A A A A A i"),
        (TreatMissingData::Ignore, "o A A A A A A"),
        (TreatMissingData::Breaching, "o A A A A A A"),
        (TreatMissingData::NotBreaching, "o A A A o o o"),
    ] {
        let mut world = watched(alarm().treating_missing_data_as(treat));
        minutes(&mut world, "0 X");
        // The last three values are looked at again for two minutes after they stopped.
        let seen = minutes(&mut world, "X X - - - - -");
        let expected: Vec<_> = states.split(' ').collect();
        assert_eq!(seen.split(' ').collect::<Vec<_>>(), expected, "{treat:?}");
    }
}

#[test]
fn breaches_with_gaps_between_are_as_good_as_a_row() {
    let mut world = watched(alarm().treating_missing_data_as(TreatMissingData::NotBreaching));
    assert_eq!(minutes(&mut world, "X - X - X"), "o o o o A");
    assert_eq!(minutes(&mut world, "- - 0"), "o o o");
}

#[test]
fn one_breach_without_a_word_since_is_a_premature_alarm() {
    let mut world = watched(alarm());
    assert_eq!(minutes(&mut world, "X - -"), "i i A");
    let mut world = watched(alarm());
    assert_eq!(minutes(&mut world, "X - 0"), "i i o");
}

#[test]
fn an_alarm_without_a_dimension_of_its_metric_sees_nothing() {
    let metric = Metric::new("ECS/Fleetkeeper", "Room", &[]);
    let mut world = watched(Alarm { metric, ..alarm() });
    assert_eq!(minutes(&mut world, "X X X X"), "i i i i");
}

#[test]
fn a_period_of_minutes_slides_minute_by_minute() {
    let mut world = watched(alarm().periods(1, 300));
    // The highest of the last five minutes is below once the last good one has slid out of them.
    assert_eq!(minutes(&mut world, "0 X X X X X"), "o o o o o A");
}

#[test]
fn a_fine_period_is_evaluated_every_ten_seconds_and_takes_fine_data() {
    let below = ComparisonOperator::LessThanThreshold;
    for (resolution, state) in [
        (StorageResolution::OneSecond, AlarmState::Alarm),
        (StorageResolution::OneMinute, AlarmState::InsufficientData),
    ] {
        let mut world = watched(Alarm::new("low", metric(), Statistic::Maximum, below, 1.0).periods(2, 10));
        for _ in 0..2 {
            world.advance_seconds(5);
            put_with(&mut world, "Room", 0.0, resolution, &[("ClusterName", "demo")]);
            world.advance_seconds(5);
        }
        assert_eq!(world.alarm_state("low"), Some(state));
    }
}

#[test]
fn nothing_is_due_without_an_alarm() {
    let mut world = World::new(start());
    put(&mut world, "Room", 1.0);
    assert_eq!(world.next_transition(), None);
    world.put_metric_alarm(alarm().evaluated_at_second(7)).unwrap();
    assert_eq!(world.next_transition(), Some(start() + TimeDelta::seconds(7)));
    world.put_metric_alarm(alarm().evaluated_at_second(9)).unwrap();
    world.advance_seconds(60);
    assert_eq!(world.next_transition(), Some(start() + TimeDelta::seconds(69)));
    world.delete_alarm("low");
    world.advance_seconds(10);
    assert_eq!(world.next_transition(), None);
}

#[test]
fn an_alarm_that_is_overwritten_keeps_its_state() {
    let mut world = watched(alarm());
    minutes(&mut world, "X X X");
    world.put_metric_alarm(alarm().periods(10, 60)).unwrap();
    assert_eq!(world.alarm_state("low"), Some(AlarmState::Alarm));
}

#[test]
fn alarms_that_cannot_be_are_refused() {
    let mut world = World::new(start());
    for alarm in [
        alarm().periods(3, 45),
        alarm().periods(3, 0),
        alarm().periods(0, 60),
        alarm().datapoints_to_alarm(4),
        alarm().periods(1441, 60),
    ] {
        assert_eq!(world.put_metric_alarm(alarm).unwrap_err().code, "ValidationError");
    }
}

/// Recorded in 2026: a lone old breach counts over the whole evaluation range while newer data is
/// missing.
#[test]
fn an_alarm_with_a_longer_range_sees_an_older_breach() {
    for (extra, states) in [(2, "i i A A A i i"), (6, "i i A A A A A")] {
        let mut world = watched(alarm().looking_back(extra));
        assert_eq!(minutes(&mut world, "X - - - - - -"), states, "{extra} points more");
    }
}
