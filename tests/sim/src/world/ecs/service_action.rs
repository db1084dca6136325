//! `ECS Service Action`: ECS's events of a service. A placement failure is the only one about
//! demand.

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use serde_json::{Map, Value, json};

use super::cluster_arn;
use super::event::iso;
use crate::world::{ACCOUNT, REGION};

/// The name of the event of a placement failure.
pub(crate) const TASK_PLACEMENT_FAILURE: &str = "SERVICE_TASK_PLACEMENT_FAILURE";

/// An event of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAction {
    /// Its cluster's name.
    pub cluster: String,
    /// Its name.
    pub service: String,
    /// Its name.
    pub name: ServiceActionName,
}

/// The names of such events, as far as the world sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceActionName {
    /// `SERVICE_TASK_PLACEMENT_FAILURE`: a task found no room.
    TaskPlacementFailure {
        /// `RESOURCE:CPU`, ...
        reason: &'static str,
        /// The instances that match best.
        container_instances: Vec<ContainerInstanceArn>,
    },
    /// `SERVICE_STEADY_STATE`: it has what it wants.
    SteadyState,
}

impl ServiceActionName {
    /// As AWS writes it (`eventName`).
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TaskPlacementFailure { .. } => TASK_PLACEMENT_FAILURE,
            Self::SteadyState => "SERVICE_STEADY_STATE",
        }
    }
}

impl ServiceAction {
    /// The event as EventBridge delivers it. Unlike a state change it has no version.
    #[must_use]
    pub fn event(&self, id: &str, at: DateTime<Utc>) -> Value {
        let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{}/{}", self.cluster, self.service);
        json!({
            "version": "0",
            "id": id,
            "detail-type": "ECS Service Action",
            "source": "aws.ecs",
            "account": ACCOUNT,
            "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": [arn],
            "detail": self.detail(at),
        })
    }

    fn detail(&self, at: DateTime<Utc>) -> Map<String, Value> {
        let mut detail = Map::new();
        let mut insert = |name: &str, value: Value| detail.insert(name.to_owned(), value);
        insert("eventName", json!(self.name.as_str()));
        match &self.name {
            ServiceActionName::TaskPlacementFailure { reason, container_instances } => {
                let arns: Vec<&str> = container_instances.iter().map(|arn| arn.0.as_str()).collect();
                insert("eventType", json!("ERROR"));
                insert("containerInstanceArns", json!(arns));
                insert("reason", json!(reason));
            }
            ServiceActionName::SteadyState => {
                insert("eventType", json!("INFO"));
            }
        }
        insert("clusterArn", json!(cluster_arn(&self.cluster)));
        insert("createdAt", json!(iso(at)));
        detail
    }
}
