//! Services as `DescribeServices` tells of them.

use std::cmp::Reverse;

use aws_sdk_ecs::types::{
    DeploymentConfiguration, SchedulingStrategy as SdkStrategy, Service as SdkService,
    ServiceEvent as SdkServiceEvent,
};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{Answer, CallError, Services};
use fleetkeeper_core::service::{SchedulingStrategy, Service, ServiceEvent};

use super::{Ecs, count, failure, in_cluster, owned};
use crate::call_error::call_error;
use crate::timestamp::time;

impl Services for Ecs {
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

fn event(event: &SdkServiceEvent) -> Option<ServiceEvent> {
    Some(ServiceEvent { at: time(event.created_at()?)?, message: owned(event.message()) })
}
