//! What the event says: whose capacity, and what happened.

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use serde::Serialize;
use serde_json::{Map, Value};

/// The event of a service with a task that cannot be placed: demand, at once.
const PLACEMENT_FAILURE: &str = "SERVICE_TASK_PLACEMENT_FAILURE";

/// The event of a deployment that began, ended or failed. It names its service and no cluster.
const DEPLOYMENT: &str = "ECS Deployment State Change";

/// The event that invoked the function, as far as it matters.
///
/// The figures never come from the event, but from a snapshot of the cluster: events arrive twice,
/// late and out of order. The event decides which cluster, and whether the last snapshot already
/// has what it reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The event's `detail-type`, or that it is none of EventBridge's.
    pub kind: String,
    /// The cluster that the event names in `detail.clusterArn`, or in the ARN of a deployment's
    /// service.
    #[serde(skip)]
    pub cluster: Option<Cluster>,
    /// The container instance that changed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub container_instance: Option<ContainerInstanceArn>,
    /// The version of that container instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Why a service could not place a task, as ECS says it: `RESOURCE:MEMORY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Set if a service could not place a task.
    #[serde(skip)]
    pub placement_failure: bool,
    /// Set if a deployment of a service began, ended or failed.
    #[serde(skip)]
    pub deployment: bool,
    /// When it could not, where the event says so.
    #[serde(skip)]
    pub failed_placement: Option<DateTime<Utc>>,
}

/// An event that cannot be read: what it holds, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    /// It is not an object.
    #[error(
        "the event is {0}: an object is accepted, such as EventBridge's \"ECS Container Instance State Change\""
    )]
    NotAnObject(&'static str),
    /// Its detail is not an object, nor the JSON text of one.
    #[error("the event's detail is {0}: an object is accepted, or the JSON text of one, such as \"{{}}\"")]
    Detail(&'static str),
    /// It names a cluster that cannot be one. Another cluster's figures would be no answer.
    #[error(
        "the event's detail.clusterArn is {0}: a cluster's ARN is accepted (arn:aws:ecs:REGION:ACCOUNT:cluster/NAME)"
    )]
    ClusterArn(String),
}

impl Trigger {
    /// Returns whether it reports a change of the cluster, as opposed to a schedule or a person.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.container_instance.is_some() || self.placement_failure || self.deployment
    }

    /// Reads an event of EventBridge, of EventBridge Scheduler, or one that a person typed.
    ///
    /// Every field except the cluster may be missing and may hold anything. The cluster is never
    /// taken from the container instance's ARN: the old format does not name it.
    pub fn read(event: Value) -> Result<Self, UnreadableEvent> {
        let Value::Object(mut event) = event else {
            return Err(UnreadableEvent::NotAnObject(kind_of(&event)));
        };
        let detail = detail(event.remove("detail"))?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let failed_placement = text(detail.get("eventName")).as_deref() == Some(PLACEMENT_FAILURE);
        let time = event.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
        let kind = text(event.get("detail-type")).unwrap_or_else(|| "direct invocation".to_owned());
        let deployment = kind == DEPLOYMENT;
        let of_service = if deployment { cluster_of_service(event.get("resources")) } else { None };
        Ok(Self {
            deployment,
            kind: if failed_placement { format!("{kind} {PLACEMENT_FAILURE}") } else { kind },
            reason: text(detail.get("reason")).filter(|_| failed_placement),
            placement_failure: failed_placement,
            failed_placement: time.filter(|_| failed_placement),
            cluster: cluster(detail.get("clusterArn"))?.or(of_service),
            container_instance: text(detail.get("containerInstanceArn")).map(ContainerInstanceArn),
            version: detail.get("version").and_then(Value::as_u64),
        })
    }
}

/// EventBridge Scheduler sends its default detail as a text, `"{}"`.
fn detail(detail: Option<Value>) -> Result<Map<String, Value>, UnreadableEvent> {
    match detail {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(detail)) => Ok(detail),
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|_| UnreadableEvent::Detail("a text that is not JSON of an object")),
        Some(other) => Err(UnreadableEvent::Detail(kind_of(&other))),
    }
}

fn cluster(arn: Option<&Value>) -> Result<Option<Cluster>, UnreadableEvent> {
    match arn {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(arn)) => {
            arn.parse().map(Some).map_err(|_| UnreadableEvent::ClusterArn(format!("{arn:?}")))
        }
        Some(other) => Err(UnreadableEvent::ClusterArn(kind_of(other).to_owned())),
    }
}

