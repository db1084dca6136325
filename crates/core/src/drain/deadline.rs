//! What a drain's deadline adds to its decisions.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::decision::{CompleteReason, Decision, WaitReason, decide};
use super::on_drain_timeout::OnDrainTimeout;
use super::sight::Sight;
use super::timing::DrainTiming;
use crate::task::TaskArn;

/// Kept of a drain's time beside the longest stop timeout: for `StopTask` to be heard and the end to be seen.
pub const STOP_SLACK: Duration = Duration::from_secs(30);

/// What there is to stop is read this long before the deadline: stop timeouts are rarely longer, and one that is has what
/// is left.
pub const PLAN_AHEAD: Duration = Duration::from_secs(600);

/// A plan that left tasks running is made anew after this long.
const PLAN_AGAIN: Duration = Duration::from_secs(30);

/// What of a drain is to be stopped before its deadline, as far as this invocation has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopPlan {
    /// The tasks that ECS wants to run.
    pub tasks: Vec<TaskArn>,
    /// The longest stop timeout among them.
    pub longest_stop_timeout: Duration,
    /// When this was read.
    pub read_at: DateTime<Utc>,
}

impl StopPlan {
    /// What stopping takes, in a drain that may take `drain` in all: never more than half of it.
    #[must_use]
    pub fn takes(&self, drain: Duration) -> Duration {
        (self.longest_stop_timeout + STOP_SLACK).min(drain / 2)
    }
}

/// Decides as [`decide`] does, and where that waits, by the time that the drain has left. `open` is whether the lifecycle
/// action is known to be open: nothing is stopped for one that may be over, and what was not stopped is not let go for
/// its time. Such an action is asked for again and again, and past that its hook's own timeout ends it.
pub fn decide_in_time(
    sight: &Sight,
    timing: &DrainTiming,
    policy: OnDrainTimeout,
    plan: Option<&StopPlan>,
    open: bool,
    now: DateTime<Utc>,
) -> Decision {
    let decision = decide(sight, timing.began, now);
    if matches!(decision, Decision::Complete(_)) {
        return decision;
    }
    let deadline = timing.deadline();
    if policy != OnDrainTimeout::StopTasks {
        return if now < deadline { decision } else { Decision::Complete(CompleteReason::TimeUp(policy)) };
    }
    if !open {
        return decision;
    }
    let Decision::Wait(reason) = decision else { return decision };
    let drain = timing.longest();
    let takes = plan.map_or(Duration::ZERO, |plan| plan.takes(drain));
    if reason.has_tasks() {
        match plan {
            None if now >= timing.stops_from() => return Decision::PlanStops,
            Some(plan) if now >= deadline - takes && !plan.tasks.is_empty() => {
                return Decision::StopTasks(plan.tasks.clone());
            }
            Some(plan) if reason.has_running_tasks() && now >= plan.read_at + PLAN_AGAIN => {
                return Decision::PlanStops;
            }
            _ => {}
        }
    }
    // What one look missed may be there, with tasks that nobody has stopped.
    if now < timing.end() || matches!(reason, WaitReason::NotSeen | WaitReason::Missing) {
        Decision::Wait(reason)
    } else {
        Decision::Complete(CompleteReason::TimeUp(policy))
    }
}

impl WaitReason {
    /// Whether there may be tasks to stop.
    fn has_tasks(&self) -> bool {
        match self {
            Self::NotSeen | Self::Missing | Self::Unconfirmed => false,
            Self::JustSetDraining
            | Self::Settling
            | Self::Registering
            | Self::UnknownStatus(_)
            | Self::TasksRunning { .. }
            | Self::TasksStopping(_)
            | Self::TasksMissing => true,
        }
    }

