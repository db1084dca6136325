//! Task scale-in protection as `GetTaskProtection` returns it.

use aws_sdk_ecs::types::ProtectedTask;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{Answer, CallError, TaskProtections};
use fleetkeeper_core::task::{TaskArn, TaskProtection};

use super::{Ecs, failure, in_cluster, owned};
use crate::call_error::call_error;
use crate::timestamp::time;

impl TaskProtections for Ecs {
    async fn task_protection(
        &self,
        cluster: &Cluster,
        tasks: &[TaskArn],
    ) -> Result<Answer<TaskProtection>, CallError> {
        let answer = self
            .client
            .get_task_protection()
            .cluster(cluster.reference())
            .set_tasks(Some(tasks.iter().map(|arn| arn.0.clone()).collect()))
            .send()
            .await
            .map_err(|error| call_error("ecs:GetTaskProtection", in_cluster(cluster), error))?;
        Ok(Answer {
            items: answer.protected_tasks().iter().map(protection).collect(),
            failures: answer.failures().iter().map(failure).collect(),
        })
    }
}

fn protection(task: &ProtectedTask) -> TaskProtection {
    TaskProtection {
        task: TaskArn(owned(task.task_arn())),
        protected: task.protection_enabled(),
        until: task.expiration_date().and_then(time),
    }
}
