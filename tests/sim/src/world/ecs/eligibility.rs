//! Which container instances a task may be placed on.

use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::cluster_query::{ClusterQuery, QueriedInstance};
use super::constraint::{MemberOf, PlacementConstraint};
use super::container_instance::{ContainerInstance, count};
use super::task::Task;
use super::task_definition::TaskDefinition;

impl MemberOf {
    fn includes(&self, cluster: &Cluster, instance: &ContainerInstance) -> bool {
        self.query().is_some_and(|query| cluster.matches(instance, query))
    }
}

impl PlacementConstraint {
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
            task_groups: &|| wanted().map(Task::group).collect(),
        })
    }
}
