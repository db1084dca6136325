//! Services, and the protection of their tasks.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{Answer, CallError, Page, PageToken, Services, TaskProtections};
use fleetkeeper_core::service::{Deployment, Launch, SchedulingStrategy, Service, ServiceArn};
use fleetkeeper_core::task::{TaskArn, TaskDefinitionArn, TaskProtection};

use super::SimulatedAws;
use super::ecs::map;
use crate::world::Operation;
use crate::world::ecs::describe_services::{DeploymentStatus, DescribedService};
use crate::world::ecs::service;

impl Services for SimulatedAws {
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError> {
        let operation = Operation::ListServices;
        let answer = self.call(operation, cluster.reference(), |world| {
            let token = page.map(|token| token.0.as_str());
            world.list_services(Some(cluster.reference()), None, None, token)
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
    let deployments = service.deployments.into_iter().map(|it| Deployment {
        task_set: false,
        definition: TaskDefinitionArn(it.task_definition),
        launch: Launch::Ec2,
        desired: if it.status == DeploymentStatus::Primary { service.desired } else { 0 },
        running: it.running,
        pending: it.pending,
    });
    Service {
        name: service.name,
        active: true,
        deployments: deployments.collect(),
        constraints: Vec::new(),
        spreads_over: Vec::new(),
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
