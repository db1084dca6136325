//! Reads of ECS at a pace: an account has 20 a second for all that it does, and half of them are left to others.

use std::cell::Cell;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::ports::{
    Answer, CallError, Clock, ContainerInstanceQuery, ContainerInstances, Page, PageToken, Tasks, TasksOf,
};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn};
use fleetkeeper_core::time_left::between;

/// Between two reads: the carriers of a group make 10 a second together.
const INTERVAL: TimeDelta = TimeDelta::milliseconds(300);

/// So many reads go out at once after a pause: those of all carriers are half of what ECS lets through at once.
const BURST: i32 = 16;

/// ECS, its reads paced.
#[derive(Debug)]
pub(super) struct Paced<'a, Ecs, C> {
    ecs: &'a Ecs,
    clock: &'a C,
    /// Until when the reads that were made have used up the pace.
    used_until: Cell<DateTime<Utc>>,
}

impl<'a, Ecs, C: Clock> Paced<'a, Ecs, C> {
    pub(super) fn new(ecs: &'a Ecs, clock: &'a C) -> Self {
        Self { ecs, clock, used_until: Cell::new(DateTime::UNIX_EPOCH) }
    }

    async fn turn(&self) {
        let now = self.clock.now();
        let used_until = self.used_until.get().max(now - INTERVAL * BURST) + INTERVAL;
        self.used_until.set(used_until);
        let wait = between(now, used_until);
        if wait > Duration::ZERO {
            self.clock.sleep(wait).await;
        }
    }
}

impl<Ecs: ContainerInstances, C: Clock> ContainerInstances for Paced<'_, Ecs, C> {
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        self.turn().await;
        self.ecs.list_container_instances(cluster, query, page).await
    }

    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        self.turn().await;
        self.ecs.describe_container_instances(cluster, arns).await
    }
}

impl<Ecs: Tasks, C: Clock> Tasks for Paced<'_, Ecs, C> {
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError> {
        self.turn().await;
        self.ecs.list_tasks(cluster, of, desired, page).await
    }

    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        self.turn().await;
        self.ecs.describe_tasks(cluster, arns).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// A clock that goes on only where somebody sleeps.
    struct StandingClock(Cell<DateTime<Utc>>);

    impl StandingClock {
        fn new() -> Self {
            Self(Cell::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
        }
    }

    impl Clock for StandingClock {
        fn now(&self) -> DateTime<Utc> {
            self.0.get()
        }

        async fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    /// When each of so many turns comes, in milliseconds from now on.
    fn turns(paced: &Paced<'_, (), StandingClock>, count: usize) -> Vec<i64> {
        let start = paced.clock.now();
        let turn = |_| {
            paced.turn().now_or_never().unwrap();
            (paced.clock.now() - start).num_milliseconds()
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn sixteen_go_out_at_once_and_then_one_each_300_ms() {
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock);
        assert_eq!(turns(&paced, 16), [0; 16]);
        assert_eq!(turns(&paced, 4), [300, 600, 900, 1200]);
    }

    #[test]
    fn what_a_pause_leaves_unused_is_there_after_it_and_no_more_than_sixteen() {
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock);
        turns(&paced, 16);
        clock.sleep(Duration::from_millis(900)).now_or_never().unwrap();
        assert_eq!(turns(&paced, 5), [0, 0, 0, 300, 600]);
        clock.sleep(Duration::from_secs(3600)).now_or_never().unwrap();
        assert_eq!(turns(&paced, 16), [0; 16]);
        assert_eq!(turns(&paced, 2), [300, 600]);
    }

    #[test]
    fn a_read_each_poll_is_never_held_back() {
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock);
        for _ in 0..1000 {
            assert_eq!(turns(&paced, 1), [0]);
            clock.sleep(Duration::from_millis(300)).now_or_never().unwrap();
        }
    }
}
