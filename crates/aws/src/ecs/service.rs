//! Services as `DescribeServices` returns them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, DeploymentConfiguration, LaunchType, PlacementConstraint as SdkConstraint,
    PlacementConstraintType as SdkConstraintType, PlacementStrategyType, SchedulingStrategy as SdkStrategy,
    Service as SdkService, ServiceEvent as SdkServiceEvent,
};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{Answer, CallError, Page, PageToken, Services};
use fleetkeeper_core::service::{
    Deployment, Launch, PlacementConstraint, SchedulingStrategy, Service, ServiceArn, ServiceEvent,
};
use fleetkeeper_core::task::TaskDefinitionArn;

use super::{Ecs, count, failure, in_cluster, owned};
use crate::call_error::call_error;
use crate::timestamp::time;

/// The most that a page of a list may have: 10 without it (API reference, `ListServices`).
const PAGE: i32 = 100;

impl Services for Ecs {
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError> {
        let answer = self
            .client
            .list_services()
            .cluster(cluster.reference())
            .max_results(PAGE)
            .set_next_token(page.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| call_error("ecs:ListServices", in_cluster(cluster), error))?;
        Ok(Page {
            items: answer.service_arns().iter().cloned().map(ServiceArn).collect(),
            next: answer.next_token().map(|token| PageToken(token.to_owned())),
        })
    }

    async fn describe_services(
        &self,
        cluster: &Cluster,
        names: &[String],
    ) -> Result<Answer<Service>, CallError> {
        let answer = self
            .client
            .describe_services()
            .cluster(cluster.reference())
            .set_services(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeServices", in_cluster(cluster), error))?;
        Ok(Answer {
            items: answer.services().iter().map(service).collect(),
            failures: answer.failures().iter().map(failure).collect(),
        })
    }
}

fn service(service: &SdkService) -> Service {
    let strategy = match service.scheduling_strategy() {
        Some(SdkStrategy::Daemon) => SchedulingStrategy::Daemon,
        _ => SchedulingStrategy::Replica,
    };
    // ECS's defaults (API reference, `DeploymentConfiguration`).
    let (minimum, maximum) = match strategy {
        SchedulingStrategy::Replica => (100, 200),
        SchedulingStrategy::Daemon => (0, 100),
    };
    let set = service.deployment_configuration();
    let percent = |percent: Option<i32>| percent.and_then(|percent| u32::try_from(percent).ok());
    let mut events: Vec<_> = service.events().iter().filter_map(event).collect();
    events.sort_by_key(|event| Reverse(event.at));
    Service {
        name: owned(service.service_name()),
        active: service.status() == Some("ACTIVE"),
        deployments: deployments(service),
        constraints: service.placement_constraints().iter().map(constraint).collect(),
        spreads_over: spreads_over(service),
        strategy,
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        pending: count(service.pending_count()),
        minimum_healthy_percent: percent(set.and_then(DeploymentConfiguration::minimum_healthy_percent))
            .unwrap_or(minimum),
        maximum_percent: percent(set.and_then(DeploymentConfiguration::maximum_percent)).unwrap_or(maximum),
        events,
    }
}

/// Deployments have counts of their own, and task sets have (API reference, `Deployment`,
/// `TaskSet`). A service whose tasks are started otherwise, and one that ECS describes without
/// either, has one by its own counts.
fn deployments(service: &SdkService) -> Vec<Deployment> {
    let of_deployments = service.deployments().iter().map(|it| Deployment {
        task_set: false,
        definition: TaskDefinitionArn(owned(it.task_definition())),
        launch: launch(it.launch_type(), it.capacity_provider_strategy()),
        desired: count(it.desired_count()),
        running: count(it.running_count()),
        pending: count(it.pending_count()),
    });
    let of_task_sets = service.task_sets().iter().map(|it| Deployment {
        task_set: true,
        definition: TaskDefinitionArn(owned(it.task_definition())),
        launch: launch(it.launch_type(), it.capacity_provider_strategy()),
        desired: count(it.computed_desired_count()),
        running: count(it.running_count()),
        pending: count(it.pending_count()),
    });
    let all: Vec<_> = of_deployments.chain(of_task_sets).collect();
    if !all.is_empty() {
        return all;
    }
    let itself = service.task_definition().map(|definition| Deployment {
        task_set: false,
        definition: TaskDefinitionArn(definition.to_owned()),
        launch: launch(service.launch_type(), service.capacity_provider_strategy()),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        pending: count(service.pending_count()),
    });
    itself.into_iter().collect()
}

/// By capacity providers where there are any, and else by the launch type, which is EC2 unless it
/// says otherwise. Of Auto Scaling groups' capacity providers the names are the user's: AWS's own
/// are Fargate's. A provider of weight 0 and base 0 gets no task (API reference,
/// `CapacityProviderStrategyItem`).
fn launch(launch_type: Option<&LaunchType>, strategy: &[CapacityProviderStrategyItem]) -> Launch {
    if strategy.is_empty() {
        return if matches!(launch_type, None | Some(LaunchType::Ec2)) {
            Launch::Ec2
        } else {
            Launch::Elsewhere
        };
    }
    let used = strategy.iter().filter(|item| item.weight() > 0 || item.base() > 0);
    let names: BTreeSet<_> = used
        .map(CapacityProviderStrategyItem::capacity_provider)
        .filter(|name| !matches!(*name, "FARGATE" | "FARGATE_SPOT"))
        .collect();
    if names.is_empty() {
        return Launch::Elsewhere;
    }
    Launch::CapacityProviders(names.into_iter().map(str::to_owned).collect())
}

fn constraint(constraint: &SdkConstraint) -> PlacementConstraint {
    match constraint.r#type() {
        Some(SdkConstraintType::DistinctInstance) => PlacementConstraint::DistinctInstance,
        Some(SdkConstraintType::MemberOf) => PlacementConstraint::MemberOf(owned(constraint.expression())),
        other => PlacementConstraint::Other(other.map_or_else(String::new, |it| it.as_str().to_owned())),
    }
}

fn spreads_over(service: &SdkService) -> Vec<String> {
    let spreads = service.placement_strategy().iter();
    let spreads = spreads.filter(|strategy| strategy.r#type() == Some(&PlacementStrategyType::Spread));
    spreads.filter_map(|strategy| strategy.field().map(str::to_owned)).collect()
}

fn event(event: &SdkServiceEvent) -> Option<ServiceEvent> {
    Some(ServiceEvent { at: time(event.created_at()?)?, message: owned(event.message()) })
}
