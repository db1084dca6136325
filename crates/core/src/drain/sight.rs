//! What a drain has seen so far of its instance.

use chrono::{DateTime, Utc};

use crate::container_instance::{ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus};
use crate::task::{Task, TaskArn};

/// What has been seen of the EC2 instance in its cluster, and since when.
///
/// An EC2 instance can have several container instances: an agent that lost its state registers anew, and the old
/// entry stays. All of them are drained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    instances: Vec<ContainerInstance>,
    absent_since: Option<DateTime<Utc>>,
    closed_since: Option<DateTime<Utc>>,
    tasks: TaskSight,
}

/// What has been seen of the instance's tasks since the counts were last seen to be 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TaskSight {
    /// Nothing yet.
    #[default]
    Unread,
    /// Those whose containers are not gone yet; none where all tasks have stopped.
    Unfinished(Vec<Task>),
}

/// What to look at next: as few reads as will tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The cluster has to be asked for the EC2 instance.
    Find,
    /// The container instances are known.
    Instances(Vec<ContainerInstanceArn>),
    /// Nothing is left but tasks that were stopping.
    Tasks(Vec<TaskArn>),
}

impl Sight {
    /// The container instances as they were last seen; none that has left the cluster is among them.
    #[must_use]
    pub fn instances(&self) -> &[ContainerInstance] {
        &self.instances
    }

    /// Since when the cluster is seen not to have the instance.
    #[must_use]
    pub fn absent_since(&self) -> Option<DateTime<Utc>> {
        self.absent_since
    }

    /// Since when the instance is seen to take no tasks (DRAINING, say).
    #[must_use]
    pub fn closed_since(&self) -> Option<DateTime<Utc>> {
        self.closed_since
    }

    /// What has been seen of its tasks.
    #[must_use]
    pub fn tasks(&self) -> &TaskSight {
        &self.tasks
    }

    /// Takes in a look at the container instances. An INACTIVE one is no longer in the cluster.
    pub fn see_instances(&mut self, mut instances: Vec<ContainerInstance>, now: DateTime<Utc>) {
        instances.retain(|instance| instance.status != ContainerInstanceStatus::Inactive);
        let absent = instances.is_empty();
        let closed = !absent && instances.iter().all(|it| it.status != ContainerInstanceStatus::Active);
        self.absent_since = absent.then(|| self.absent_since.unwrap_or(now));
        self.closed_since = closed.then(|| self.closed_since.unwrap_or(now));
        self.instances = instances;
        self.tasks = TaskSight::Unread;
    }

    /// Takes in a look at all the tasks.
    pub fn see_tasks(&mut self, tasks: Vec<Task>) {
        self.tasks = TaskSight::Unfinished(tasks.into_iter().filter(|task| !task.is_stopped()).collect());
    }

    /// Takes in a look at the tasks that were unfinished. Once they have stopped, everything is read again: a few
    /// tasks that are known to have stopped do not show that there is no other.
    pub fn see_unfinished_tasks(&mut self, tasks: Vec<Task>) {
        self.see_tasks(tasks);
        if self.tasks == TaskSight::Unfinished(Vec::new()) {
            self.tasks = TaskSight::Unread;
        }
    }

    /// What to look at next.
    #[must_use]
    pub fn next_look(&self) -> Look {
        match &self.tasks {
            _ if self.instances.is_empty() => Look::Find,
            TaskSight::Unfinished(tasks) if !tasks.is_empty() => {
                Look::Tasks(tasks.iter().map(|task| task.arn.clone()).collect())
            }
            _ => Look::Instances(self.instances.iter().map(|instance| instance.arn.clone()).collect()),
        }
    }
}
