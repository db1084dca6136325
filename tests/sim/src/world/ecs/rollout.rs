//! Deployments of a service: rolling, blue/green, or by task sets.

use std::sync::Arc;

use super::strategy::StrategyItem;
use super::task_definition::TaskDefinition;

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