/// The cluster in a service ARN: `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`. The old format
/// names none.
fn cluster_of_service(resources: Option<&Value>) -> Option<Cluster> {
    let arn = resources?.as_array()?.first()?.as_str()?;
    let (before, service) = arn.split_once(":service/")?;
    let (cluster, _) = service.split_once('/')?;
    format!("{before}:cluster/{cluster}").parse().ok()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

// serde hands over the field as it is.
#[allow(clippy::ref_option)]
fn as_text<S: serde::Serializer>(
    arn: &Option<ContainerInstanceArn>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    arn.as_ref().map(|arn| &arn.0).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CLUSTER: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/default";
    const OLD_ARN: &str =
        "arn:aws:ecs:us-east-1:111122223333:container-instance/b54a2a04-046f-4331-9d74-3f6d7f6ca315";

    #[test]
    fn a_state_change_names_cluster_instance_and_version() {
        let trigger = Trigger::read(json!({
            "version": "0",
            "id": "8952ba83-7be2-4ab5-9c32-6687532d15a2",
            "detail-type": "ECS Container Instance State Change",
            "source": "aws.ecs",
            "account": "111122223333",
            "time": "2016-12-06T16:41:06Z",
            "region": "us-east-1",
            "resources": [OLD_ARN],
            "detail": {
                "agentConnected": true,
                "clusterArn": CLUSTER,
                "containerInstanceArn": OLD_ARN,
                "ec2InstanceId": "i-f3a8506b",
                "remainingResources": [{"name": "CPU", "type": "INTEGER", "integerValue": 1988}],
                "status": "ACTIVE",
                "version": 14801,
                "addedSince": {"by": ["AWS"]},
            },
        }))
        .unwrap();
        assert_eq!(trigger.kind, "ECS Container Instance State Change");
        assert_eq!(trigger.cluster.unwrap().reference(), CLUSTER);
        assert_eq!(trigger.container_instance.unwrap().0, OLD_ARN);
        assert_eq!(trigger.version, Some(14801));
    }

    #[test]
    fn a_task_that_cannot_be_placed_has_ecss_reason() {
        let trigger = Trigger::read(json!({
            "detail-type": "ECS Service Action",
            "time": "2026-11-23T12:00:00Z",
            "resources": ["arn:aws:ecs:us-east-1:111122223333:service/demo/web"],
            "detail": {
                "eventType": "ERROR",
                "eventName": "SERVICE_TASK_PLACEMENT_FAILURE",
                "clusterArn": CLUSTER,
                "reason": "RESOURCE:MEMORY",
            },
        }))
        .unwrap();
        assert_eq!(trigger.kind, "ECS Service Action SERVICE_TASK_PLACEMENT_FAILURE");
        assert_eq!(trigger.reason.as_deref(), Some("RESOURCE:MEMORY"));
        assert!(trigger.failed_placement.is_some() && trigger.cluster.is_some());
    }

    #[test]
    fn a_deployment_is_a_change_of_its_services_cluster() {
        let event = |service: &str| {
            json!({
                "detail-type": "ECS Deployment State Change",
                "resources": [format!("arn:aws:ecs:us-east-1:111122223333:service/{service}")],
                "detail": {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "deploymentId": "ecs-svc/1"},
            })
        };
        let trigger = Trigger::read(event("default/web")).unwrap();
        assert_eq!(trigger.cluster.as_ref().unwrap().reference(), CLUSTER);
        assert!(trigger.is_change());
        // The old format of ARNs names no cluster.
        assert_eq!(Trigger::read(event("web")).unwrap().cluster, None);
    }

    #[test]
    fn only_the_cluster_matters() {
        let trigger = Trigger::read(json!({"detail": {"clusterArn": CLUSTER}})).unwrap();
        assert_eq!(trigger.cluster.unwrap().name(), "default");

        let odd = json!({"detail-type": 5, "detail": {"clusterArn": CLUSTER, "version": "1", "containerInstanceArn": 7}});
        let trigger = Trigger::read(odd).unwrap();
        assert_eq!((trigger.container_instance, trigger.version), (None, None));
        assert!(trigger.cluster.is_some());
    }

    #[test]
    fn the_cluster_is_not_taken_from_the_instance() {
        let new_arn = "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/b54a2a04";
        let event = json!({"resources": [new_arn], "detail": {"containerInstanceArn": new_arn}});
        assert_eq!(Trigger::read(event).unwrap().cluster, None);
    }

    #[test]
    fn a_schedule_names_no_cluster() {
        for event in [
            json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
            json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"}),
            json!({"detail-type": "Scheduled Event", "detail": null}),
            json!({"detail-type": "Scheduled Event"}),
        ] {
            let trigger = Trigger::read(event).unwrap();
            assert_eq!((trigger.kind.as_str(), trigger.cluster), ("Scheduled Event", None));
        }
        assert_eq!(Trigger::read(json!({})).unwrap().kind, "direct invocation");
    }

    #[test]
    fn a_detail_that_is_a_text_may_name_one() {
        let detail = json!({"clusterArn": CLUSTER}).to_string();
        assert!(Trigger::read(json!({"detail": detail})).unwrap().cluster.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_one_line_with_what_would_be_accepted() {
        for (event, starts) in [
            (json!(null), "the event is null: an object is accepted"),
            (json!([{"detail": {}}]), "the event is an array: an object is accepted"),
            (json!("{}"), "the event is a text: "),
            (json!({"detail": 5}), "the event's detail is a number: an object is accepted"),
            (json!({"detail": ""}), "the event's detail is a text that is not JSON of an object: "),
            (json!({"detail": "[]"}), "the event's detail is a text that is not JSON of an object: "),
            (json!({"detail": {"clusterArn": 5}}), "the event's detail.clusterArn is a number: "),
            (json!({"detail": {"clusterArn": "a\nb"}}), "the event's detail.clusterArn is \"a\\nb\": "),
        ] {
            let said = Trigger::read(event).unwrap_err().to_string();
            assert!(said.starts_with(starts), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
    }
}
