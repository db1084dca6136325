//! What a drain has seen so far of its instance.

use std::time::Duration;

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
    found: bool,
    missing: bool,
    absent_since: Option<DateTime<Utc>>,
    empty_since: Option<DateTime<Utc>>,
    tasks: TaskSight,
    tasks_missing: bool,
    instances_seen: Option<DateTime<Utc>>,
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

/// While its tasks stop, an instance is looked at this often: somebody may deregister it, and then nothing tells of them
/// any more.
const INSTANCES_LATELY: Duration = Duration::from_secs(60);

impl Sight {
    /// The container instances as they were last seen; none that has left the cluster is among them.
    #[must_use]
    pub fn instances(&self) -> &[ContainerInstance] {
        &self.instances
    }

    /// Whether the cluster was asked for the EC2 instance in the last look, and not only for what was known of it: an
    /// agent may have registered anew since.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// Whether ECS lists the EC2 instance and does not find it when it is described: what it lists is there.
    #[must_use]
    pub fn missing(&self) -> bool {
        self.missing
    }

    /// Since when the cluster is seen not to have the instance.
    #[must_use]
    pub fn absent_since(&self) -> Option<DateTime<Utc>> {
        self.absent_since
    }

    /// Since when the instance is seen to take no tasks (DRAINING, say) and to count none.
    #[must_use]
    pub fn empty_since(&self) -> Option<DateTime<Utc>> {
        self.empty_since
    }

    /// What has been seen of its tasks.
    #[must_use]
    pub fn tasks(&self) -> &TaskSight {
        &self.tasks
    }

    /// Whether ECS lists tasks and does not find them when they are described: what it lists is there.
    #[must_use]
    pub fn tasks_missing(&self) -> bool {
        self.tasks_missing
    }

    /// Takes in all container instances that the cluster has of the EC2 instance, and how many more it listed that were
    /// missing when they were described.
    pub fn find_instances(&mut self, instances: Vec<ContainerInstance>, missing: usize, now: DateTime<Utc>) {
        self.see_instances(instances, now);
        self.found = true;
        self.missing = missing > 0;
        if self.missing {
            self.absent_since = None;
        }
    }

    /// Takes in a look at the container instances that are known. An INACTIVE one is no longer in the cluster. Where all
    /// are as empty as they were, what is known of their tasks still holds.
    pub fn see_instances(&mut self, mut instances: Vec<ContainerInstance>, now: DateTime<Utc>) {
        instances.retain(|instance| instance.status != ContainerInstanceStatus::Inactive);
        let absent = instances.is_empty();
        let empty = !absent && instances.iter().all(is_empty);
        let known = instances.iter().all(|it| self.instances.iter().any(|known| known.arn == it.arn));
        self.absent_since = absent.then(|| self.absent_since.unwrap_or(now));
        self.empty_since = empty.then(|| self.empty_since.filter(|_| known).unwrap_or(now));
        self.instances = instances;
        self.instances_seen = Some(now);
        self.found = false;
        self.missing = false;
        let stopping = matches!(&self.tasks, TaskSight::Unfinished(tasks) if !tasks.is_empty());
        if !(stopping && empty && known) {
            self.tasks = TaskSight::Unread;
        }
    }

    /// Takes in a look at all the tasks, and how many that ECS listed were missing when they were described.
    pub fn see_tasks(&mut self, tasks: Vec<Task>, missing: usize) {
        self.tasks = TaskSight::Unfinished(unfinished(tasks));
        self.tasks_missing = missing > 0;
    }

    /// Takes in a look at the tasks that were unfinished. Once they have stopped, everything is read again: a few
    /// tasks that are known to have stopped do not show that there is no other.
    pub fn see_unfinished_tasks(&mut self, tasks: Vec<Task>) {
        let unfinished = unfinished(tasks);
        if unfinished.is_empty() {
            self.tasks = TaskSight::Unread;
            self.found = false;
        } else {
            self.tasks = TaskSight::Unfinished(unfinished);
        }
    }

    /// What to look at next.
    #[must_use]
    pub fn next_look(&self, now: DateTime<Utc>) -> Look {
        let seen_lately = self.instances_seen.is_some_and(|seen| now < seen + INSTANCES_LATELY);
        match &self.tasks {
            _ if self.instances.is_empty() => Look::Find,
            TaskSight::Unfinished(tasks) if !tasks.is_empty() && seen_lately => {
                Look::Tasks(tasks.iter().map(|task| task.arn.clone()).collect())
            }
            _ => Look::Instances(self.instances.iter().map(|instance| instance.arn.clone()).collect()),
        }
    }
}

fn is_empty(instance: &ContainerInstance) -> bool {
    instance.status != ContainerInstanceStatus::Active
        && (instance.running_tasks, instance.pending_tasks) == (0, 0)
}

fn unfinished(tasks: Vec<Task>) -> Vec<Task> {
    tasks.into_iter().filter(|task| !task.is_stopped()).collect()
}
