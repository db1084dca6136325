//! The hook's `NotificationMetadata`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::unreadable::{UnreadableMessage, malformed};
use crate::cluster::Cluster;
use crate::drain::schedule::DRAIN_TIMEOUT_SECONDS_MAX;

const FIELD: &str = "NotificationMetadata";
const CLUSTER: &str = "cluster";
const DRAIN_TIMEOUT: &str = "drainTimeoutSeconds";
const ACCEPTED: &str = "{\"cluster\": \"NAME or ARN\", \"drainTimeoutSeconds\": SECONDS}";

/// A report quotes at most this many characters of the metadata.
const QUOTED_MAX: usize = 200;

/// A hook's `NotificationMetadata`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The cluster of the hook's instances.
    pub(super) cluster: Option<Cluster>,
    /// The longest drain of the hook's instances.
    pub(super) drain_timeout: Option<Duration>,
    /// One line: what the metadata holds and what is accepted, where the two differ.
    pub(super) not_understood: Option<String>,
}

/// The longest drain that a hook's `NotificationMetadata` sets, or none if the metadata is
/// malformed. Each notice of such a hook is an error, which names the malformed value.
#[must_use]
pub fn drain_timeout_of(metadata_text: Option<&str>) -> Option<Duration> {
    let metadata = read_metadata(metadata_text.map(Value::from).as_ref());
    metadata.ok().and_then(|metadata| metadata.drain_timeout)
}

/// Reads the metadata. A malformed value of our own keys is an error.
///
/// Auto Scaling accepts any text here (API reference, `PutLifecycleHook`), and other tools may own
/// it. But a hook whose author meant to name a cluster must not drain in another one. So the notice
/// reports all metadata that cannot be understood, and the drain then mistrusts `ECS_CLUSTER`.
pub(super) fn read_metadata(value: Option<&Value>) -> Result<Metadata, UnreadableMessage> {
    let text = match value {
        None | Some(Value::Null) => return Ok(Metadata::default()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Metadata::default()),
        Some(Value::String(text)) => text,
        // Auto Scaling sends a text. A person who writes an event by hand may send an object.
        Some(other) => return Ok(Metadata::not_understood(&other.to_string())),
    };
    match serde_json::from_str(text) {
        Ok(Value::Null) => Ok(Metadata::default()),
        Ok(Value::Object(members)) => Ok(Metadata {
            cluster: cluster(&members)?,
            drain_timeout: drain_timeout(&members)?,
            not_understood: (!is_understood(&members)).then(|| not_understood(text)),
        }),
        Ok(_) | Err(_) => Ok(Metadata::not_understood(text)),
    }
}

impl Metadata {
    fn not_understood(text: &str) -> Self {
        Self { not_understood: Some(not_understood(text)), ..Self::default() }
    }
}

/// Returns whether the members say nothing, or have one of our keys. Keys of other tools may stand
/// beside ours, except one that reads like a slip for `cluster` where that is absent:
/// `ClusterName`.
fn is_understood(members: &Map<String, Value>) -> bool {
    if members.values().all(Value::is_null) {
        return true;
    }
    let names_cluster = |key: &String| key.to_lowercase().contains(CLUSTER);
    let misspelt = !members.contains_key(CLUSTER) && members.keys().any(names_cluster);
    !misspelt && [CLUSTER, DRAIN_TIMEOUT].iter().any(|key| members.contains_key(*key))
}

/// The metadata and the accepted forms, on one line.
fn not_understood(text: &str) -> String {
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted: String = one_line.chars().take(QUOTED_MAX).collect();
    let cut = if quoted.len() < one_line.len() { "..." } else { "" };
    format!("{FIELD} is not understood: {quoted}{cut}; accepted: {ACCEPTED}")
}

fn cluster(members: &Map<String, Value>) -> Result<Option<Cluster>, UnreadableMessage> {
    let invalid = |problem: &dyn std::fmt::Display| malformed(FIELD, format_args!("{CLUSTER}: {problem}"));
    match members.get(CLUSTER) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(cluster)) => cluster.parse().map(Some).map_err(|problem| invalid(&problem)),
        Some(other) => Err(invalid(&format_args!("{other} is not accepted: a cluster's name or ARN"))),
    }
}

