//! Messages that AWS sends out. Where no function of the world gets one, a driver takes it and
//! delivers it: once, twice, late or never.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::World;
use super::auto_scaling::event::LifecycleActionEvent;
use super::ecs::container_instance::DescribedContainerInstance;
use super::ecs::deployment_event::DeploymentStateChange;
use super::ecs::event;
use super::ecs::service_action::ServiceAction;
use super::sns::SnsMessage;
use super::spot::SpotNotice;

/// Something that AWS sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// When.
    pub at: DateTime<Utc>,
    /// The message.
    pub what: Emitted,
}

/// A message of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emitted {
    /// A message to a topic's subscribers.
    SnsMessage(SnsMessage),
    /// `ECS Container Instance State Change`, to EventBridge.
    ContainerInstanceStateChange {
        /// The event's id.
        id: String,
        /// The instance as it was at that time.
        container_instance: Arc<DescribedContainerInstance>,
    },
    /// `ECS Service Action`, to EventBridge.
    ServiceAction {
        /// The event's id.
        id: String,
        /// The lifecycle action's event.
        action: ServiceAction,
    },
    /// `ECS Deployment State Change`, to EventBridge.
    DeploymentStateChange {
        /// The event's id.
        id: String,
        /// The lifecycle action's event.
        change: DeploymentStateChange,
    },
    /// `EC2 Instance-terminate Lifecycle Action` or `EC2 Instance-launch Lifecycle Action`, to
    /// EventBridge.
    LifecycleAction {
        /// The event's id.
        id: String,
        /// The lifecycle action's event.
        event: LifecycleActionEvent,
    },
    /// `EC2 Spot Instance Interruption Warning` or `EC2 Instance Rebalance Recommendation`, to
    /// EventBridge.
    SpotNotice {
        /// The event's id.
        id: String,
        /// EC2's announcement.
        notice: SpotNotice,
        /// The instance that it is about.
        instance: Ec2InstanceId,
    },
}

impl Emission {
    /// The message, if this is one.
    #[must_use]
    pub fn sns_message(&self) -> Option<&SnsMessage> {
        match &self.what {
            Emitted::SnsMessage(message) => Some(message),
            _ => None,
        }
    }

    /// The event as EventBridge delivers it, if this is one.
    #[must_use]
    pub fn event(&self) -> Option<serde_json::Value> {
        match &self.what {
            Emitted::SnsMessage(_) => None,
            Emitted::ContainerInstanceStateChange { id, container_instance } => {
                Some(event::container_instance_state_change(id, self.at, container_instance))
            }
            Emitted::ServiceAction { id, action } => Some(action.event(id, self.at)),
            Emitted::DeploymentStateChange { id, change } => Some(change.event(id, self.at)),
            Emitted::LifecycleAction { id, event } => Some(event.event(id, self.at)),
            Emitted::SpotNotice { id, notice, instance } => Some(notice.event(id, self.at, instance)),
        }
    }
}

impl World {
    pub(crate) fn emit(&mut self, what: Emitted) {
        self.route(Emission { at: self.now, what });
    }
}
