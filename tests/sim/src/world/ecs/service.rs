//! Services.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::task::TaskArn;

use super::back_off::BackOff;
use super::constraint::PlacementConstraint;
use super::rollout::{LaunchType, Rollout};
use super::service_event::ServiceEvents;
use super::strategy::StrategyItem;
use super::task::Task;
use super::task_definition::TaskDefinition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// How a service's scheduler counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulingStrategy {
    /// The desired count of tasks, wherever there is room.
    Replica,
    /// One task on each instance that takes tasks and meets the constraint.
    Daemon,
}

/// How many former deployments are remembered.
const FORMER_MAX: usize = 10;

/// A placement strategy, as a service shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementStrategy {
    /// Its type: `spread`, `binpack` or `random`.
    pub strategy: String,
    /// What it goes by: `attribute:ecs.availability-zone`, `instanceId`, `memory`, ...; none for
    /// `random`.
    pub field: Option<String>,
}

/// A service: tasks of a kind, with limits on how few and how many there are meanwhile.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// How its scheduler counts.
    pub scheduling_strategy: SchedulingStrategy,
    /// How many tasks it wants; a DAEMON service wants as many as there are instances for it,
    /// whatever this says.
    pub desired_count: u32,
    /// How many of them must stay healthy, in percent, rounded up.
    pub minimum_healthy_percent: u32,
    /// How many there may be, in percent, rounded down.
    pub maximum_percent: u32,
    /// The task definition of its tasks. The scheduler replaces tasks of another one.
    pub task_definition: Arc<TaskDefinition>,
    /// Where it runs, if it has no strategy.
    pub launch_type: LaunchType,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<StrategyItem>,
    /// Its placement constraints, beside those of its task definition.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Its placement strategy, which it shows: how the world places is the world's own mode.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// The capacity provider strategies of the deployments before the last.
    pub(crate) former_strategies: Vec<(Arc<TaskDefinition>, Vec<StrategyItem>)>,
    /// How it gets from one task definition to the next.
    pub(crate) rollout: Rollout,
    /// The last placement failure. ECS logs it once until a placement succeeds.
    pub(crate) placement_failure: Option<&'static str>,
    /// When an event last reported one.
    pub(crate) placement_failure_sent_at: Option<DateTime<Utc>>,
    /// How long its scheduler waits, where it backs off.
    pub(crate) back_off: Option<BackOff>,
    /// True if an event has reported the steady state, and it has lasted ever since.
    pub(crate) steady: bool,
    /// True if the scheduler has nothing to do about it until something changes.
    pub(crate) settled: bool,
    /// True if a deployment is under way.
    pub(crate) deploying: bool,
    /// How long its zones are uneven before ECS balances them; none where it does not.
    pub(crate) zone_rebalancing: Option<TimeDelta>,
    /// Since when its zones have been uneven.
    pub(crate) uneven_since: Option<DateTime<Utc>>,
    /// The tasks that were started to balance its zones and are not healthy yet.
    pub(crate) rebalancing: BTreeSet<TaskArn>,
    /// The scheduler's events.
    pub(crate) events: ServiceEvents,
}

impl Service {
    /// A REPLICA service with ECS's default limits, 100 and 200 percent.
    #[must_use]
    pub fn new(name: &str, desired_count: u32, task_definition: TaskDefinition) -> Self {
        Self {
            name: name.to_owned(),
            scheduling_strategy: SchedulingStrategy::Replica,
            desired_count,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            task_definition: Arc::new(task_definition),
            launch_type: LaunchType::Ec2,
            capacity_provider_strategy: Vec::new(),
            placement_constraints: Vec::new(),
            placement_strategy: Vec::new(),
            former_strategies: Vec::new(),
            rollout: Rollout::Rolling,
            placement_failure: None,
            placement_failure_sent_at: None,
            back_off: None,
            steady: false,
            settled: false,
            deploying: false,
            zone_rebalancing: None,
            uneven_since: None,
            rebalancing: BTreeSet::new(),
            events: ServiceEvents::default(),
        }
    }

    /// A DAEMON service with ECS's default limits, 0 and 100 percent: in a deployment an instance's
    /// new task starts when its old one has STOPPED.
    #[must_use]
    pub fn daemon(name: &str, task_definition: TaskDefinition) -> Self {
        Self {
            scheduling_strategy: SchedulingStrategy::Daemon,
            ..Self::new(name, 0, task_definition).percents(0, 100)
        }
    }

    /// With limits of its own.
    #[must_use]
    pub fn percents(mut self, minimum_healthy: u32, maximum: u32) -> Self {
        self.minimum_healthy_percent = minimum_healthy;
        self.maximum_percent = maximum;
        self
    }

    /// With the constraint `distinctInstance`.
    #[must_use]
    pub fn distinct_instance(mut self) -> Self {
        self.placement_constraints.push(PlacementConstraint::DistinctInstance);
        self
    }

    /// With a constraint `memberOf`, beside those of its task definition.
    #[must_use]
    pub fn constrained_to(mut self, expression: &str) -> Self {
        self.placement_constraints.push(PlacementConstraint::member_of(expression));
        self
    }

    /// That shows one more placement strategy: `spread`, `binpack` or `random`, and its field.
    #[must_use]
    pub fn placement_strategy(mut self, strategy: &str, field: Option<&str>) -> Self {
        let field = field.map(str::to_owned);
        self.placement_strategy.push(PlacementStrategy { strategy: strategy.to_owned(), field });
        self
    }

    /// With a capacity provider strategy instead of a launch type.
    #[must_use]
    pub fn on_providers(mut self, strategy: &[StrategyItem]) -> Self {
        self.capacity_provider_strategy = strategy.to_vec();
        self
    }

