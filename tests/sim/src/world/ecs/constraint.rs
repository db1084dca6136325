//! Placement constraints: which container instances a task may be placed on.

use super::Cluster;
use super::cluster_query::{ClusterQuery, QueriedInstance};
use super::container_instance::{ContainerInstance, count};
use super::task_definition::TaskDefinition;
use crate::world::ApiError;
use fleetkeeper_core::task::DesiredStatus;

/// A placement constraint `memberOf`.
#[derive(Debug, Clone)]
pub struct MemberOf {
    expression: String,
    /// None where the expression is malformed: whoever creates something with it gets an error.
    query: Option<ClusterQuery>,
}

/// A placement constraint of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementConstraint {
    /// `distinctInstance`: no container instance with another task of the service that is desired
    /// RUNNING.
    DistinctInstance,
    /// `memberOf`.
    MemberOf(MemberOf),
}

impl MemberOf {
    /// With an expression of the cluster query language.
    #[must_use]
    pub fn new(expression: &str) -> Self {
        Self { expression: expression.to_owned(), query: ClusterQuery::parse(expression).ok() }
    }

    /// The expression, as it was given.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    fn check(&self) -> Result<(), ApiError> {
        ClusterQuery::parse(&self.expression).map(|_| ())
    }

    fn includes(&self, cluster: &Cluster, instance: &ContainerInstance) -> bool {
        self.query.as_ref().is_some_and(|query| cluster.matches(instance, query))
    }
}

impl PartialEq for MemberOf {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for MemberOf {}

impl PlacementConstraint {
    /// `memberOf`, with an expression of the cluster query language.
    #[must_use]
    pub fn member_of(expression: &str) -> Self {
        Self::MemberOf(MemberOf::new(expression))
    }

    /// Its type, as AWS writes it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::DistinctInstance => "distinctInstance",
            Self::MemberOf(_) => "memberOf",
        }
    }

    /// Its expression, if it has one.
    #[must_use]
    pub fn expression(&self) -> Option<&str> {
        match self {
            Self::DistinctInstance => None,
            Self::MemberOf(member_of) => Some(&member_of.expression),
        }
    }

    /// A malformed expression is an error of the call that creates or updates a service.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        match self {
            Self::DistinctInstance => Ok(()),
            Self::MemberOf(member_of) => member_of.check(),
        }
    }

    pub(crate) fn allows(&self, cluster: &Cluster, instance: &ContainerInstance, service: &str) -> bool {
        match self {
            Self::DistinctInstance => !cluster.tasks_on(instance).any(|task| {
                task.service.as_deref() == Some(service) && task.desired_status == DesiredStatus::Running
            }),
            Self::MemberOf(member_of) => member_of.includes(cluster, instance),
        }
    }
}

impl TaskDefinition {
    /// A malformed expression is an error of the call that would register the task definition.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        self.placement_constraints.iter().try_for_each(MemberOf::check)
    }

    /// Returns whether an instance is in the answer to each of its expressions.
    pub(crate) fn allows(&self, cluster: &Cluster, instance: &ContainerInstance) -> bool {
        self.placement_constraints.iter().all(|constraint| constraint.includes(cluster, instance))
    }

    /// Returns whether an instance has the attributes that it requires, its operating system and
    /// its CPU architecture.
    pub(crate) fn runs_on(&self, instance: &ContainerInstance) -> bool {
        let value = |name: &str| instance.attributes.get(name).and_then(|value| value.as_deref());
        let has_all = self.required_attributes().all(|(name, wanted)| match wanted {
            Some(wanted) => value(name) == Some(wanted),
            None => instance.attributes.contains_key(name),
        });
        let platform = &self.runtime_platform;
        let architecture = platform.cpu_architecture.as_deref();
        let system = platform.operating_system_family.as_deref();
        has_all
            && architecture.is_none_or(|wanted| {
                value("ecs.cpu-architecture").is_some_and(|has| has.eq_ignore_ascii_case(wanted))
            })
            && system.is_none_or(|wanted| value("ecs.os-family") == Some(wanted))
    }
}

impl Cluster {
    /// Returns whether a container instance matches an expression.
    pub(crate) fn matches(&self, instance: &ContainerInstance, query: &ClusterQuery) -> bool {
        let tasks = || self.tasks_on(instance);
        let wanted = || tasks().filter(|task| task.desired_status == DesiredStatus::Running);
        query.matches(&QueriedInstance {
            agent_connected: instance.agent_connected,
            attributes: &instance.attributes,
            ec2_instance_id: instance.ec2_instance_id.as_str(),
            registered_at: instance.registered_at,
            running_tasks: &|| count(tasks().filter(|task| task.counts_as_running())),
            task_groups: &|| wanted().map(super::task::Task::group).collect(),
        })
    }
}
