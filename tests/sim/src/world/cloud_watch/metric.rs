//! Metrics: the data that were put, in periods.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{MetricDatum, StorageResolution};

use super::MetricData;
use crate::world::World;

/// A metric's identity. CloudWatch rolls nothing up: with other dimensions, or with fewer, it is
/// another metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// All dimensions.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric.
    #[must_use]
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.collect() }
    }
}

/// A statistic of a period's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// All of them together.
    Sum,
    /// How many there are.
    SampleCount,
}

/// The aggregates of a period's values.
#[derive(Debug, Clone, Copy)]
struct StatisticSet {
    sum: f64,
    minimum: f64,
    maximum: f64,
    count: f64,
}

impl StatisticSet {
    fn of(value: f64) -> Self {
        Self { sum: value, minimum: value, maximum: value, count: 1.0 }
    }

    fn and(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
            count: self.count + other.count,
        }
    }

    fn get(self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Average => self.sum / self.count,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Sum => self.sum,
            Statistic::SampleCount => self.count,
        }
    }
}

/// Periods of one length, by their number since 1970.
#[derive(Debug, Clone, Default)]
struct Periods(BTreeMap<i64, StatisticSet>);

impl Periods {
    /// Adds a value to its period, and forgets the oldest periods beyond `kept`.
    fn add(&mut self, period: i64, value: f64, kept: usize) {
        let value = StatisticSet::of(value);
        self.0.entry(period).and_modify(|set| *set = set.and(value)).or_insert(value);
        if self.0.len() > kept {
            self.0.pop_first();
        }
    }

    fn between(&self, from: i64, to: i64) -> Option<StatisticSet> {
        self.0.range(from..to).map(|(_, set)| *set).reduce(StatisticSet::and)
    }
}

/// CloudWatch keeps one-minute periods for 15 days.
const MINUTES_KEPT: usize = 15 * 24 * 60;

/// CloudWatch keeps periods below a minute for three hours.
const TEN_SECONDS_KEPT: usize = 3 * 60 * 6;

/// The values of a metric.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    dimensions: BTreeMap<String, String>,
    minutes: Periods,
    /// Of what was put with a resolution of one second alone.
    ten_seconds: Periods,
}

impl Series {
    fn has_dimensions_of(&self, datum: &MetricDatum) -> bool {
        self.dimensions.len() == datum.dimensions.len()
            && datum.dimensions.iter().all(|(name, value)| self.dimensions.get(*name) == Some(value))
    }

    /// The statistic of the period that begins at a time; none where nothing was put for it.
    pub(crate) fn statistic(
        &self,
        statistic: Statistic,
        from: DateTime<Utc>,
        period_seconds: u32,
    ) -> Option<f64> {
        let (periods, length) = match period_seconds % 60 {
            0 => (&self.minutes, 60),
            _ => (&self.ten_seconds, 10),
        };
        let start = from.timestamp().div_euclid(length);
        let set = periods.between(start, start + i64::from(period_seconds) / length)?;
        Some(set.get(statistic))
    }
}

/// All metrics, by namespace and name.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricStore(BTreeMap<String, BTreeMap<String, Vec<Series>>>);

impl MetricStore {
    pub(crate) fn add(&mut self, put: &MetricData) {
        if !self.0.contains_key(&put.namespace) {
            self.0.insert(put.namespace.clone(), BTreeMap::new());
        }
        let Some(metrics) = self.0.get_mut(&put.namespace) else { return };
        let second = put.at.timestamp();
        for datum in &put.data {
            if !metrics.contains_key(datum.name) {
                metrics.insert(datum.name.to_owned(), Vec::new());
            }
            let Some(all) = metrics.get_mut(datum.name) else { continue };
            if !all.iter().any(|series| series.has_dimensions_of(datum)) {
                let dimensions = datum.dimensions.iter();
                all.push(Series {
                    dimensions: dimensions.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
                    minutes: Periods::default(),
                    ten_seconds: Periods::default(),
                });
            }
            let Some(series) = all.iter_mut().find(|series| series.has_dimensions_of(datum)) else {
                continue;
            };
            series.minutes.add(second.div_euclid(60), datum.value, MINUTES_KEPT);
            if put.resolution == StorageResolution::OneSecond {
                series.ten_seconds.add(second.div_euclid(10), datum.value, TEN_SECONDS_KEPT);
            }
        }
    }

    pub(crate) fn series(&self, metric: &Metric) -> Option<&Series> {
        let all = self.0.get(&metric.namespace)?.get(&metric.name)?;
        all.iter().find(|series| series.dimensions == metric.dimensions)
    }
}

impl World {
    /// A statistic of the values that a metric had in a period; None where it had no value. The
    /// period is a multiple of 60 seconds from a full minute on. Of values with a resolution of one
    /// second it may also be 10, 20 or 30 seconds.
    #[must_use]
    pub fn metric_statistic(
        &self,
        metric: &Metric,
        statistic: Statistic,
        from: DateTime<Utc>,
        period_seconds: u32,
    ) -> Option<f64> {
        self.metrics.series(metric)?.statistic(statistic, from, period_seconds)
    }
}
