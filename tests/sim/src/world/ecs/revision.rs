//! What a service wants of which task definition: one after a rolling deployment, two during a
//! blue/green one, and one for each task set of a service whose deployment controller is EXTERNAL.

use std::sync::Arc;

use super::capacity_provider::StrategyItem;
use super::service::Service;
use super::task::Task;
use super::task_definition::TaskDefinition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// Where tasks run that have no capacity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchType {
    /// On container instances.
    Ec2,
    /// Elsewhere: no such task is in the world, only its count.
    Fargate,
}

impl LaunchType {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Fargate => "FARGATE",
        }
    }
}

/// How a service gets from one task definition to the next.
#[derive(Debug, Clone)]
pub(crate) enum Rollout {
    /// Deployment controller ECS, rolling: what is made from another task definition is replaced.
    Rolling,
    /// Both are wanted in full until the former one is stopped.
    BlueGreen { blue: Arc<TaskDefinition> },
    /// Deployment controller EXTERNAL.
    External { task_sets: Vec<TaskSet> },
}

/// A task set of a service whose deployment controller is EXTERNAL.
#[derive(Debug, Clone)]
pub struct TaskSet {
    /// Its id.
    pub id: String,
    /// The task definition of its tasks.
    pub task_definition: Arc<TaskDefinition>,
    /// Its share of the service's desired count, in percent.
    pub scale_percent: u32,
    /// Where its tasks run, if it has no strategy.
    pub launch_type: LaunchType,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<StrategyItem>,
    /// How many of its tasks run on Fargate; the others are pending.
    pub running_on_fargate: u32,
}

impl TaskSet {
    /// A task set at full scale, on EC2.
    #[must_use]
    pub fn new(id: &str, task_definition: TaskDefinition) -> Self {
        Self {
            id: id.to_owned(),
            task_definition: Arc::new(task_definition),
            scale_percent: 100,
            launch_type: LaunchType::Ec2,
            capacity_provider_strategy: Vec::new(),
            running_on_fargate: 0,
        }
    }

    /// With a share of the service's desired count.
    #[must_use]
    pub fn scale(mut self, percent: u32) -> Self {
        self.scale_percent = percent;
        self
    }

    /// On Fargate, where this many tasks run.
    #[must_use]
    pub fn on_fargate(mut self, running: u32) -> Self {
        self.launch_type = LaunchType::Fargate;
        self.running_on_fargate = running;
        self
    }

    /// With a capacity provider strategy instead of a launch type.
    #[must_use]
    pub fn on_providers(mut self, strategy: &[StrategyItem]) -> Self {
        self.capacity_provider_strategy = strategy.to_vec();
        self
    }

    /// `computedDesiredCount`: its share, rounded up.
    #[must_use]
    pub fn computed_desired(&self, desired_count: u32) -> u32 {
        let share = (u64::from(desired_count) * u64::from(self.scale_percent)).div_ceil(100);
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

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
