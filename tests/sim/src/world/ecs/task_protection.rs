//! Task scale-in protection: its calls, its expiry, and the stops that it holds off.
//!
//! AWS does not say whether a protected task is taken from a DRAINING instance; the stricter
//! reading is simulated: as long as a task is protected its service's scheduler leaves it where it
//! is, whatever for. `StopTask` stops it all the same.

use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{Answer, DESCRIBE_MAX, Failure};
use fleetkeeper_core::task::{TaskArn, TaskProtection};

use super::describe::{at_most, each, missing};
use super::task::Task;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `UpdateTaskProtection`: a service's task is protected until a time.
    pub fn protect_task(
        &mut self,
        cluster: &str,
        arn: &TaskArn,
        until: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        self.cluster(cluster)?;
        let task = self.task_mut(cluster, arn).filter(|task| task.service.is_some());
        let Some(task) = task else {
            return Err(ApiError::invalid_parameter(format!("{arn} is no service's task")));
        };
        task.protected_until = Some(until);
        self.record(Occurrence::TaskProtected { task: arn.clone(), until });
        self.task_changed(cluster, arn);
        self.request_service_scheduler_at(cluster, until.max(self.now));
        Ok(())
    }

    /// `GetTaskProtection`, by ids or ARNs.
    pub fn task_protection(
        &self,
        cluster: Option<&str>,
        named: &[String],
    ) -> Result<Answer<TaskProtection>, ApiError> {
        let cluster = self.cluster(&self.cluster_name(cluster)?)?;
        at_most(DESCRIBE_MAX, named, "Tasks")?;
        Ok(each(named, |named| {
            let arn = TaskArn(cluster.full_arn("task", named));
            match cluster.tasks.get(&arn) {
                None => Err(missing(arn.0)),
                Some(task) if task.service.is_none() => {
                    Err(Failure { reason: "TASK_NOT_VALID".to_owned(), ..missing(arn.0) })
                }
                Some(task) => {
                    let until = task.protected_until.filter(|_| task.is_protected(self.now));
                    Ok(TaskProtection { task: arn, protected: until.is_some(), until })
                }
            }
        }))
    }
}

impl Task {
    /// Returns whether its service's scheduler leaves it alone.
    #[must_use]
    pub fn is_protected(&self, now: DateTime<Utc>) -> bool {
        self.protected_until.is_some_and(|until| now < until)
    }
}
