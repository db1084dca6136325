//! The task definitions that a service wants tasks of: one after a rolling deployment, two during a
//! blue/green one, and one for each task set of a service whose deployment controller is EXTERNAL.

use std::sync::Arc;

use super::rollout::{LaunchType, Rollout, TaskSet};
use super::service::Service;
use super::strategy::StrategyItem;
use super::task::Task;
use super::task_definition::TaskDefinition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// The tasks of one task definition that a service wants on container instances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revision<'a> {
    pub(crate) definition: &'a Arc<TaskDefinition>,
    pub(crate) desired: u32,
    pub(crate) strategy: &'a [StrategyItem],
}

impl Revision<'_> {
    pub(crate) fn made(&self, task: &Task) -> bool {
        Arc::ptr_eq(self.definition, &task.definition)
    }
}

impl Service {
    /// A service whose deployment controller is EXTERNAL, with its first task set.
    #[must_use]
    pub fn external(name: &str, desired_count: u32, task_set: TaskSet) -> Self {
        let definition = TaskDefinition::clone(&task_set.task_definition);
        let rollout = Rollout::External { task_sets: vec![task_set] };
        Self { rollout, ..Self::new(name, desired_count, definition) }
    }

    /// The revisions that it wants on container instances, the newest first.
    pub(crate) fn revisions(&self) -> Vec<Revision<'_>> {
        let of =
            |definition, desired| Revision { definition, desired, strategy: self.strategy_of(definition) };
        match &self.rollout {
            _ if self.launch_type == LaunchType::Fargate => Vec::new(),
            Rollout::Rolling => vec![of(&self.task_definition, self.desired_count)],
            Rollout::BlueGreen { blue } => {
                vec![of(&self.task_definition, self.desired_count), of(blue, self.desired_count)]
            }
            Rollout::External { task_sets } => {
                let here = task_sets.iter().filter(|set| set.launch_type == LaunchType::Ec2);
                here.map(|set| Revision {
                    definition: &set.task_definition,
                    desired: set.computed_desired(self.desired_count),
                    strategy: &set.capacity_provider_strategy,
                })
                .collect()
            }
        }
    }

    /// Its task sets; none unless its deployment controller is EXTERNAL.
    pub(crate) fn task_sets(&self) -> &[TaskSet] {
        match &self.rollout {
            Rollout::External { task_sets } => task_sets,
            _ => &[],
        }
    }

    /// Every task definition that it names.
    pub(crate) fn task_definitions(&self) -> impl Iterator<Item = &Arc<TaskDefinition>> {
        let blue = match &self.rollout {
            Rollout::BlueGreen { blue } => Some(blue),
            _ => None,
        };
        let of_sets = self.task_sets().iter().map(|set| &set.task_definition);
        [&self.task_definition].into_iter().chain(blue).chain(of_sets)
    }
}

impl World {
    /// A blue/green deployment begins: the service wants its tasks of the present task definition
    /// and as many of a new one, which becomes its family's next revision.
    pub fn begin_blue_green(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: TaskDefinition,
    ) -> Result<(), ApiError> {
        let blue = Arc::clone(&self.service_mut(cluster, service)?.task_definition);
        self.update_service(cluster, service, task_definition)?;
        self.service_mut(cluster, service)?.rollout = Rollout::BlueGreen { blue };
        Ok(())
    }

    /// It ends: the tasks of the former task definition are stopped.
    pub fn end_blue_green(&mut self, cluster: &str, service: &str) -> Result<(), ApiError> {
        self.service_mut(cluster, service)?.rollout = Rollout::Rolling;
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// `CreateTaskSet` or, of one with a known id, `UpdateTaskSet`, which changes its scale.
    pub fn put_task_set(&mut self, cluster: &str, service: &str, task_set: TaskSet) -> Result<(), ApiError> {
        task_set.task_definition.check()?;
        let sets = self.task_sets_mut(cluster, service)?;
        let task_definition = task_set.task_definition.arn();
        match sets.iter_mut().find(|known| known.id == task_set.id) {
            Some(known) => {
                known.scale_percent = task_set.scale_percent;
                known.running_on_fargate = task_set.running_on_fargate;
            }
            None => sets.insert(0, task_set),
        }
        self.record(Occurrence::DeploymentStarted { service: service.to_owned(), task_definition });
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// `DeleteTaskSet`: its tasks are stopped.
    pub fn delete_task_set(&mut self, cluster: &str, service: &str, id: &str) -> Result<(), ApiError> {
        self.task_sets_mut(cluster, service)?.retain(|set| set.id != id);
        self.request_service_scheduler(cluster);
        Ok(())
    }

    fn task_sets_mut(&mut self, cluster: &str, service: &str) -> Result<&mut Vec<TaskSet>, ApiError> {
        match &mut self.service_mut(cluster, service)?.rollout {
            Rollout::External { task_sets } => Ok(task_sets),
            _ => Err(ApiError::invalid_parameter("The deployment controller is not EXTERNAL.")),
        }
    }
}
