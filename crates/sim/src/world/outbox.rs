//! What AWS would send out. Where no function of the world gets it, a driver takes it and delivers it: once, twice,
//! late or never.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::World;
use super::ecs::container_instance::DescribedContainerInstance;
use super::ecs::event;
use super::ecs::service_action::ServiceAction;
use super::sns::SnsMessage;

/// Something that AWS sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: Emitted,
}

/// What AWS sends out.
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
        /// What it is about.
        action: ServiceAction,
    },
}

impl Emission {
    /// The message, if this is one.
    #[must_use]
    pub fn sns_message(&self) -> Option<&SnsMessage> {
        match &self.what {
            Emitted::SnsMessage(message) => Some(message),
            Emitted::ContainerInstanceStateChange { .. } | Emitted::ServiceAction { .. } => None,
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
        }
    }
}

impl World {
    pub(crate) fn emit(&mut self, what: Emitted) {
        self.route(Emission { at: self.now, what });
    }
}
