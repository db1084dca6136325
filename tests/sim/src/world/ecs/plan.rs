//! The scheduler's plan for a service.

use std::sync::Arc;

use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::TaskArn;

use super::strategy::StrategyItem;
use super::task_definition::TaskDefinition;

/// The scheduler's next steps for a service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) stop: Vec<TaskArn>,
    pub(crate) start: Start,
}

/// Where the scheduler starts tasks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// This many of each revision, wherever there is room.
    Anywhere(Vec<Starting>),
    /// One on each of these, where there is room.
    OnEach(Vec<ContainerInstanceArn>),
}

/// Tasks of one revision that are started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Starting {
    pub(crate) definition: Arc<TaskDefinition>,
    pub(crate) strategy: Vec<StrategyItem>,
    pub(crate) count: u64,
}
