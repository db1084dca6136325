//! Services as `DescribeServices` tells of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    DeploymentConfiguration, LaunchType, SchedulingStrategy as SdkStrategy, Service as SdkService,
    ServiceEvent as SdkServiceEvent,
};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{Answer, CallError, Page, PageToken, Services};
use fleetkeeper_core::service::{SchedulingStrategy, Service, ServiceArn, ServiceEvent};
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
            .scheduling_strategy(SdkStrategy::Replica)
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
        on_ec2: on_ec2(service),
        definitions: definitions(service),
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

/// By its capacity providers where it has any, and else by its launch type, which is EC2 unless it says otherwise. Of Auto
/// Scaling groups' capacity providers the names are the user's: AWS's own are Fargate's.
fn on_ec2(service: &SdkService) -> bool {
    let providers = service.capacity_provider_strategy();
    if providers.is_empty() {
        return matches!(service.launch_type(), None | Some(LaunchType::Ec2));
    }
    providers.iter().any(|item| !matches!(item.capacity_provider(), "FARGATE" | "FARGATE_SPOT"))
}

fn definitions(service: &SdkService) -> Vec<TaskDefinitionArn> {
    let of_deployments = service.deployments().iter().filter_map(|deployment| deployment.task_definition());
    let of_task_sets = service.task_sets().iter().filter_map(|set| set.task_definition());
    let all = service.task_definition().into_iter().chain(of_deployments).chain(of_task_sets);
    let all: BTreeSet<_> = all.map(|arn| TaskDefinitionArn(arn.to_owned())).collect();
    all.into_iter().collect()
}

fn event(event: &SdkServiceEvent) -> Option<ServiceEvent> {
    Some(ServiceEvent { at: time(event.created_at()?)?, message: owned(event.message()) })
}
