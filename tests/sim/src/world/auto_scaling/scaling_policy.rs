//! Step scaling policies: by how much a breach of an alarm changes a group's desired capacity.

use std::cmp::Ordering;

use super::group::Group;
use crate::world::{ApiError, World};

/// The most steps of a policy (user guide, "Quotas for Auto Scaling resources and groups").
const STEPS_MAX: usize = 20;

/// A policy of type `StepScaling`.
#[derive(Debug, Clone, PartialEq)]
pub struct StepScalingPolicy {
    /// Its name.
    pub name: String,
    /// The meaning of its adjustments.
    pub adjustment_type: AdjustmentType,
    /// By how much, for which breach.
    pub steps: Vec<StepAdjustment>,
    /// What it makes of the data points that the alarm looked at, to find a step:
    /// `MetricAggregationType`.
    pub metric_aggregation: MetricAggregation,
    /// The fewest instances that it adds or removes, by percent alone.
    pub min_adjustment_magnitude: Option<u32>,
    /// How long an instance takes from its service to a share in the metric. By default AWS takes
    /// the group's default cooldown, 300 s.
    pub estimated_instance_warmup_seconds: u32,
}

/// A policy's aggregation of recent data points (user guide, "as-scaling-simple-step").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricAggregation {
    /// Their mean: AWS's default.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

impl MetricAggregation {
    /// One value for several; none for none.
    pub(crate) fn of(self, values: &[f64]) -> Option<f64> {
        let all = values.iter().copied();
        match self {
            Self::Average => {
                let count = all.clone().fold(0.0, |count, _| count + 1.0);
                (count > 0.0).then(|| all.sum::<f64>() / count)
            }
            Self::Minimum => all.reduce(f64::min),
            Self::Maximum => all.reduce(f64::max),
        }
    }
}

/// The meaning of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentType {
    /// This many instances more or less.
    ChangeInCapacity,
    /// This many instances.
    ExactCapacity,
    /// This many percent more or less.
    PercentChangeInCapacity,
}

/// An adjustment for breaches of some size: the metric's value less the alarm's threshold.
///
/// Above the threshold the lower bound belongs to the step and the upper one does not, below it the
/// other way round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepAdjustment {
    /// From here; none: from minus infinity.
    pub lower_bound: Option<f64>,
    /// To here; none: to infinity.
    pub upper_bound: Option<f64>,
    /// The adjustment.
    pub scaling_adjustment: i32,
}

impl StepAdjustment {
    /// A step.
    #[must_use]
    pub const fn new(lower_bound: Option<f64>, upper_bound: Option<f64>, scaling_adjustment: i32) -> Self {
        Self { lower_bound, upper_bound, scaling_adjustment }
    }

    fn holds(&self, breach: f64) -> bool {
        // A breach of nothing at all is the first of a step from the threshold up, and the last of
        // one up to it.
        let above = breach > 0.0 || (breach >= 0.0 && self.lower_bound.is_some_and(|lower| lower >= 0.0));
        let (from, to) =
            (self.lower_bound.unwrap_or(f64::NEG_INFINITY), self.upper_bound.unwrap_or(f64::INFINITY));
        if above { from <= breach && breach < to } else { from < breach && breach <= to }
    }
}

impl StepScalingPolicy {
    /// A policy with AWS's defaults.
    #[must_use]
    pub fn new(name: &str, adjustment_type: AdjustmentType, steps: &[StepAdjustment]) -> Self {
        Self {
            name: name.to_owned(),
            adjustment_type,
            steps: steps.to_vec(),
            metric_aggregation: MetricAggregation::Average,
            min_adjustment_magnitude: None,
            estimated_instance_warmup_seconds: 300,
        }
    }

    /// With a warm-up of its own.
    #[must_use]
    pub fn warmup(mut self, seconds: u32) -> Self {
        self.estimated_instance_warmup_seconds = seconds;
        self
    }

