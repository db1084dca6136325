//! Services, the protection of their tasks, and capacity providers.

use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{
    Answer, CallError, CapacityProviders, Page, PageToken, Services, TaskProtections,
};
use fleetkeeper_core::service::{
    Deployment, Launch, PlacementConstraint, SchedulingStrategy, Service, ServiceArn,
};
use fleetkeeper_core::task::{TaskArn, TaskDefinitionArn, TaskProtection};

use super::SimulatedAws;
use super::ecs::map;
use crate::world::Operation;
use crate::world::ecs::constraint;
use crate::world::ecs::describe_services::DescribedService;
use crate::world::ecs::rollout::LaunchType;
use crate::world::ecs::service;
use crate::world::ecs::strategy::StrategyItem;

/// The page size that the adapters of AWS ask for.
const PAGE: i64 = 100;

impl Services for SimulatedAws {
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError> {
        let operation = Operation::ListServices;
        let answer = self.call(operation, cluster.reference(), |world| {
            let token = page.map(|token| token.0.as_str());
            world.list_services(Some(cluster.reference()), None, Some(PAGE), token)
        });
        let listed = answer.await?;
        Ok(Page { items: listed.items.into_iter().map(ServiceArn).collect(), next: listed.next })
    }

    async fn describe_services(
        &self,
        cluster: &Cluster,
        names: &[String],
    ) -> Result<Answer<Service>, CallError> {
        let operation = Operation::DescribeServices;
        let answer = self.call_on_several(operation, cluster.reference(), names, |world, names| {
            world.describe_services(Some(cluster.reference()), names)
        });
        Ok(map(answer.await?, described_service))
    }
}

impl TaskProtections for SimulatedAws {
    async fn task_protection(
        &self,
        cluster: &Cluster,
        tasks: &[TaskArn],
    ) -> Result<Answer<TaskProtection>, CallError> {
        let named: Vec<String> = tasks.iter().map(|arn| arn.0.clone()).collect();
        let operation = Operation::GetTaskProtection;
        let answer = self.call_on_several(operation, cluster.reference(), &named, |world, named| {
            world.task_protection(Some(cluster.reference()), named)
        });
        answer.await
    }
}

fn described_service(service: DescribedService) -> Service {
    let of_deployments = service.deployments.into_iter().map(|it| Deployment {
        task_set: false,
        definition: TaskDefinitionArn(it.task_definition),
        launch: launch(it.launch_type, &it.capacity_provider_strategy),
        desired: it.desired,
        running: it.running,
        pending: it.pending,
    });
    let of_task_sets = service.task_sets.into_iter().map(|it| Deployment {
        task_set: true,
        definition: TaskDefinitionArn(it.task_definition),
        launch: launch(it.launch_type, &it.capacity_provider_strategy),
        desired: it.computed_desired,
        running: it.running,
        pending: it.pending,
    });
    let spreads = service.placement_strategy.into_iter().filter(|it| it.strategy == "spread");
    Service {
        name: service.name,
        active: true,
        deployments: of_deployments.chain(of_task_sets).collect(),
        constraints: service.placement_constraints.iter().map(constraint).collect(),
        spreads_over: spreads.filter_map(|it| it.field).collect(),
        strategy: match service.scheduling_strategy {
            service::SchedulingStrategy::Replica => SchedulingStrategy::Replica,
            service::SchedulingStrategy::Daemon => SchedulingStrategy::Daemon,
        },
        desired: service.desired,
        running: service.running,
        pending: service.pending,
        minimum_healthy_percent: service.minimum_healthy_percent,
        maximum_percent: service.maximum_percent,
        events: service.events,
    }
}

impl CapacityProviders for SimulatedAws {
    async fn describe_capacity_providers(
        &self,
        names: &[String],
        page: Option<&PageToken>,
    ) -> Result<Page<CapacityProvider>, CallError> {
        let operation = Operation::DescribeCapacityProviders;
        let wanted = names.join(", ");
        let answer = self.call(operation, &wanted, |world| {
            world.describe_capacity_providers(names, None, page.map(|token| token.0.as_str()))
        });
        let (described, next) = answer.await?;
        let items = described.items.into_iter().map(|provider| CapacityProvider {
            name: provider.name,
            group: Some(provider.group),
            managed_scaling: provider.managed_scaling,
        });
        Ok(Page { items: items.collect(), next })
    }
}

fn constraint(constraint: &constraint::PlacementConstraint) -> PlacementConstraint {
    match constraint.expression() {
        Some(expression) => PlacementConstraint::MemberOf(expression.to_owned()),
        None => PlacementConstraint::DistinctInstance,
    }
}

/// By the providers that may get a task, without those of Fargate.
fn launch(launch_type: Option<LaunchType>, strategy: &[StrategyItem]) -> Launch {
    let used = strategy.iter().filter(|item| item.weight > 0 || item.base > 0);
    let providers = used.map(|item| &item.provider).filter(|name| !name.starts_with("FARGATE"));
    let providers: Vec<String> = providers.cloned().collect();
    match launch_type {
        Some(LaunchType::Ec2) => Launch::Ec2,
        None if !providers.is_empty() => Launch::CapacityProviders(providers),
        _ => Launch::Elsewhere,
    }
}
