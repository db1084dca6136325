//! The alarms and scaling policies that Fleetkeeper's users deploy.
//!
//! Names and numbers are those of `infra/template.yaml`, under "What the metrics do", with its parameters' defaults.

use super::auto_scaling::scaling_policy::{AdjustmentType, StepAdjustment, StepScalingPolicy};
use super::cloud_watch::alarm::{Alarm, AlarmState, ComparisonOperator, TreatMissingData};
use super::cloud_watch::metric::{Metric, Statistic};
use super::{ApiError, World};

/// What the group is scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalingSignals {
    /// `MissingHosts` and `RemovableHosts`.
    Fleetkeeper,
    /// The book's `ContainerCapacity` and `IdleHostCapacity`.
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
    /// `ScaleOutMinutes`.
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
            scale_out_minutes: 2,
            scale_in_minutes: 5,
            spare_hosts: 0.0,
            scale_out_below: 1.0,
            scale_in_above: 1.0,
            instance_warmup_seconds: 300,
        }
    }

    /// The same by other signals.
    #[must_use]
    pub fn by(mut self, signals: ScalingSignals) -> Self {
        self.signals = signals;
        self
    }

    /// The alarm that adds instances: the best value of each minute is too bad.
    #[must_use]
    pub fn scale_out_alarm(&self) -> Alarm {
        let (metric, statistic, breach, threshold) = match self.signals {
            ScalingSignals::Fleetkeeper => {
                ("MissingHosts", Statistic::Minimum, ComparisonOperator::GreaterThanThreshold, 0.0)
            }
            ScalingSignals::Book => {
                let below = ComparisonOperator::LessThanThreshold;
                ("ContainerCapacity", Statistic::Maximum, below, self.scale_out_below)
            }
        };
        Alarm::new("ScaleOutAlarm", self.metric(metric), statistic, breach, threshold)
            .periods(self.scale_out_minutes, 60)
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
        Alarm::new("ScaleInAlarm", self.metric(metric), Statistic::Minimum, above, threshold)
            .periods(self.scale_in_minutes, 60)
            .treating_missing_data_as(TreatMissingData::NotBreaching)
            .executing(AlarmState::Alarm, &self.group, "ScaleInPolicy")
    }

    /// Never more instances than are missing; by the book's signals, one.
    #[must_use]
    pub fn scale_out_policy(&self) -> StepScalingPolicy {
        let steps = match self.signals {
            ScalingSignals::Fleetkeeper => {
                steps(&[(0.0, 1), (2.0, 2), (3.0, 3), (5.0, 5), (10.0, 10), (25.0, 25)])
            }
            ScalingSignals::Book => vec![StepAdjustment::new(None, Some(0.0), 1)],
        };
        StepScalingPolicy::new("ScaleOutPolicy", AdjustmentType::ChangeInCapacity, &steps)
            .warmup(self.instance_warmup_seconds)
    }

    /// Never more instances than can go; by the book's signals, one.
    #[must_use]
    pub fn scale_in_policy(&self) -> StepScalingPolicy {
        let steps = match self.signals {
            ScalingSignals::Fleetkeeper => steps(&[(0.0, -1), (2.0, -2), (5.0, -5), (10.0, -10)]),
            ScalingSignals::Book => vec![StepAdjustment::new(Some(0.0), None, -1)],
        };
        StepScalingPolicy::new("ScaleInPolicy", AdjustmentType::ChangeInCapacity, &steps)
    }

    fn metric(&self, name: &str) -> Metric {
        Metric::new(&self.metric_namespace, name, &[("ClusterName", &self.cluster)])
    }
}

/// Steps above a threshold, each from its lower bound to the next one's.
fn steps(from: &[(f64, i32)]) -> Vec<StepAdjustment> {
    let ends = from.iter().skip(1).map(|(lower, _)| Some(*lower)).chain([None]);
    from.iter().zip(ends).map(|(&(lower, by), upper)| StepAdjustment::new(Some(lower), upper, by)).collect()
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