    /// On Fargate: all its tasks run, and none of them here.
    #[must_use]
    pub fn on_fargate(mut self) -> Self {
        self.launch_type = LaunchType::Fargate;
        self
    }

    /// The fewest healthy tasks: ECS rounds up.
    #[must_use]
    pub fn minimum_healthy(&self) -> u64 {
        self.minimum_healthy_of(u64::from(self.desired_count))
    }

    /// The fewest healthy tasks of `wanted`.
    pub(crate) fn minimum_healthy_of(&self, wanted: u64) -> u64 {
        (wanted * u64::from(self.minimum_healthy_percent)).div_ceil(100)
    }

    /// The most tasks: ECS rounds down, so that one task with 150 percent stays one task.
    #[must_use]
    pub fn maximum(&self) -> u64 {
        self.maximum_of(self.desired_count)
    }

    /// The most tasks of those wanted.
    pub(crate) fn maximum_of(&self, wanted: u32) -> u64 {
        u64::from(wanted) * u64::from(self.maximum_percent) / 100
    }

    /// Returns whether a task is of nothing that the service wants any more.
    pub(crate) fn has_outgrown(&self, task: &Task) -> bool {
        match self.rollout {
            Rollout::Rolling => !Arc::ptr_eq(&self.task_definition, &task.definition),
            _ => !self.revisions().iter().any(|revision| revision.made(task)),
        }
    }

    /// The capacity provider strategy of the deployment of a task definition.
    pub(crate) fn strategy_of(&self, definition: &Arc<TaskDefinition>) -> &[StrategyItem] {
        let former = self.former_strategies.iter().find(|(known, _)| Arc::ptr_eq(known, definition));
        former.map_or(&self.capacity_provider_strategy, |(_, strategy)| strategy)
    }

    fn begin_deployment(&mut self, definition: TaskDefinition, strategy: Option<&[StrategyItem]>) {
        self.deploying = true;
        let before = std::mem::replace(&mut self.task_definition, Arc::new(definition));
        let of_before = self.capacity_provider_strategy.clone();
        if let Some(strategy) = strategy {
            self.capacity_provider_strategy = strategy.to_vec();
        }
        // A deployment that is as old as this has no task any more.
        self.former_strategies.truncate(FORMER_MAX - 1);
        self.former_strategies.insert(0, (before, of_before));
    }

    /// A malformed expression is an error of the call that creates or updates it.
    fn check(&self) -> Result<(), ApiError> {
        self.placement_constraints.iter().try_for_each(PlacementConstraint::check)?;
        self.task_definitions().try_for_each(|definition| definition.check())
    }
}

impl World {
    /// Creates a service; its tasks are placed when the scheduler has noticed.
    pub fn create_service(&mut self, cluster: &str, service: Service) -> Result<(), ApiError> {
        service.check()?;
        let (name, desired_count) = (service.name.clone(), service.desired_count);
        let strategy = service.scheduling_strategy;
        self.cluster_mut(cluster)?.services.insert(name.clone(), service);
        if strategy == SchedulingStrategy::Replica {
            self.record(Occurrence::DesiredCount { service: name, desired_count });
        }
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// Sets how many tasks a service wants.
    pub fn set_desired_count(&mut self, cluster: &str, service: &str, count: u32) -> Result<(), ApiError> {
        self.service_mut(cluster, service)?.desired_count = count;
        self.record(Occurrence::DesiredCount { service: service.to_owned(), desired_count: count });
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// `UpdateService` with a new task definition, which becomes its family's next revision: a
    /// rolling deployment begins. The service's tasks are replaced within its limits, those on
    /// DRAINING instances first.
    pub fn update_service(
        &mut self,
        cluster: &str,
        service: &str,
        mut task_definition: TaskDefinition,
    ) -> Result<(), ApiError> {
        task_definition.check()?;
        let found = self.service_mut(cluster, service)?;
        if found.task_definition.family == task_definition.family {
            task_definition.revision = found.task_definition.revision + 1;
        }
        let arn = task_definition.arn();
        found.begin_deployment(task_definition, None);
        self.record(Occurrence::DeploymentStarted { service: service.to_owned(), task_definition: arn });
        self.emit_deployment(cluster, service, false);
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// `UpdateService` with another capacity provider strategy or, if it is empty, the launch type
    /// again: a rolling deployment of the same task definition begins.
    pub fn set_capacity_provider_strategy(
        &mut self,
        cluster: &str,
        service: &str,
        strategy: &[StrategyItem],
    ) -> Result<(), ApiError> {
        let found = self.service_mut(cluster, service)?;
        let definition = TaskDefinition::clone(&found.task_definition);
        let arn = definition.arn();
        found.begin_deployment(definition, Some(strategy));
        self.record(Occurrence::DeploymentStarted { service: service.to_owned(), task_definition: arn });
        self.emit_deployment(cluster, service, false);
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// `UpdateService` with other placement constraints: no deployment begins, and no task that
    /// runs is moved.
    pub fn set_placement_constraints(
        &mut self,
        cluster: &str,
        service: &str,
        constraints: Vec<PlacementConstraint>,
    ) -> Result<(), ApiError> {
        constraints.iter().try_for_each(PlacementConstraint::check)?;
        self.service_mut(cluster, service)?.placement_constraints = constraints;
        self.request_service_scheduler(cluster);
        Ok(())
    }

    pub(crate) fn service_mut(&mut self, cluster: &str, service: &str) -> Result<&mut Service, ApiError> {
        let found = self.cluster_mut(cluster)?.services.get_mut(service);
        let found =
            found.ok_or_else(|| ApiError::client("ServiceNotFoundException", "Service not found."))?;
        found.settled = false;
        Ok(found)
    }
}
