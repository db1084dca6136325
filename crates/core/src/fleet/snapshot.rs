//! A cluster and its Auto Scaling groups as they were read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::container_instance::{ContainerInstance, ContainerInstanceArn};
use crate::lifecycle::AutoScalingGroup;
use crate::service::Service;
use crate::task::{TaskArn, TaskDefinition, TaskDefinitionArn};

/// A cluster and its groups as they were read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When the first read began.
    pub began: DateTime<Utc>,
    /// The groups, the one that is preferred for new hosts first.
    pub groups: Vec<AutoScalingGroup>,
    /// The groups that ECS scales itself, with the capacity provider that does so.
    pub scaled_by_ecs: BTreeMap<String, String>,
    /// The capacity providers of the groups, by name: the group's name.
    pub capacity_providers: BTreeMap<String, String>,
    /// The cluster's container instances.
    pub container_instances: Vec<ContainerInstance>,
    /// The cluster's services, of both scheduling strategies.
    pub services: Vec<Service>,
    /// Those of them that start tasks, by name, as they were once the container instances had been
    /// read.
    pub services_read_again: BTreeMap<String, Service>,
    /// The services' task definitions. One that cannot be described is not among them.
    pub definitions: BTreeMap<TaskDefinitionArn, TaskDefinition>,
    /// The answers to the expressions that constrain placement.
    pub expressions: BTreeMap<String, Members>,
    /// The tasks of the container instances whose tasks were read.
    pub tasks: BTreeMap<ContainerInstanceArn, Vec<PlacedTask>>,
}

/// ECS's answer to an expression of the cluster query language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// The container instances that match it.
    Match(BTreeSet<ContainerInstanceArn>),
    /// ECS does not understand it, or its answer changes with each placement: why.
    NotUnderstood(String),
}

/// A task on a container instance, desired RUNNING.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedTask {
    /// Its ARN.
    pub arn: TaskArn,
    /// Its service; a standalone task has none.
    pub service: Option<String>,
    /// Its task definition.
    pub definition: TaskDefinitionArn,
    /// True if it is protected from scale-in.
    pub protected: bool,
}

/// The subjects whose value changes with each placement: an answer about today's hosts says nothing
/// of tomorrow's.
const DYNAMIC_SUBJECTS: [&str; 2] = ["task:group", "runningtaskscount"];

/// Why an expression cannot be understood, whatever ECS answers; none where ECS may be asked.
#[must_use]
pub fn not_understood(expression: &str) -> Option<String> {
    let lower = expression.to_ascii_lowercase();
    let dynamic = DYNAMIC_SUBJECTS.iter().find(|subject| lower.contains(*subject))?;
    Some(format!("{dynamic} changes with each placement"))
}

impl Snapshot {
    /// The expressions that constrain the placement of tasks, each once. `ListContainerInstances`
    /// answers them.
    #[must_use]
    pub fn expressions_to_ask(&self) -> BTreeSet<&str> {
        let of_services = self.services.iter().filter(|service| service.active).flat_map(Service::member_of);
        let of_definitions = self.definitions.values().flat_map(|definition| &definition.host.member_of);
        of_services.chain(of_definitions).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_about_what_runs_is_not_understood() {
        assert_eq!(
            not_understood("attribute:pool == a and task:group != web"),
            Some("task:group changes with each placement".to_owned())
        );
        assert_eq!(
            not_understood("runningTasksCount < 3").as_deref(),
            Some("runningtaskscount changes with each placement")
        );
        assert_eq!(not_understood("attribute:ecs.instance-type =~ g5.*"), None);
    }
}