    /// Whether there may be tasks that ECS wants to run.
    fn has_running_tasks(&self) -> bool {
        matches!(self, Self::TasksRunning { .. } | Self::UnknownStatus(_) | Self::Registering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container_instance::{ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus};
    use crate::lifecycle::LifecycleHook;
    use crate::task::{DesiredStatus, Task};

    const POLICIES: [OnDrainTimeout; 3] =
        [OnDrainTimeout::StopTasks, OnDrainTimeout::Continue, OnDrainTimeout::Abandon];

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    /// A drain of at most so long.
    fn drain_of(seconds: u64) -> DrainTiming {
        DrainTiming {
            began: at(0),
            drain_timeout: Duration::from_secs(seconds),
            hook: Some(LifecycleHook {
                heartbeat_timeout: Duration::from_secs(900),
                global_timeout: Duration::from_secs(90_000),
                drain_timeout: None,
            }),
            stops_until: None,
        }
    }

    fn instance(status: ContainerInstanceStatus, running: u32) -> ContainerInstance {
        ContainerInstance {
            arn: ContainerInstanceArn("a".to_owned()),
            status,
            running_tasks: running,
            ..ContainerInstance::empty(0, 0)
        }
    }

    /// A sight, since the drain began, of an instance of this status on which so many tasks run.
    fn seen(status: ContainerInstanceStatus, running: u32) -> Sight {
        let mut sight = Sight::default();
        sight.find_instances(vec![instance(status, running)], 0, at(0));
        sight
    }

    fn running() -> Sight {
        seen(ContainerInstanceStatus::Draining, 1)
    }

    /// A sight of an instance whose last task stops.
    fn stopping() -> Sight {
        let mut sight = seen(ContainerInstanceStatus::Draining, 0);
        let desired_status = DesiredStatus::Stopped;
        sight.see_tasks(vec![Task { desired_status, ..Task::seen("task", "STOPPING") }], 0);
        sight
    }

    fn drained() -> Sight {
        let mut sight = seen(ContainerInstanceStatus::Draining, 0);
        sight.see_tasks(vec![], 0);
        sight
    }

    /// A plan to stop these tasks, the slowest of which takes so long.
    fn plan(tasks: &[&str], longest_stop_timeout: u64, read_at: i64) -> StopPlan {
        StopPlan {
            tasks: tasks.iter().map(|task| TaskArn((*task).to_owned())).collect(),
            longest_stop_timeout: Duration::from_secs(longest_stop_timeout),
            read_at: at(read_at),
        }
    }

    fn stop(tasks: &[&str]) -> Decision {
        Decision::StopTasks(plan(tasks, 0, 0).tasks)
    }

    fn wait_for_running() -> Decision {
        Decision::Wait(WaitReason::TasksRunning { running: 1, pending: 0 })
    }

    fn time_up(policy: OnDrainTimeout) -> Decision {
        Decision::Complete(CompleteReason::TimeUp(policy))
    }

    /// Decides with tasks to be stopped, for an action that is known to be open.
    fn by_stopping(sight: &Sight, timing: &DrainTiming, plan: Option<&StopPlan>, now: i64) -> Decision {
        decide_in_time(sight, timing, OnDrainTimeout::StopTasks, plan, true, at(now))
    }

    #[test]
    fn what_is_drained_is_let_go_as_drained_before_at_and_after_the_deadline() {
        for policy in POLICIES {
            for (open, now) in [(true, 5), (true, 600), (false, 600), (true, 601), (false, 50_000)] {
                let decision = decide_in_time(&drained(), &drain_of(600), policy, None, open, at(now));
                assert_eq!(decision, Decision::Complete(CompleteReason::Drained), "{policy} {now}");
            }
        }
    }

    #[test]
    fn where_nothing_is_stopped_it_is_let_go_at_the_deadline_and_not_a_second_before() {
        for policy in [OnDrainTimeout::Continue, OnDrainTimeout::Abandon] {
            for open in [true, false] {
                let decide = |now| decide_in_time(&running(), &drain_of(600), policy, None, open, at(now));
                assert_eq!(decide(599), wait_for_running());
                assert_eq!([600, 601, 9000].map(decide), [600, 601, 9000].map(|_| time_up(policy)));
            }
        }
    }

    #[test]
    fn where_nothing_is_stopped_nothing_is_planned_or_set_draining_past_the_deadline() {
        let active = seen(ContainerInstanceStatus::Active, 1);
        for policy in [OnDrainTimeout::Continue, OnDrainTimeout::Abandon] {
            let decide = |now| decide_in_time(&active, &drain_of(600), policy, None, true, at(now));
            assert!(matches!(decide(599), Decision::SetDraining(_)));
            assert_eq!(decide(600), time_up(policy));
        }
    }

    #[test]
    fn what_is_to_be_stopped_is_read_ten_minutes_before_the_deadline() {
        let timing = drain_of(3600);
        assert_eq!(by_stopping(&running(), &timing, None, 2999), wait_for_running());
        assert_eq!(by_stopping(&running(), &timing, None, 3000), Decision::PlanStops);
        assert_eq!(by_stopping(&stopping(), &timing, None, 3000), Decision::PlanStops);
    }

    #[test]
    fn or_halfway_where_the_drain_is_short() {
        let timing = drain_of(600);
        assert_eq!(by_stopping(&running(), &timing, None, 299), wait_for_running());
        assert_eq!(by_stopping(&running(), &timing, None, 300), Decision::PlanStops);
    }

    #[test]
    fn tasks_are_stopped_so_early_that_the_longest_stop_timeout_and_half_a_minute_are_left() {
        let timing = drain_of(3600);
        for (longest, stops) in [(0, 3570), (30, 3540), (120, 3450), (1770, 1800)] {
            let decide = |now| by_stopping(&running(), &timing, Some(&plan(&["t", "u"], longest, now)), now);
            assert_eq!(decide(stops - 1), wait_for_running(), "{longest}");
            assert_eq!(decide(stops), stop(&["t", "u"]), "{longest}");
            assert_eq!(decide(9000), stop(&["t", "u"]), "{longest}");
        }
    }

    #[test]
    fn never_is_more_than_half_of_the_drain_kept_for_stopping() {
        let decide = |now| by_stopping(&running(), &drain_of(100), Some(&plan(&["t"], 7200, now)), now);
        assert_eq!(decide(49), wait_for_running());
        assert_eq!(decide(50), stop(&["t"]));
    }

    #[test]
    fn a_plan_that_left_tasks_running_is_made_anew_every_half_minute() {
        let timing = drain_of(3600);
        let decide = |now| by_stopping(&running(), &timing, Some(&plan(&[], 30, 3500)), now);
        assert_eq!(decide(3529), wait_for_running());
        assert_eq!([3530, 3600, 3700].map(decide), [3530, 3600, 3700].map(|_| Decision::PlanStops));
        // Before it is time to stop anything, too: other tasks may run by then, with other stop timeouts.
        let early = plan(&["t"], 30, 3000);
        assert_eq!(by_stopping(&running(), &timing, Some(&early), 3029), wait_for_running());
        assert_eq!(by_stopping(&running(), &timing, Some(&early), 3030), Decision::PlanStops);
    }

    #[test]
    fn what_only_stops_needs_no_other_plan() {
        let decide = |now| by_stopping(&stopping(), &drain_of(3600), Some(&plan(&[], 30, 3000)), now);
        assert_eq!(decide(3599), Decision::Wait(WaitReason::TasksStopping(1)));
    }

    #[test]
    fn what_was_stopped_and_is_left_is_let_go_at_the_end() {
        let timing = drain_of(3600);
        let all_stopped = plan(&[], 30, 3540);
        let late = DrainTiming { stops_until: Some(at(3700)), ..timing };
        for (timing, end) in [(timing, 3600), (late, 3700)] {
            let decide = |now| by_stopping(&stopping(), &timing, Some(&all_stopped), now);
            assert_eq!(decide(end - 1), Decision::Wait(WaitReason::TasksStopping(1)));
            assert_eq!(decide(end), time_up(OnDrainTimeout::StopTasks));
        }
    }

    #[test]
    fn after_the_deadline_too_tasks_are_read_and_stopped_before_anything_is_let_go() {
        let timing = drain_of(600);
        for now in [600, 5000] {
            assert_eq!(by_stopping(&running(), &timing, None, now), Decision::PlanStops);
            assert_eq!(by_stopping(&running(), &timing, Some(&plan(&["t"], 30, now)), now), stop(&["t"]));
        }
    }

    #[test]
    fn the_hooks_global_timeout_draws_everything_forward() {
        let hook = LifecycleHook {
            heartbeat_timeout: Duration::from_secs(30),
            global_timeout: Duration::from_secs(3000),
            drain_timeout: None,
        };
        let timing = DrainTiming { hook: Some(hook), ..drain_of(172_800) };
        assert_eq!(by_stopping(&running(), &timing, None, 2369), wait_for_running());
        assert_eq!(by_stopping(&running(), &timing, None, 2370), Decision::PlanStops);
        let decide = |now| by_stopping(&running(), &timing, Some(&plan(&["t"], 30, now)), now);
        assert_eq!(decide(2909), wait_for_running());
        assert_eq!(decide(2910), stop(&["t"]));
        let late = DrainTiming { stops_until: Some(at(9000)), ..timing };
        let all_stopped = plan(&[], 30, 2960);
        assert_eq!(
            by_stopping(&stopping(), &late, Some(&all_stopped), 2970),
            time_up(OnDrainTimeout::StopTasks)
        );
    }

    #[test]
    fn an_active_instance_is_set_draining_before_anything_on_it_is_stopped() {
        let active = seen(ContainerInstanceStatus::Active, 1);
        for now in [0, 599, 600] {
            let decision = by_stopping(&active, &drain_of(600), Some(&plan(&["t"], 30, now)), now);
            assert!(matches!(decision, Decision::SetDraining(_)), "{now}");
        }
    }

    #[test]
    fn for_an_action_that_may_be_over_nothing_is_stopped_and_none_is_let_go_for_its_time() {
        for (sight, waits) in [
            (running(), WaitReason::TasksRunning { running: 1, pending: 0 }),
            (stopping(), WaitReason::TasksStopping(1)),
        ] {
            for plan in [None, Some(plan(&["t"], 30, 590))] {
                for now in [590, 600, 9000] {
                    let policy = OnDrainTimeout::StopTasks;
                    let decision =
                        decide_in_time(&sight, &drain_of(600), policy, plan.as_ref(), false, at(now));
                    assert_eq!(decision, Decision::Wait(waits.clone()), "{now}");
                }
            }
        }
    }

    #[test]
    fn one_look_that_misses_the_instance_is_not_believed_past_the_deadline_either() {
        let mut absent = Sight::default();
        absent.find_instances(vec![], 0, at(700));
        let timing = drain_of(600);
        assert_eq!(by_stopping(&absent, &timing, None, 700), Decision::Wait(WaitReason::NotSeen));
        let not_in_cluster = Decision::Complete(CompleteReason::NotInCluster);
        assert_eq!(by_stopping(&absent, &timing, None, 705), not_in_cluster);
    }
}
