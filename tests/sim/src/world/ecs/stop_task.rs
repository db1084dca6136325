//! `StopTask`.

use fleetkeeper_core::ports::STOP_REASON_MAX;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::task::{StopCode, Task};
use crate::world::{ApiError, World};

impl World {
    /// `StopTask`, by id or ARN: ECS sets out to stop a task, a protected one, too. One that is
    /// being stopped goes on as it was; a service replaces its own.
    pub fn stop_task_because(
        &mut self,
        cluster: Option<&str>,
        named: &str,
        reason: Option<&str>,
    ) -> Result<Task, ApiError> {
        let name = self.cluster_name(cluster)?;
        if reason.is_some_and(|reason| reason.chars().count() > STOP_REASON_MAX) {
            let said = format!("The reason can have at most {STOP_REASON_MAX} characters.");
            return Err(ApiError::invalid_parameter(said));
        }
        let arn = TaskArn(self.cluster(&name)?.full_arn("task", named));
        let task = self.task_mut(&name, &arn).ok_or_else(not_found)?;
        if task.desired_status == DesiredStatus::Running {
            task.stopped_reason = reason.map(str::to_owned);
        }
        self.begin_stopping(&name, &arn, StopCode::UserInitiated);
        self.cluster(&name)?.tasks.get(&arn).cloned().ok_or_else(not_found)
    }

    /// `StopTask` without a reason.
    pub fn stop_task(&mut self, cluster: &str, task: &TaskArn) -> Result<(), ApiError> {
        self.stop_task_because(Some(cluster), &task.0, None).map(|_| ())
    }
}

/// `StopTask`'s message for a task that ECS does not know, or no longer.
pub const TASK_NOT_FOUND: &str = "The referenced task was not found.";

fn not_found() -> ApiError {
    ApiError::invalid_parameter(TASK_NOT_FOUND)
}
