//! A sweep, which an EventBridge rule's constant input asks for.

use serde_json::{Map, Value};

use super::unreadable::{UnreadableMessage, malformed};
use crate::cluster::Cluster;

/// To find instances of a group whose drains were lost while they wait at a hook, and to resume
/// these drains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The group's cluster.
    pub cluster: Option<Cluster>,
    /// The Auto Scaling group's name.
    pub group: String,
    /// The name of its termination hook.
    pub hook: String,
}

const ACCEPTED: &str = "{\"cluster\": \"NAME or ARN\", \"group\": \"GROUP\", \"hook\": \"HOOK\"}; \
                        without cluster, ECS_CLUSTER counts";

/// Reads the member `sweep` of an event. A person writes it, so an unknown member is an error: it
/// is probably a misspelt one.
pub(super) fn read_sweep(value: &Value) -> Result<Sweep, UnreadableMessage> {
    let Value::Object(fields) = value else {
        return Err(malformed("sweep", format_args!("{value} is not accepted: {ACCEPTED}")));
    };
    if let Some(unknown) = fields.keys().find(|field| !["cluster", "group", "hook"].contains(&field.as_str()))
    {
        return Err(malformed("sweep", format_args!("{unknown:?} is not accepted: {ACCEPTED}")));
    }
    let absent: Vec<_> =
        ["group", "hook"].into_iter().filter(|field| fields.get(*field).is_none_or(Value::is_null)).collect();
    if !absent.is_empty() {
        return Err(UnreadableMessage::Missing(
            absent.into_iter().map(|field| format!("sweep.{field}")).collect(),
        ));
    }
    Ok(Sweep {
        cluster: cluster(fields)?,
        group: name(fields, "group", "an Auto Scaling group's name")?,
        hook: name(fields, "hook", "a lifecycle hook's name")?,
    })
}

fn cluster(fields: &Map<String, Value>) -> Result<Option<Cluster>, UnreadableMessage> {
    const FIELD: &str = "sweep.cluster";
    match fields.get("cluster") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(cluster)) => {
            cluster.parse().map(Some).map_err(|problem| malformed(FIELD, problem))
        }
        Some(other) => {
            Err(malformed(FIELD, format_args!("{other} is not accepted: a cluster's name or ARN")))
        }
    }
}

/// A name, of at most 255 characters (API reference, `PutLifecycleHook`).
fn name(fields: &Map<String, Value>, field: &str, accepted: &str) -> Result<String, UnreadableMessage> {
    let value = fields.get(field).unwrap_or(&Value::Null);
    match value.as_str() {
        Some(text) if !text.trim().is_empty() && text.chars().count() <= 255 => Ok(text.to_owned()),
        _ => Err(malformed(
            format_args!("sweep.{field}"),
            format_args!("{value} is not accepted: {accepted} (1 to 255 characters)"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drain::message::{Message, read_message};

    fn read(sweep: &Value) -> Result<Sweep, UnreadableMessage> {
        match read_message(&json!({ "sweep": sweep }).to_string())? {
            Message::Sweep(sweep) => Ok(sweep),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_cluster_may_be_left_to_the_variable() {
        let swept =
            read(&json!({"cluster": "demo", "group": "demo-asg", "hook": "fleetkeeper/drain"})).unwrap();
        assert_eq!(swept.cluster.unwrap().name(), "demo");
        assert_eq!((swept.group.as_str(), swept.hook.as_str()), ("demo-asg", "fleetkeeper/drain"));
        assert_eq!(read(&json!({"group": "g", "hook": "h"})).unwrap().cluster, None);
        assert_eq!(read(&json!({"cluster": null, "group": "g", "hook": "h"})).unwrap().cluster, None);
    }

    #[test]
    fn a_scheduled_event_may_carry_it() {
        let event = json!({
            "detail-type": "Scheduled Event", "source": "aws.events", "detail": {},
            "sweep": {"group": "g", "hook": "h"},
        });
        assert!(matches!(read_message(&event.to_string()), Ok(Message::Sweep(_))));
    }

    #[test]
    fn a_malformed_member_is_named_with_what_is_accepted() {
        let long = "x".repeat(256);
        for (sweep, part) in [
            (json!(null), "invalid sweep: null is not accepted: {\"cluster\""),
            (json!("demo-asg"), "invalid sweep: \"demo-asg\" is not accepted: {\"cluster\""),
            (json!({}), "missing sweep.group, sweep.hook"),
            (json!({"group": "g", "hook": null}), "missing sweep.hook"),
            (json!({"group": 5, "hook": "h"}), "invalid sweep.group: 5 is not accepted: an Auto Scaling"),
            (json!({"group": "", "hook": "h"}), "invalid sweep.group: \"\" is not accepted"),
            (json!({"group": "g", "hook": long}), "invalid sweep.hook: \"xxx"),
            (json!({"group": "g", "hook": ["h"]}), "is not accepted: a lifecycle hook's name"),
            (json!({"group": "g", "hook": "h", "cluster": "a b"}), "invalid sweep.cluster: \"a b\" is not"),
            (json!({"group": "g", "hook": "h", "cluster": 5}), "invalid sweep.cluster: 5 is not accepted"),
            (json!({"group": "g", "hook": "h", "clustr": "x"}), "invalid sweep: \"clustr\" is not accepted"),
        ] {
            let error = read(&sweep).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
