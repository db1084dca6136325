//! The results of a drain's steps.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::evidence::TaskLists;
use super::troubles::Kind;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn};
use crate::task::{Task, TaskArn};

/// The result of a drain's step.
#[derive(Debug, Clone)]
pub enum Observation {
    /// The cluster was asked for the instance.
    Found {
        /// The registrations that it described, among them known ones.
        described: Vec<ContainerInstance>,
        /// How many more it listed.
        unresolved: usize,
    },
    /// The cluster was asked for ACTIVE registrations: whether there are any, or may be.
    FoundActive(bool),
    /// Registrations as they were described. One that is MISSING is left out.
    Described(Vec<ContainerInstance>),
    /// Registrations that were set DRAINING, as ECS answered.
    SetDraining(Vec<ContainerInstance>),
    /// Both lists of one registration.
    Listed {
        /// The registration.
        on: ContainerInstanceArn,
        /// Its tasks.
        lists: TaskLists,
        /// When the reads began.
        began: DateTime<Utc>,
    },
    /// Tasks were described.
    Polled {
        /// Those that were found.
        described: Vec<Task>,
        /// Those that ECS does not find.
        missing: BTreeSet<String>,
    },
    /// A task was asked to stop.
    StopAsked(TaskArn),
}

impl Observation {
    /// The kind of call that has shown it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Found { .. } => Kind::Find,
            Self::FoundActive(_) => Kind::FindActive,
            Self::Described(_) => Kind::Describe,
            Self::SetDraining(_) => Kind::SetDraining,
            Self::Listed { .. } => Kind::List,
            Self::Polled { .. } => Kind::DescribeTasks,
            Self::StopAsked(_) => Kind::StopTasks,
        }
    }
}
