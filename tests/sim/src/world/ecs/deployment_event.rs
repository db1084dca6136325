//! `ECS Deployment State Change`: what ECS tells of a service's deployments.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::event::iso;
use crate::world::outbox::Emitted;
use crate::world::{ACCOUNT, REGION, World};

/// The event's `detail-type`.
pub(crate) const DEPLOYMENT_STATE_CHANGE: &str = "ECS Deployment State Change";

/// A deployment that began or came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentStateChange {
    /// Its cluster's name.
    pub cluster: String,
    /// Its service's name.
    pub service: String,
    /// Whether the service has what the deployment wants.
    pub completed: bool,
}

impl DeploymentStateChange {
    /// The event as EventBridge delivers it (developer guide, "`ecs_service_deployment_events`"). Unlike
    /// other events it names no cluster but in its service's ARN.
    #[must_use]
    pub fn event(&self, id: &str, at: DateTime<Utc>) -> Value {
        let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{}/{}", self.cluster, self.service);
        let (name, reason) = if self.completed {
            ("SERVICE_DEPLOYMENT_COMPLETED", "completed")
        } else {
            ("SERVICE_DEPLOYMENT_IN_PROGRESS", "in progress")
        };
        let deployment = "ecs-svc/1234567890123456789";
        json!({
            "version": "0",
            "id": id,
            "detail-type": DEPLOYMENT_STATE_CHANGE,
            "source": "aws.ecs",
            "account": ACCOUNT,
            "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": [arn],
            "detail": {
                "eventType": "INFO",
                "eventName": name,
                "deploymentId": deployment,
                "updatedAt": iso(at),
                "reason": format!("ECS deployment {deployment} {reason}."),
            },
        })
    }
}

impl World {
    /// Sends an event of a deployment, where a rule waits for such events.
    pub(super) fn tell_deployment(&mut self, cluster: &str, service: &str, completed: bool) {
        if !self.event_sources.wants(DEPLOYMENT_STATE_CHANGE) {
            return;
        }
        let (cluster, service) = (cluster.to_owned(), service.to_owned());
        let id = self.ids.uuid();
        let change = DeploymentStateChange { cluster, service, completed };
        self.emit(Emitted::DeploymentStateChange { id, change });
    }
}
