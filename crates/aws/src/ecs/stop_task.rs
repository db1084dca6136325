//! `StopTask`.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{CallError, STOP_REASON_MAX, TaskStopping};
use fleetkeeper_core::task::TaskArn;

use super::Ecs;
use crate::call_error::{ServiceAnswer, call_error, service_answer};

impl TaskStopping for Ecs {
    async fn stop_task(&self, cluster: &Cluster, task: &TaskArn, reason: &str) -> Result<(), CallError> {
        let reason: String = reason.chars().take(STOP_REASON_MAX).collect();
        let call = self.client.stop_task().cluster(cluster.reference()).task(&task.0).reason(reason);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if service_answer(&error).is_some_and(|answer| says_not_found(&answer)) => Ok(()),
            Err(error) => Err(call_error("ecs:StopTask", task, error)),
        }
    }
}

/// ECS has no error of its own for a task that it does not know, or no longer.
fn says_not_found(answer: &ServiceAnswer) -> bool {
    matches!(answer.code.as_str(), "InvalidParameterException" | "ClientException")
        && answer.message.contains("task was not found")
}
