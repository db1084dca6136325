//! Batch tasks as services that work off a queue.
//!
//! A worker takes the oldest batch task of its kind, and protects itself from scale-in while it
//! works (ECS task scale-in protection). The service's desired count is the number of batch tasks
//! that wait or run, as scaling on a queue's length makes it.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};
use fleetkeeper_sim::World;
use fleetkeeper_sim::world::ApiError;
use fleetkeeper_sim::world::ecs::task::LastStatus;

use crate::stage::CLUSTER;

/// A batch task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    since: DateTime<Utc>,
    seconds: u32,
}

/// The workers of a kind, and their queue.
#[derive(Debug, Clone, Default)]
pub struct Workers {
    service: String,
    queue: VecDeque<Work>,
    busy: BTreeMap<TaskArn, (DateTime<Utc>, Work)>,
    desired: usize,
}

impl Workers {
    /// The workers of a service.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self { service: service.to_owned(), ..Self::default() }
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.busy.is_empty() && self.desired == 0
    }

    /// Since when each batch task in the queue waits.
    pub fn waiting(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.queue.iter().map(|work| work.since)
    }

    /// A batch task arrives.
    pub fn arrives(&mut self, seconds: u32, now: DateTime<Utc>) {
        self.queue.push_back(Work { since: now, seconds });
    }

    /// Lets workers end what is done and begin with what waits. Since when each of those waited.
    pub fn step(&mut self, world: &mut World) -> Result<Vec<DateTime<Utc>>, ApiError> {
        let now = world.now();
        let running: Vec<TaskArn> = {
            let tasks = world.tasks_of_service(CLUSTER, &self.service);
            let works = tasks.iter().filter(|task| {
                task.last_status == LastStatus::Running && task.desired_status == DesiredStatus::Running
            });
            works.map(|task| task.arn.clone()).collect()
        };
        // Whose worker is gone, begins anew.
        let gone: Vec<TaskArn> = self.busy.keys().filter(|arn| !running.contains(arn)).cloned().collect();
        for arn in gone {
            if let Some((_, work)) = self.busy.remove(&arn) {
                self.queue.push_front(Work { since: now, ..work });
            }
        }
        let done: Vec<TaskArn> =
            self.busy.iter().filter(|(_, (ends, _))| *ends <= now).map(|(arn, _)| arn.clone()).collect();
        for arn in done {
            self.busy.remove(&arn);
            world.protect_task(CLUSTER, &arn, now)?;
        }
        let mut begun = Vec::new();
        for arn in running {
            if self.busy.contains_key(&arn) {
                continue;
            }
            let Some(work) = self.queue.pop_front() else { break };
            let ends = now + TimeDelta::seconds(i64::from(work.seconds));
            // Until it says otherwise.
            world.protect_task(CLUSTER, &arn, DateTime::<Utc>::MAX_UTC)?;
            self.busy.insert(arn, (ends, work));
            begun.push(work.since);
        }
        let desired = self.queue.len() + self.busy.len();
        if desired != self.desired {
            self.desired = desired;
            world.set_desired_count(CLUSTER, &self.service, u32::try_from(desired).unwrap_or(u32::MAX))?;
        }
        Ok(begun)
    }
}
