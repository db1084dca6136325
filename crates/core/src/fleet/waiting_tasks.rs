//! How many tasks of each kind wait to be placed.

use super::snapshot::Snapshot;
use super::task_kind::TaskKinds;
use crate::service::{Launch, SchedulingStrategy, Service};

/// The tasks that deployments and task sets want and that neither run nor start: by kind, in the kinds' order.
pub(super) fn waiting_tasks(snapshot: &Snapshot, kinds: &TaskKinds) -> Vec<u64> {
    let mut waiting = vec![0; kinds.all.len()];
    let replicas =
        snapshot.services.iter().filter(|it| it.active && it.strategy == SchedulingStrategy::Replica);
    for service in replicas {
        let mut startable = startable(service);
        for deployment in service.deployments.iter().filter(|it| it.launch != Launch::Elsewhere) {
            let has = u64::from(deployment.running) + u64::from(deployment.pending);
            let mut wants = u64::from(deployment.desired).saturating_sub(has);
            if !deployment.task_set {
                wants = wants.min(startable);
                startable -= wants;
            }
            let kind = kinds.of_deployment(&service.name, &deployment.definition);
            if let Some(waiting) = kind.and_then(|kind| waiting.get_mut(kind)) {
                *waiting += wants;
            }
        }
    }
    waiting
}

/// How many tasks more `maximumPercent` lets ECS start; rounded down (API reference, `DeploymentConfiguration`).
fn startable(service: &Service) -> u64 {
    let most = u64::from(service.desired) * u64::from(service.maximum_percent) / 100;
    most.saturating_sub(u64::from(service.running) + u64::from(service.pending))
}
