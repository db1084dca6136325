//! The alarms and scaling policies that Fleetkeeper's users deploy.
//!
//! Names and numbers are those of `infra/template.yaml`, under "What the metrics do", with its
//! parameters' defaults.

use super::auto_scaling::scaling_policy::{
    AdjustmentType, MetricAggregation, StepAdjustment, StepScalingPolicy,
};
use super::cloud_watch::alarm::{Alarm, AlarmState, ComparisonOperator, TreatMissingData};
use super::cloud_watch::metric::{Metric, Statistic};
use super::{ApiError, World};

/// The signals that scale the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalingSignals {
    /// `MissingHosts` and `RemovableHosts` of the group.
    Fleetkeeper,
    /// The book's `ContainerCapacity` and `IdleHostCapacity` of the cluster.
    Book,
}

/// The template's parameters for scaling, and what they default to.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetkeeperScaling {
    /// `ClusterName`.
    pub cluster: String,
    /// `AutoScalingGroupName`.
    pub group: String,
    /// `MetricNamespace`.
    pub metric_namespace: String,
    /// `ScalingSignals`.
    pub signals: ScalingSignals,
    /// `ScaleOutSeconds`, for Fleetkeeper's signals.
    pub scale_out_seconds: u32,
    /// `ScaleOutMinutes`, for the book's signals.
    pub scale_out_minutes: u32,
    /// `ScaleInMinutes`.
    pub scale_in_minutes: u32,
    /// `SpareHosts`, for Fleetkeeper's signals.
    pub spare_hosts: f64,
    /// `ScaleOutBelow`, for the book's signals.
    pub scale_out_below: f64,
    /// `ScaleInAbove`, for the book's signals.
    pub scale_in_above: f64,
    /// `InstanceWarmupSeconds`.
    pub instance_warmup_seconds: u32,
    /// How many more data points than evaluation periods CloudWatch evaluates. No parameter of the
    /// template, and unknown: worlds draw it.
    pub extra_points: u32,
}

