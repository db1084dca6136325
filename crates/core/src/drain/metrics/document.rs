//! A document in CloudWatch's embedded metric format (CloudWatch user guide, "Specification:
//! Embedded metric format").

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::DrainMetrics;
use crate::metric_namespace::CLUSTER_DIMENSION;

/// A property has at most this many characters. A document has at most 1 MB, and an error's chain
/// can quote any input.
const PROPERTY_MAX: usize = 1024;

/// A property's text, cut to what a document holds.
pub(super) fn property(text: &str) -> Value {
    text.chars().take(PROPERTY_MAX).collect::<String>().into()
}

/// One JSON object. The names of metrics, dimension and properties all differ.
pub(super) fn document(metrics: &DrainMetrics) -> Value {
    let definitions: Vec<_> = metrics
        .values
        .iter()
        .map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()}))
        .collect();
    let mut document = Map::new();
    document.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": metrics.at.timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": metrics.namespace,
                "Dimensions": [[CLUSTER_DIMENSION]],
                "Metrics": definitions,
            }],
        }),
    );
    document.insert("timestamp".to_owned(), metrics.at.to_rfc3339_opts(SecondsFormat::Millis, true).into());
    document.insert(CLUSTER_DIMENSION.to_owned(), metrics.cluster.clone().into());
    for (metric, value) in &metrics.values {
        document.insert(metric.name().to_owned(), (*value).into());
    }
    for (name, value) in &metrics.properties {
        document.insert((*name).to_owned(), value.clone());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::drain::metrics::{DrainSubject, Finish};

    const SUBJECT: DrainSubject<'_> =
        DrainSubject { ec2_instance_id: "i-0a1b2c3d4e5f60718", group: Some("demo-asg"), hook: Some("drain") };

    fn finished(took: Duration, tasks: u32, deadline_exceeded: bool, reason: &str) -> DrainMetrics {
        let cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap();
        let at = "2026-11-22T10:00:00.250Z".parse().unwrap();
        let finish = Finish { took, tasks, deadline_exceeded };
        DrainMetrics::finished("ECS/Fleetkeeper", &cluster, at, &SUBJECT, finish, &reason)
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
        let metrics = finished(Duration::from_millis(61_500), 4, false, "drained");
        assert_eq!(
            metrics.document(),
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
        assert_as_specified(&metrics.document());
        assert_eq!(finished(Duration::ZERO, 0, true, "").document()["DrainDeadlineExceeded"], 1.0);
    }

    #[test]
    fn a_drain_that_failed_counts_one_error_and_nothing_else() {
        let cluster = "demo".parse().unwrap();
        let subject = DrainSubject { group: None, hook: None, ..SUBJECT };
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let failed = DrainMetrics::failed("N", &cluster, at, &subject, &"a call\nfailed").document();
        assert_as_specified(&failed);
        assert_eq!(failed["DrainErrors"], 1.0);
        assert_eq!(failed["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(failed["reason"], "a call\nfailed");
        assert!(failed.get("group").is_none() && failed.get("hook").is_none());
    }

    #[test]
    fn a_drain_that_was_cut_short_counts_and_is_no_error() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let reason = "the hook ran out";
        let cut_short = DrainMetrics::cut_short("N", &"demo".parse().unwrap(), at, &SUBJECT, 3, &reason);
        let document = cut_short.document();
        assert_as_specified(&document);
        let metrics = ["DrainCutShort", "DrainErrors"].map(|name| document[name].as_f64());
        assert_eq!(metrics, [Some(1.0), Some(0.0)]);
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 2);
        assert_eq!((&document["tasks"], &document["reason"]), (&json!(3), &json!(reason)));
        let subject = ["ec2InstanceId", "group", "hook"].map(|name| document[name].as_str());
        assert_eq!(subject, [Some("i-0a1b2c3d4e5f60718"), Some("demo-asg"), Some("drain")]);
    }

    #[test]
    fn drains_in_progress_are_the_clusters_and_no_instances() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let counted = DrainMetrics::in_progress("N", &"demo".parse().unwrap(), at, 3).document();
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
            let metrics = finished(Duration::from_secs(seconds), tasks, deadline_exceeded, &reason);
            assert_as_specified(&metrics.document());
        }
    }
}
