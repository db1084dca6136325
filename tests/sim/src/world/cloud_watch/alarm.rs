//! Alarms.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::metric::{Metric, Statistic};
use crate::world::ApiError;

/// How many more data points CloudWatch looks at than the evaluation periods, in case some are
/// missing. It does not say for every alarm; in its own examples three evaluation periods have an
/// evaluation range of five.
const EXTRA_POINTS: u32 = 2;

/// An alarm on one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// The metric that it watches.
    pub metric: Metric,
    /// The statistic of a period's values.
    pub statistic: Statistic,
    /// How that compares with the threshold in a breach.
    pub comparison: ComparisonOperator,
    /// The threshold.
    pub threshold: f64,
    /// A multiple of 60 seconds, or 10, 20 or 30.
    pub period_seconds: u32,
    /// How many periods it looks at.
    pub evaluation_periods: u32,
    /// In how many of them there must be a breach; all of them by default.
    pub datapoints_to_alarm: Option<u32>,
    /// Its treatment of a period without values.
    pub treat_missing_data: TreatMissingData,
    /// The scaling policies that it executes, and in which state. CloudWatch does not check that
    /// they exist.
    pub actions: Vec<AlarmAction>,
    /// The second of each minute at which it is evaluated: CloudWatch does not say which.
    pub evaluated_at_second: u32,
    /// How many more data points its evaluation range has than evaluation periods.
    pub extra_points: u32,
}

/// A scaling policy that an alarm executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmAction {
    /// In this state.
    pub on: AlarmState,
    /// The policy's group.
    pub group: String,
    /// The policy.
    pub policy: String,
}

/// An alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// Not enough is known. An alarm begins with this.
    InsufficientData,
    /// Within the threshold.
    Ok,
    /// Beyond the threshold.
    Alarm,
}

impl AlarmState {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

impl fmt::Display for AlarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a breach compares with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// It is greater.
    GreaterThanThreshold,
    /// It is greater, or the same.
    GreaterThanOrEqualToThreshold,
    /// It is less.
    LessThanThreshold,
    /// It is less, or the same.
    LessThanOrEqualToThreshold,
}

impl ComparisonOperator {
    pub(crate) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanThreshold => value > threshold,
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }
}

/// An alarm's treatment of a period without values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreatMissingData {
    /// Nothing; if all are missing, `INSUFFICIENT_DATA`. The default.
    Missing,
    /// The state stays as it is.
    Ignore,
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
}

impl Alarm {
    /// An alarm on one period of a minute, with CloudWatch's defaults and no actions.
    #[must_use]
    pub fn new(
        name: &str,
        metric: Metric,
        statistic: Statistic,
        comparison: ComparisonOperator,
        threshold: f64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            metric,
            statistic,
            comparison,
            threshold,
            period_seconds: 60,
            evaluation_periods: 1,
            datapoints_to_alarm: None,
            treat_missing_data: TreatMissingData::Missing,
            actions: Vec::new(),
            evaluated_at_second: 0,
            extra_points: EXTRA_POINTS,
        }
    }

    /// On this many periods of this length.
    #[must_use]
    pub fn periods(mut self, evaluation_periods: u32, period_seconds: u32) -> Self {
        self.evaluation_periods = evaluation_periods;
        self.period_seconds = period_seconds;
        self
    }

    /// For a breach in this many of its periods.
    #[must_use]
    pub fn datapoints_to_alarm(mut self, datapoints: u32) -> Self {
        self.datapoints_to_alarm = Some(datapoints);
        self
    }

    /// That makes this of missing data.
    #[must_use]
    pub fn treating_missing_data_as(mut self, treat: TreatMissingData) -> Self {
        self.treat_missing_data = treat;
        self
    }

    /// That executes a scaling policy in a state.
    #[must_use]
    pub fn executing(mut self, on: AlarmState, group: &str, policy: &str) -> Self {
        self.actions.push(AlarmAction { on, group: group.to_owned(), policy: policy.to_owned() });
        self
    }

    /// That is evaluated at this second of each minute.
    #[must_use]
    pub fn evaluated_at_second(mut self, second: u32) -> Self {
        self.evaluated_at_second = second;
        self
    }

    /// Looks this many data points further back than its evaluation periods.
    ///
    /// CloudWatch does not document the number. Its own examples show two. Recorded in 2026 with
    /// three periods of 10 s: six, over which a lone old breach counts while newer data is missing.
    #[must_use]
    pub fn looking_back(mut self, extra_points: u32) -> Self {
        self.extra_points = extra_points;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let refused = |said: &str| Err(ApiError::validation(said));
        if !matches!(self.period_seconds, 10 | 20 | 30)
            && (self.period_seconds == 0 || !self.period_seconds.is_multiple_of(60))
        {
            return refused("Period must be 10, 20, 30 or a multiple of 60");
        }
        if self.evaluation_periods == 0 {
            return refused("EvaluationPeriods must be at least 1");
        }
        if self.datapoints_to_alarm.is_some_and(|m| m == 0 || m > self.evaluation_periods) {
            return refused("DatapointsToAlarm must be between 1 and EvaluationPeriods");
        }
        let longest = if self.period_seconds < 3600 { 86_400 } else { 604_800 };
        if self.period_seconds.saturating_mul(self.evaluation_periods) > longest {
            return refused("Metrics cannot be checked across more than a day (EvaluationPeriods * Period)");
        }
        Ok(())
    }

    /// The end of the newest whole period at a time. Periods of a minute and more slide, minute by
    /// minute.
    pub(crate) fn last_period_end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let grain = if self.period_seconds < 60 { 10 } else { 60 };
        now - TimeDelta::seconds(now.timestamp().rem_euclid(grain))
            - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()))
    }

    /// The next time that it is evaluated: each minute or, with a period below that, every ten
    /// seconds.
    pub(crate) fn next_evaluation(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let (grain, second) =
            if self.period_seconds < 60 { (10, 0) } else { (60, i64::from(self.evaluated_at_second % 60)) };
        let start = self.last_period_end(now);
        let this = start + TimeDelta::seconds(second);
        if this > now { this } else { this + TimeDelta::seconds(grain) }
    }
}