impl FleetkeeperScaling {
    /// The template's defaults.
    #[must_use]
    pub fn new(cluster: &str, group: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            group: group.to_owned(),
            metric_namespace: "ECS/Fleetkeeper".to_owned(),
            signals: ScalingSignals::Fleetkeeper,
            scale_out_seconds: 10,
            scale_out_minutes: 1,
            scale_in_minutes: 5,
            spare_hosts: 0.0,
            scale_out_below: 1.0,
            scale_in_above: 1.0,
            // It bridges the metric's delay: hosts that were launched and have not joined are
            // counted by the metric.
            instance_warmup_seconds: 30,
            extra_points: 2,
        }
    }

    /// The same by other signals.
    #[must_use]
    pub fn by(mut self, signals: ScalingSignals) -> Self {
        self.signals = signals;
        self
    }

    /// The same with alarms that look this many data points further back.
    #[must_use]
    pub fn looking_back(mut self, extra_points: u32) -> Self {
        self.extra_points = extra_points;
        self
    }

    /// An alarm's name: each group's stack has its own.
    fn alarm(&self, name: &str) -> String {
        format!("{}-{name}", self.group)
    }

    /// The alarm that adds instances: the best value of each minute is too bad.
    #[must_use]
    pub fn scale_out_alarm(&self) -> Alarm {
        let (periods, seconds) = match self.signals {
            ScalingSignals::Fleetkeeper => (1, self.scale_out_seconds),
            ScalingSignals::Book => (self.scale_out_minutes, 60),
        };
        let (metric, statistic, breach, threshold) = match self.signals {
            ScalingSignals::Fleetkeeper => {
                ("MissingHosts", Statistic::Minimum, ComparisonOperator::GreaterThanThreshold, 0.0)
            }
            ScalingSignals::Book => {
                let below = ComparisonOperator::LessThanThreshold;
                ("ContainerCapacity", Statistic::Maximum, below, self.scale_out_below)
            }
        };
        Alarm::new(&self.alarm("ScaleOutAlarm"), self.metric(metric), statistic, breach, threshold)
            .periods(periods, seconds)
            .looking_back(self.extra_points)
            .treating_missing_data_as(TreatMissingData::NotBreaching)
            .executing(AlarmState::Alarm, &self.group, "ScaleOutPolicy")
    }

    /// The alarm that removes instances: the lowest value of each minute is above.
    #[must_use]
    pub fn scale_in_alarm(&self) -> Alarm {
        let (metric, threshold) = match self.signals {
            ScalingSignals::Fleetkeeper => ("RemovableHosts", self.spare_hosts),
            ScalingSignals::Book => ("IdleHostCapacity", self.scale_in_above),
        };
        let above = ComparisonOperator::GreaterThanThreshold;
        Alarm::new(&self.alarm("ScaleInAlarm"), self.metric(metric), Statistic::Minimum, above, threshold)
            .periods(self.scale_in_minutes, 60)
            .looking_back(self.extra_points)
            .treating_missing_data_as(TreatMissingData::NotBreaching)
            .executing(AlarmState::Alarm, &self.group, "ScaleInPolicy")
    }

    /// Never more instances than are missing; by the book's signals, one.
    #[must_use]
    pub fn scale_out_policy(&self) -> StepScalingPolicy {
        let policy = |steps: &[StepAdjustment]| {
            StepScalingPolicy::new("ScaleOutPolicy", AdjustmentType::ChangeInCapacity, steps)
                .warmup(self.instance_warmup_seconds)
                .aggregating(MetricAggregation::Minimum)
        };
        match self.signals {
            ScalingSignals::Fleetkeeper => policy(&steps(1)),
            ScalingSignals::Book => policy(&[StepAdjustment::new(None, Some(0.0), 1)]),
        }
    }

    /// Never more instances than are removable; by the book's signals, one.
    #[must_use]
    pub fn scale_in_policy(&self) -> StepScalingPolicy {
        let policy = |steps: &[StepAdjustment]| {
            StepScalingPolicy::new("ScaleInPolicy", AdjustmentType::ChangeInCapacity, steps)
                .aggregating(MetricAggregation::Minimum)
        };
        match self.signals {
            ScalingSignals::Fleetkeeper => policy(&steps(-1)),
            ScalingSignals::Book => policy(&[StepAdjustment::new(Some(0.0), None, -1)]),
        }
    }

    fn metric(&self, name: &str) -> Metric {
        let cluster = ("ClusterName", self.cluster.as_str());
        let of_group = [cluster, ("AutoScalingGroupName", self.group.as_str())];
        let dimensions = match self.signals {
            ScalingSignals::Fleetkeeper => &of_group[..],
            ScalingSignals::Book => &of_group[..1],
        };
        Metric::new(&self.metric_namespace, name, dimensions)
    }
}

/// How many hosts each step adds or removes, and from which value of the metric on: as many steps
/// as a policy may have, so that few minutes make up for any burst.
const STEPS: [u32; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 65, 80, 100];

/// A step from each of these to the next one. The first is for every breach, however small.
fn steps(sign: i32) -> Vec<StepAdjustment> {
    let ends = STEPS.iter().skip(1).map(|next| Some(f64::from(*next))).chain([None]);
    let steps = STEPS.iter().zip(ends).map(|(from, to)| {
        let lower = if *from == 1 { 0.0 } else { f64::from(*from) };
        let hosts = i32::try_from(*from).unwrap_or(i32::MAX);
        StepAdjustment::new(Some(lower), to, sign * hosts)
    });
    steps.collect()
}

impl World {
    /// Puts both policies and both alarms in place. The group must exist.
    pub fn deploy_scaling(&mut self, scaling: &FleetkeeperScaling) -> Result<(), ApiError> {
        self.put_scaling_policy(&scaling.group, scaling.scale_out_policy())?;
        self.put_scaling_policy(&scaling.group, scaling.scale_in_policy())?;
        self.put_metric_alarm(scaling.scale_out_alarm())?;
        self.put_metric_alarm(scaling.scale_in_alarm())
    }
}