fn drain_timeout(members: &Map<String, Value>) -> Result<Option<Duration>, UnreadableMessage> {
    let value = match members.get(DRAIN_TIMEOUT) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    match value.as_u64() {
        Some(seconds) if (1..=DRAIN_TIMEOUT_SECONDS_MAX).contains(&seconds) => {
            Ok(Some(Duration::from_secs(seconds)))
        }
        _ => Err(malformed(
            FIELD,
            format_args!(
                "{DRAIN_TIMEOUT}: {value} is not accepted: whole seconds from 1 to \
                 {DRAIN_TIMEOUT_SECONDS_MAX}"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn read(text: &str) -> Result<Metadata, UnreadableMessage> {
        read_metadata(Some(&text.into()))
    }

    #[test]
    fn the_cluster_and_the_longest_drain_are_read_beside_keys_of_other_tools() {
        for (text, cluster, seconds) in [
            (r#"{"cluster": "blue", "drainTimeoutSeconds": 600}"#, Some("blue"), Some(600)),
            (r#"{"cluster": "blue"}"#, Some("blue"), None),
            (" {\"drainTimeoutSeconds\": 172800}\n", None, Some(172_800)),
            (r#"{"cluster": "blue", "team": "x", "clusterName": 5}"#, Some("blue"), None),
            (r#"{"cluster": null, "team": "x"}"#, None, None),
        ] {
            let metadata = read(text).unwrap();
            assert_eq!(metadata.cluster.as_ref().map(Cluster::name), cluster, "{text}");
            assert_eq!(metadata.drain_timeout, seconds.map(Duration::from_secs), "{text}");
            assert_eq!(metadata.not_understood, None, "{text}");
        }
    }

    #[test]
    fn empty_metadata_says_nothing() {
        assert_eq!(read_metadata(None).unwrap(), Metadata::default());
        assert_eq!(read_metadata(Some(&Value::Null)).unwrap(), Metadata::default());
        for text in ["", " \n", "{}", "null", r#"{"cluster": null}"#, r#"{"team": null}"#] {
            assert_eq!(read(text).unwrap(), Metadata::default(), "{text:?}");
        }
    }

    #[test]
    fn metadata_that_is_not_understood_is_reported_and_not_believed() {
        for text in [
            r#"{"ClusterName": "blue"}"#,
            r#"{"Cluster": "blue"}"#,
            r#"{"team": "x"}"#,
            r#"["blue"]"#,
            "[]",
            "blue",
            "cluster=blue",
            "5",
            "true",
            r#""{\"cluster\": \"blue\"}""#,
            r#"{"cluster": "blue""#,
        ] {
            let metadata = read(text).unwrap();
            assert_eq!((&metadata.cluster, metadata.drain_timeout), (&None, None), "{text}");
            let accepted = r#"accepted: {"cluster": "NAME or ARN", "drainTimeoutSeconds": SECONDS}"#;
            let report = format!("NotificationMetadata is not understood: {text}; {accepted}");
            assert_eq!(metadata.not_understood, Some(report));
        }
        let object = serde_json::json!({"cluster": "blue"});
        assert!(read_metadata(Some(&object)).unwrap().not_understood.is_some());
    }

    #[test]
    fn a_slip_for_the_cluster_is_reported_beside_a_drain_timeout_that_counts() {
        let metadata = read(r#"{"Cluster": "blue", "drainTimeoutSeconds": 600}"#).unwrap();
        assert_eq!(metadata.drain_timeout, Some(Duration::from_secs(600)));
        assert!(metadata.not_understood.is_some());
    }

    #[test]
    fn a_report_is_one_short_line() {
        let report = read(&"é\n".repeat(5000)).unwrap().not_understood.unwrap();
        assert_eq!(report.lines().count(), 1);
        assert!(report.chars().count() < 400 && report.contains("...; accepted: {"), "{report}");
    }

    #[test]
    fn a_malformed_value_of_our_keys_is_an_error_that_names_the_key() {
        let malformed = [
            r#"{"cluster": 5}"#,
            r#"{"cluster": "a b"}"#,
            r#"{"drainTimeoutSeconds": "600"}"#,
            r#"{"drainTimeoutSeconds": 0}"#,
            r#"{"drainTimeoutSeconds": 1.5}"#,
            r#"{"drainTimeoutSeconds": 172801}"#,
        ];
        let errors = malformed.map(|text| read(text).unwrap_err().to_string());
        expect![[r#"
            invalid NotificationMetadata: cluster: 5 is not accepted: a cluster's name or ARN
            invalid NotificationMetadata: cluster: "a b" is not accepted: a cluster's name (1 to 255 letters, digits, hyphens and underscores) or its ARN (arn:aws:ecs:REGION:ACCOUNT:cluster/NAME)
            invalid NotificationMetadata: drainTimeoutSeconds: "600" is not accepted: whole seconds from 1 to 172800
            invalid NotificationMetadata: drainTimeoutSeconds: 0 is not accepted: whole seconds from 1 to 172800
            invalid NotificationMetadata: drainTimeoutSeconds: 1.5 is not accepted: whole seconds from 1 to 172800
            invalid NotificationMetadata: drainTimeoutSeconds: 172801 is not accepted: whole seconds from 1 to 172800"#]].assert_eq(&errors.join("\n"));
        assert!(malformed.iter().all(|text| drain_timeout_of(Some(text)).is_none()));
    }

    #[test]
    fn the_longest_drain_of_a_hook_is_that_of_its_metadata() {
        let text = r#"{"drainTimeoutSeconds": 600, "team": "x"}"#;
        assert_eq!(drain_timeout_of(Some(text)), Some(Duration::from_secs(600)));
        for text in [None, Some("blue"), Some("{}")] {
            assert_eq!(drain_timeout_of(text), None);
        }
    }
}
