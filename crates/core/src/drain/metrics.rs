//! The metrics of drains: documents in CloudWatch's embedded metric format (CloudWatch user guide,
//! "Specification: Embedded metric format").

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::metric_namespace::CLUSTER_DIMENSION;

/// A property has at most this many characters. A document has at most 1 MB, and an error's chain
/// can quote any input.
const PROPERTY_MAX: usize = 1024;

/// The metrics of a group's drains.
///
/// Their only dimension is the cluster's name. All else about a drain is a property of the
/// document: log queries find it, and it costs no further metric.
#[derive(Debug, Clone, Copy)]
pub struct DrainMetrics<'a> {
    /// The metrics' namespace.
    pub namespace: &'a str,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The Auto Scaling group.
    pub group: &'a str,
    /// The hook that waits.
    pub hook: &'a str,
}

/// A metric of drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainMetric {
    /// Seconds from a drain's notice to its end: 61.5.
    DrainSeconds,
    /// Tasks of an instance that stopped during its drain: 4.
    DrainedTasks,
    /// 1 for a drain whose timeout passed before its tasks had stopped, 0 for any other that
    /// finished.
    DrainDeadlineExceeded,
    /// 1 for a drain that failed in an invocation, 0 for each that ended. So an alarm always has
    /// data.
    DrainErrors,
    /// Drains under way in the cluster: 3.
    DrainsInProgress,
    /// 1 for a drain whose lifecycle action ended before its tasks had stopped and before its
    /// timeout, 0 for each that finished.
    DrainCutShort,
}

/// How a drain finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// The time from its notice to its end.
    pub took: Duration,
    /// Tasks of its instance that stopped.
    pub tasks: u32,
    /// True if its timeout passed before its tasks had stopped.
    pub deadline_exceeded: bool,
}

impl DrainMetrics<'_> {
    /// A drain finished: the drainer completed its hook.
    #[must_use]
    pub fn finished(&self, id: &str, finish: Finish, reason: &impl Display, at: DateTime<Utc>) -> Value {
        let values = [
            (DrainMetric::DrainSeconds, finish.took.as_secs_f64()),
            (DrainMetric::DrainedTasks, f64::from(finish.tasks)),
            (DrainMetric::DrainDeadlineExceeded, f64::from(u8::from(finish.deadline_exceeded))),
            (DrainMetric::DrainErrors, 0.0),
            (DrainMetric::DrainCutShort, 0.0),
        ];
        self.document(&values, self.of_instance(id, reason), at)
    }

    /// A drain was cut short: its lifecycle action ended before its tasks had stopped and before
    /// its timeout. `tasks` counts those that had not stopped.
    ///
    /// The document has no `DrainSeconds`. Such a drain would make the others look short.
    #[must_use]
    pub fn cut_short(&self, id: &str, tasks: usize, reason: &impl Display, at: DateTime<Utc>) -> Value {
        let values = [(DrainMetric::DrainErrors, 0.0), (DrainMetric::DrainCutShort, 1.0)];
        let mut properties = self.of_instance(id, reason);
        properties.insert("tasks".to_owned(), tasks.into());
        self.document(&values, properties, at)
    }

    /// A drain failed in this invocation. Its hook stays open.
    #[must_use]
    pub fn failed(&self, id: &str, reason: &impl Display, at: DateTime<Utc>) -> Value {
        self.document(&[(DrainMetric::DrainErrors, 1.0)], self.of_instance(id, reason), at)
    }

    /// The number of the cluster's drains under way.
    #[must_use]
    pub fn in_progress(&self, drains: usize, at: DateTime<Utc>) -> Value {
        let drains = f64::from(u32::try_from(drains).unwrap_or(u32::MAX));
        self.document(&[(DrainMetric::DrainsInProgress, drains)], Map::new(), at)
    }

    fn of_instance(&self, id: &str, reason: &impl Display) -> Map<String, Value> {
        let reason = reason.to_string();
        let texts = [("ec2InstanceId", id), ("group", self.group), ("hook", self.hook), ("reason", &reason)];
        let cut = |text: &str| text.chars().take(PROPERTY_MAX).collect::<String>();
        texts.map(|(name, text)| (name.to_owned(), cut(text).into())).into_iter().collect()
    }

    /// One JSON object. The names of metrics, dimension and properties all differ.
    fn document(
        &self,
        values: &[(DrainMetric, f64)],
        properties: Map<String, Value>,
        at: DateTime<Utc>,
    ) -> Value {
        let definitions =
            values.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()}));
        let directive = json!({
            "Namespace": self.namespace,
            "Dimensions": [[CLUSTER_DIMENSION]],
            "Metrics": definitions.collect::<Vec<_>>(),
        });
        let mut document = properties;
        document.extend([
            (
                "_aws".to_owned(),
                json!({"Timestamp": at.timestamp_millis(), "CloudWatchMetrics": [directive]}),
            ),
            ("timestamp".to_owned(), at.to_rfc3339_opts(SecondsFormat::Millis, true).into()),
            (CLUSTER_DIMENSION.to_owned(), self.cluster.name().into()),
        ]);
        document.extend(values.iter().map(|(metric, value)| (metric.name().to_owned(), (*value).into())));
        Value::Object(document)
    }
}

