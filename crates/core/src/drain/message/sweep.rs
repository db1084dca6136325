//! A sweep: what an EventBridge rule's constant input asks for.

use serde_json::{Map, Value};

use super::unreadable::{UnreadableMessage, malformed};
use crate::cluster::Cluster;

/// To look through a group for instances that wait at a hook while nobody drains them any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The group's cluster.
    pub cluster: Option<Cluster>,
    /// The Auto Scaling group's name.
    pub group: String,
    /// The name of its termination hook.
    pub hook: String,
}

const ACCEPTED: &str = "{\"cluster\": \"NAME or ARN\", \"group\": \"GROUP\", \"hook\": \"HOOK\"}, the cluster if it is not \
                        that of ECS_CLUSTER";

/// Reads the member `sweep` of an event. A person wrote it: a member that is not known is a slip and no news of AWS's.
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

/// Auto Scaling takes names of up to 255 characters (API reference, `PutLifecycleHook`).
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
            (json!(null), "sweep can't be read: null is not accepted: {\"cluster\""),
            (json!("demo-asg"), "sweep can't be read: \"demo-asg\" is not accepted: {\"cluster\""),
            (json!({}), "lacks sweep.group, sweep.hook"),
            (json!({"group": "g", "hook": null}), "lacks sweep.hook"),
            (
                json!({"group": 5, "hook": "h"}),
                "sweep.group can't be read: 5 is not accepted: an Auto Scaling",
            ),
            (json!({"group": "", "hook": "h"}), "sweep.group can't be read: \"\" is not accepted"),
            (json!({"group": "g", "hook": long}), "sweep.hook can't be read: \"xxx"),
            (json!({"group": "g", "hook": ["h"]}), "is not accepted: a lifecycle hook's name"),
            (
                json!({"group": "g", "hook": "h", "cluster": "a b"}),
                "sweep.cluster can't be read: \"a b\" is not",
            ),
            (
                json!({"group": "g", "hook": "h", "cluster": 5}),
                "sweep.cluster can't be read: 5 is not accepted",
            ),
            (
                json!({"group": "g", "hook": "h", "clustr": "x"}),
                "sweep can't be read: \"clustr\" is not accepted",
            ),
        ] {
            let said = read(&sweep).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
