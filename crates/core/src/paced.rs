//! Paces the reads of ECS. An account has 100 at once and 20 a second after that, for everything
//! that it does ("Request throttling for the Amazon ECS API"). Half of them are left to others.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::cluster::Cluster;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn};
use crate::ports::{
    Answer, CallError, Clock, ContainerInstanceQuery, ContainerInstances, Page, PageToken, Tasks, TasksOf,
};
use crate::task::{DesiredStatus, Task, TaskArn};
use crate::time_left::between;

/// A short invocation makes up for its burst at a pace that is this many times slower at most.
const SLOWED_MAX: i32 = 5;

/// How fast reads may go, and how far they have come.
#[derive(Debug)]
pub struct Pace {
    interval: TimeDelta,
    burst: i32,
    /// Until when the reads that were made have used up the pace.
    used_until: Cell<DateTime<Utc>>,
}

impl Pace {
    /// One read each `interval`; after a pause `burst` at once.
    #[must_use]
    pub fn new(interval: TimeDelta, burst: i32) -> Self {
        Self { interval, burst, used_until: Cell::new(DateTime::UNIX_EPOCH) }
    }

    /// Waits until the next read may go.
    pub async fn turn(&self, clock: &impl Clock) {
        self.turn_each(self.interval, clock).await;
    }

    /// The same for an invocation in which one read goes each `interval`.
    async fn turn_each(&self, interval: TimeDelta, clock: &impl Clock) {
        let now = clock.now();
        let used_until = self.used_until.get().max(now - interval * self.burst) + interval;
        self.used_until.set(used_until);
        let wait = between(now, used_until);
        if wait > Duration::ZERO {
            clock.sleep(wait).await;
        }
    }

    /// Between two reads of an invocation that lasts this long and begins with the whole burst. In
    /// all it makes no more reads than this pace allows without a burst.
    fn interval_over(&self, lasts: TimeDelta) -> TimeDelta {
        let burst = (self.interval * self.burst).num_milliseconds();
        let most = self.interval * SLOWED_MAX;
        let left = lasts.num_milliseconds() - burst;
        if left <= 0 {
            return most;
        }
        let interval = self.interval.num_milliseconds().saturating_mul(lasts.num_milliseconds()) / left;
        TimeDelta::milliseconds(interval).min(most)
    }
}

/// ECS, its reads of container instances and tasks paced: they share one bucket.
#[derive(Debug)]
pub struct Paced<'a, Ecs, C> {
    ecs: &'a Ecs,
    clock: &'a C,
    pace: Rc<Pace>,
    interval: TimeDelta,
}

impl<'a, Ecs, C: Clock> Paced<'a, Ecs, C> {
    /// ECS at this pace.
    #[must_use]
    pub fn new(ecs: &'a Ecs, clock: &'a C, pace: Rc<Pace>) -> Self {
        let interval = pace.interval;
        Self { ecs, clock, pace, interval }
    }

    /// The same in an invocation that lasts this long. Invocations that follow one another take
    /// turns in two environments, and each finds the whole burst there.
    #[must_use]
    pub fn over(self, lasts: TimeDelta) -> Self {
        let interval = self.pace.interval_over(lasts);
        Self { interval, ..self }
    }

    async fn turn(&self) {
        self.pace.turn_each(self.interval, self.clock).await;
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

    /// When each of `count` turns comes, in milliseconds from now on.
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
        let paced = Paced::new(&(), &clock, Rc::new(Pace::new(TimeDelta::milliseconds(300), 16)));
        assert_eq!(turns(&paced, 16), [0; 16]);
        assert_eq!(turns(&paced, 4), [300, 600, 900, 1200]);
    }

    #[test]
    fn what_a_pause_leaves_unused_is_there_after_it_and_no_more_than_sixteen() {
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock, Rc::new(Pace::new(TimeDelta::milliseconds(300), 16)));
        turns(&paced, 16);
        clock.sleep(Duration::from_millis(900)).now_or_never().unwrap();
        assert_eq!(turns(&paced, 5), [0, 0, 0, 300, 600]);
        clock.sleep(Duration::from_secs(3600)).now_or_never().unwrap();
        assert_eq!(turns(&paced, 16), [0; 16]);
        assert_eq!(turns(&paced, 2), [300, 600]);
    }

    #[test]
    fn invocations_in_a_row_make_up_for_their_bursts() {
        // 7 s allow 7 / 0.1 = 70 reads: 30 at once, and 40 in 7 s. A long invocation has hundreds,
        // and hardly waits longer. Where the burst alone is too much, the pace is a fifth.
        let pace = Rc::new(Pace::new(TimeDelta::milliseconds(100), 30));
        for (lasts, interval) in [(7, 175), (50, 106), (890, 100), (3, 500), (0, 500)] {
            let lasts = TimeDelta::seconds(lasts);
            assert_eq!(pace.interval_over(lasts), TimeDelta::milliseconds(interval), "{lasts}");
        }
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock, pace).over(TimeDelta::seconds(7));
        assert_eq!(turns(&paced, 71).last(), Some(&7175));
    }

    #[test]
    fn a_read_each_poll_is_never_held_back() {
        let clock = StandingClock::new();
        let paced = Paced::new(&(), &clock, Rc::new(Pace::new(TimeDelta::milliseconds(300), 16)));
        for _ in 0..1000 {
            assert_eq!(turns(&paced, 1), [0]);
            clock.sleep(Duration::from_millis(300)).now_or_never().unwrap();
        }
    }
}