    /// That makes this of recent data points.
    #[must_use]
    pub fn aggregating(mut self, aggregation: MetricAggregation) -> Self {
        self.metric_aggregation = aggregation;
        self
    }

    /// That adds or removes no fewer.
    #[must_use]
    pub fn min_adjustment_magnitude(mut self, instances: u32) -> Self {
        self.min_adjustment_magnitude = Some(instances);
        self
    }

    /// The adjustment for a breach of this size, if there is one.
    pub(crate) fn adjustment(&self, breach: f64) -> Option<i64> {
        let step = self.steps.iter().find(|step| step.holds(breach))?;
        Some(i64::from(step.scaling_adjustment))
    }

    /// The capacity that an adjustment leads to from another. By percent AWS rounds towards zero,
    /// but never to zero.
    pub(crate) fn target(&self, capacity: i64, adjustment: i64) -> i64 {
        match self.adjustment_type {
            AdjustmentType::ChangeInCapacity => capacity + adjustment,
            AdjustmentType::ExactCapacity => adjustment,
            AdjustmentType::PercentChangeInCapacity => {
                let hundredfold = capacity * adjustment;
                let change = match hundredfold / 100 {
                    0 => hundredfold.signum(),
                    change => change,
                };
                let least = i64::from(self.min_adjustment_magnitude.unwrap_or(0));
                capacity + if change.abs() < least { adjustment.signum() * least } else { change }
            }
        }
    }

    fn check(&self) -> Result<(), ApiError> {
        let refused = |said: &str| Err(ApiError::validation(said));
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by(|a, b| {
            let lower = |step: &StepAdjustment| step.lower_bound.unwrap_or(f64::NEG_INFINITY);
            lower(a).total_cmp(&lower(b))
        });
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            return refused("At least one StepAdjustment must be specified for a step scaling policy");
        };
        if steps.len() > STEPS_MAX {
            return refused("A step scaling policy can have at most 20 StepAdjustments");
        }
        let less = |lower: Option<f64>, upper: Option<f64>| match (lower, upper) {
            (Some(lower), Some(upper)) => lower < upper,
            _ => true,
        };
        if steps.iter().any(|step| !less(step.lower_bound, step.upper_bound)) {
            return refused("The lower bound of a StepAdjustment must be below its upper bound");
        }
        let meet =
            |(low, high): (&&StepAdjustment, &&StepAdjustment)| match (low.upper_bound, high.lower_bound) {
                (Some(upper), Some(lower)) => upper.total_cmp(&lower) == Ordering::Equal,
                _ => false,
            };
        if !steps.iter().zip(steps.iter().skip(1)).all(meet) {
            return refused("StepAdjustments must not overlap or leave a gap");
        }
        if first.lower_bound.is_some_and(|lower| lower < 0.0) {
            return refused("With a negative lower bound there must be a StepAdjustment without one");
        }
        if last.upper_bound.is_some_and(|upper| upper > 0.0) {
            return refused("With a positive upper bound there must be a StepAdjustment without one");
        }
        let exact = self.adjustment_type == AdjustmentType::ExactCapacity;
        if exact && steps.iter().any(|step| step.scaling_adjustment < 0) {
            return refused("An exact capacity must not be negative");
        }
        let by_percent = self.adjustment_type == AdjustmentType::PercentChangeInCapacity;
        if self.min_adjustment_magnitude.is_some() && !by_percent {
            return refused("MinAdjustmentMagnitude is for PercentChangeInCapacity only");
        }
        Ok(())
    }
}

impl World {
    /// `PutScalingPolicy`, of type `StepScaling`.
    pub fn put_scaling_policy(&mut self, group: &str, policy: StepScalingPolicy) -> Result<(), ApiError> {
        let found: &mut Group = self.group_mut(group)?;
        policy.check()?;
        found.policies.insert(policy.name.clone(), policy);
        Ok(())
    }
}
