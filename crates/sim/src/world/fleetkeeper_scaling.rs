//! The alarms and scaling policies that Fleetkeeper's users deploy.
//!
//! Names and numbers are those of `infra/template.yaml`, under "What the metrics do", with its parameters' defaults.

use super::auto_scaling::scaling_policy::{AdjustmentType, StepAdjustment, StepScalingPolicy};
use super::cloud_watch::alarm::{Alarm, AlarmState, ComparisonOperator, TreatMissingData};
use super::cloud_watch::metric::{Metric, Statistic};
use super::{ApiError, World};

/// The template's parameters for scaling, and what they default to.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetkeeperScaling {
    /// `ClusterName`.
    pub cluster: String,
    /// `AutoScalingGroupName`.
    pub group: String,
    /// `MetricNamespace`.
    pub metric_namespace: String,
    /// The metric that the template scales out by.
    pub scale_out_metric: String,
    /// `ScaleOutBelow`.
    pub scale_out_below: f64,
    /// `ScaleOutMinutes`.
    pub scale_out_minutes: u32,
    /// The metric that the template scales in by.
    pub scale_in_metric: String,
    /// `ScaleInAbove`.
    pub scale_in_above: f64,
    /// `ScaleInMinutes`.
    pub scale_in_minutes: u32,
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
            scale_out_metric: "PlaceableContainers".to_owned(),
            scale_out_below: 1.0,
            scale_out_minutes: 2,
            scale_in_metric: "RemovableHosts".to_owned(),
            scale_in_above: 0.0,
            scale_in_minutes: 5,
            instance_warmup_seconds: 300,
        }
    }

    /// The alarm that adds an instance: the highest value of each minute is below.
    #[must_use]
    pub fn scale_out_alarm(&self) -> Alarm {
        let metric = self.metric(&self.scale_out_metric);
        let below = ComparisonOperator::LessThanThreshold;
        Alarm::new("PlaceableContainersLow", metric, Statistic::Maximum, below, self.scale_out_below)
            .periods(self.scale_out_minutes, 60)
            .treating_missing_data_as(TreatMissingData::NotBreaching)
            .executing(AlarmState::Alarm, &self.group, "ScaleOutPolicy")
    }

    /// The alarm that removes an instance: the lowest value of each minute is above.
    #[must_use]
    pub fn scale_in_alarm(&self) -> Alarm {
        let metric = self.metric(&self.scale_in_metric);
        let above = ComparisonOperator::GreaterThanThreshold;
        Alarm::new("RemovableHostsHigh", metric, Statistic::Minimum, above, self.scale_in_above)
            .periods(self.scale_in_minutes, 60)
            .treating_missing_data_as(TreatMissingData::NotBreaching)
            .executing(AlarmState::Alarm, &self.group, "ScaleInPolicy")
    }

    /// One instance more for any breach downwards.
    #[must_use]
    pub fn scale_out_policy(&self) -> StepScalingPolicy {
        let step = StepAdjustment::new(None, Some(0.0), 1);
        StepScalingPolicy::new("ScaleOutPolicy", AdjustmentType::ChangeInCapacity, &[step])
            .warmup(self.instance_warmup_seconds)
    }

    /// One instance less for any breach upwards.
    #[must_use]
    pub fn scale_in_policy(&self) -> StepScalingPolicy {
        let step = StepAdjustment::new(Some(0.0), None, -1);
        StepScalingPolicy::new("ScaleInPolicy", AdjustmentType::ChangeInCapacity, &[step])
    }

    fn metric(&self, name: &str) -> Metric {
        Metric::new(&self.metric_namespace, name, &[("ClusterName", &self.cluster)])
    }
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