impl DrainMetric {
    /// The metric's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DrainSeconds => "DrainSeconds",
            Self::DrainedTasks => "DrainedTasks",
            Self::DrainDeadlineExceeded => "DrainDeadlineExceeded",
            Self::DrainErrors => "DrainErrors",
            Self::DrainsInProgress => "DrainsInProgress",
            Self::DrainCutShort => "DrainCutShort",
        }
    }

    /// CloudWatch's unit for it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::DrainSeconds => "Seconds",
            Self::DrainedTasks
            | Self::DrainDeadlineExceeded
            | Self::DrainErrors
            | Self::DrainsInProgress
            | Self::DrainCutShort => "Count",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const ID: &str = "i-0a1b2c3d4e5f60718";

    fn metrics(cluster: &Cluster) -> DrainMetrics<'_> {
        DrainMetrics { namespace: "ECS/Fleetkeeper", cluster, group: "demo-asg", hook: "drain" }
    }

    fn cluster() -> Cluster {
        "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap()
    }

    fn at() -> DateTime<Utc> {
        "2026-11-22T10:00:00.250Z".parse().unwrap()
    }

    fn finished(took: Duration, tasks: u32, deadline_exceeded: bool, reason: &str) -> Value {
        let finish = Finish { took, tasks, deadline_exceeded };
        metrics(&cluster()).finished(ID, finish, &reason, at())
    }

    /// The rules of the specification, each as it stands there.
    fn assert_as_specified(document: &Value) {
        let line = document.to_string();
        assert!(!line.contains(['\n', '\r']), "a line of the log: {line}");
        assert!(line.len() <= 1_048_576);
        assert!(serde_json::from_str::<Map<String, Value>>(&line).is_ok(), "one object: {line}");
        let root = document.as_object().unwrap();

        let meta = root["_aws"].as_object().unwrap();
        assert!(meta["Timestamp"].is_i64() || meta["Timestamp"].is_u64());
        for directive in meta["CloudWatchMetrics"].as_array().unwrap() {
            let members: Vec<_> = directive.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["Dimensions", "Metrics", "Namespace"]);
            assert!((1..=1024).contains(&directive["Namespace"].as_str().unwrap().chars().count()));

            for set in directive["Dimensions"].as_array().unwrap() {
                assert!(set.as_array().unwrap().len() <= 30);
                for dimension in set.as_array().unwrap() {
                    let value = root[dimension.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1024).contains(&value.chars().count()), "{value}");
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            let names: BTreeSet<_> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
            assert_eq!(names.len(), metrics.len(), "each once");
            for metric in metrics {
                let value = root[metric["Name"].as_str().unwrap()].as_f64().unwrap();
                assert!(value.is_finite() && value.abs() <= 2_f64.powi(360));
                assert!(["Seconds", "Count"].contains(&metric["Unit"].as_str().unwrap()));
            }
        }
    }

    #[test]
    fn a_drain_that_finished_is_one_document() {
        let document = finished(Duration::from_millis(61_500), 4, false, "drained");
        assert_eq!(
            document,
            json!({
                "_aws": {
                    "Timestamp": 1_795_341_600_250_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "ECS/Fleetkeeper",
                        "Dimensions": [["ClusterName"]],
                        "Metrics": [
                            {"Name": "DrainSeconds", "Unit": "Seconds"},
                            {"Name": "DrainedTasks", "Unit": "Count"},
                            {"Name": "DrainDeadlineExceeded", "Unit": "Count"},
                            {"Name": "DrainErrors", "Unit": "Count"},
                            {"Name": "DrainCutShort", "Unit": "Count"},
                        ],
                    }],
                },
                "timestamp": "2026-11-22T10:00:00.250Z",
                "ClusterName": "demo",
                "DrainSeconds": 61.5,
                "DrainedTasks": 4.0,
                "DrainDeadlineExceeded": 0.0,
                "DrainErrors": 0.0,
                "DrainCutShort": 0.0,
                "ec2InstanceId": "i-0a1b2c3d4e5f60718",
                "group": "demo-asg",
                "hook": "drain",
                "reason": "drained",
            })
        );
        assert_as_specified(&document);
        assert_eq!(finished(Duration::ZERO, 0, true, "")["DrainDeadlineExceeded"], 1.0);
    }

    #[test]
    fn a_drain_that_failed_counts_one_error_and_nothing_else() {
        let failed = metrics(&cluster()).failed(ID, &"a call\nfailed", at());
        assert_as_specified(&failed);
        assert_eq!(failed["DrainErrors"], 1.0);
        assert_eq!(failed["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(failed["reason"], "a call\nfailed");
    }

    #[test]
    fn a_drain_that_was_cut_short_counts_and_is_no_error() {
        let reason = "the hook ran out";
        let document = metrics(&cluster()).cut_short(ID, 3, &reason, at());
        assert_as_specified(&document);
        let values = ["DrainCutShort", "DrainErrors"].map(|name| document[name].as_f64());
        assert_eq!(values, [Some(1.0), Some(0.0)]);
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 2);
        assert_eq!((&document["tasks"], &document["reason"]), (&json!(3), &json!(reason)));
        let subject = ["ec2InstanceId", "group", "hook"].map(|name| document[name].as_str());
        assert_eq!(subject, [Some(ID), Some("demo-asg"), Some("drain")]);
    }

    #[test]
    fn drains_in_progress_are_the_clusters_and_no_instances() {
        let counted = metrics(&cluster()).in_progress(3, at());
        assert_as_specified(&counted);
        assert_eq!(counted["DrainsInProgress"], 3.0);
        let members: Vec<_> = counted.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["ClusterName", "DrainsInProgress", "_aws", "timestamp"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_drain_was_its_document_is_as_specified(
            seconds in any::<u64>(),
            tasks in any::<u32>(),
            deadline_exceeded in any::<bool>(),
            reason in prop_oneof!["(?s).{0,60}", Just("ü\n".repeat(600_000))],
        ) {
            assert_as_specified(&finished(Duration::from_secs(seconds), tasks, deadline_exceeded, &reason));
        }
    }
}
