//! What to do next about an instance that is to be terminated, and why.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::on_drain_timeout::OnDrainTimeout;
use super::sight::{Sight, TaskSight};
use crate::container_instance::{ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus};
use crate::task::TaskArn;

/// Reads of ECS lag behind its changes (API reference, `RunTask`, "eventual consistency"): an instance that is seen to
/// be gone, or closed and empty, must have been so for this long before it is believed. What ECS lists is never gone,
/// even where it does not find it a moment later.
pub const SETTLE: Duration = Duration::from_secs(5);

/// How long after the action's start an instance that is still REGISTERING is waited for. It becomes ACTIVE and can be
/// drained; one that stays REGISTERING can't be set DRAINING and never takes tasks.
pub const REGISTRATION_PATIENCE: Duration = Duration::from_secs(120);

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Set these container instances DRAINING.
    SetDraining(Vec<ContainerInstanceArn>),
    /// What is known of the instance is empty: ask the cluster whether there is more of it by now.
    FindInstances,
    /// The counts are 0: read the tasks, for those still stopping are not counted.
    ReadTasks,
    /// The deadline comes near: read which tasks there are to stop, and how long they may take.
    PlanStops,
    /// Stop these tasks: the drain's time is nearly up.
    StopTasks(Vec<TaskArn>),
    /// Look again later.
    Wait(WaitReason),
    /// Let the instance go.
    Complete(CompleteReason),
}

/// Why a drain waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// The cluster does not have the instance; one look is not believed.
    NotSeen,
    /// ECS lists the instance and does not find it.
    Missing,
    /// It takes tasks, and is not set DRAINING before the lifecycle action is known to be open: the notice is old.
    Unconfirmed,
    /// It was set DRAINING; its tasks are looked at next.
    JustSetDraining,
    /// No task is counted, but has not been for long enough to believe that: a task that is counted no more may not be
    /// listed yet among those that stop.
    Settling,
    /// It is REGISTERING, and will be ACTIVE soon.
    Registering,
    /// Its status is one that AWS added since: nothing is known of it.
    UnknownStatus(String),
    /// Tasks that ECS counts as running or pending.
    TasksRunning {
        /// Their number whose desired status is RUNNING.
        running: u32,
        /// Their number in PENDING.
        pending: u32,
    },
    /// Tasks whose containers are not gone yet: deregistering from a load balancer, or in their stop timeout.
    TasksStopping(usize),
    /// Tasks that ECS lists and does not find.
    TasksMissing,
}

/// Why an instance may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompleteReason {
    /// Every task on it has stopped.
    Drained,
    /// It is not in the cluster.
    NotInCluster,
    /// The drain's time is up, and what is to be done then has been done.
    TimeUp(OnDrainTimeout),
}

/// Decides by the first rule that applies. `began` is when the lifecycle action began.
///
/// An instance is let go only where nothing of it is in the cluster, or where it takes no tasks and every task on it
/// has `lastStatus` STOPPED. `runningTasksCount` alone never shows that: it counts tasks by their *desired* status.
pub fn decide(sight: &Sight, began: DateTime<Utc>, now: DateTime<Utc>) -> Decision {
    let settled = |since: Option<DateTime<Utc>>| since.is_some_and(|since| now >= since + SETTLE);
    let instances = sight.instances();

    if instances.is_empty() && !sight.missing() {
        return if settled(sight.absent_since()) {
            Decision::Complete(CompleteReason::NotInCluster)
        } else {
            Decision::Wait(WaitReason::NotSeen)
        };
    }
    let active: Vec<_> = instances
        .iter()
        .filter(|instance| instance.status == ContainerInstanceStatus::Active)
        .map(|instance| instance.arn.clone())
        .collect();
    if !active.is_empty() {
        return Decision::SetDraining(active);
    }
    if sight.missing() {
        return Decision::Wait(WaitReason::Missing);
    }
    for instance in instances {
        match &instance.status {
            ContainerInstanceStatus::Registering if now < began + REGISTRATION_PATIENCE => {
                return Decision::Wait(WaitReason::Registering);
            }
            ContainerInstanceStatus::Other(status) => {
                return Decision::Wait(WaitReason::UnknownStatus(status.clone()));
            }
            _ => {}
        }
    }
    let total =
        |count: fn(&ContainerInstance) -> u32| instances.iter().map(count).fold(0, u32::saturating_add);
    let (running, pending) = (total(|it| it.running_tasks), total(|it| it.pending_tasks));
    if running > 0 || pending > 0 {
        return Decision::Wait(WaitReason::TasksRunning { running, pending });
    }
    if !settled(sight.empty_since()) {
        return Decision::Wait(WaitReason::Settling);
    }
    match sight.tasks() {
        TaskSight::Unread if sight.found() => Decision::ReadTasks,
        TaskSight::Unread => Decision::FindInstances,
        TaskSight::Unfinished(tasks) if !tasks.is_empty() => {
            Decision::Wait(WaitReason::TasksStopping(tasks.len()))
        }
        TaskSight::Unfinished(_) if sight.tasks_missing() => Decision::Wait(WaitReason::TasksMissing),
        TaskSight::Unfinished(_) => Decision::Complete(CompleteReason::Drained),
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSeen => f.write_str("the instance is not seen in the cluster: looking once more"),
            Self::Missing => f.write_str("ECS lists the instance and does not find it"),
            Self::Unconfirmed => {
                f.write_str("the notice is old, and whether its lifecycle action is still open is not known")
            }
            Self::JustSetDraining => {
                f.write_str("the instance was set DRAINING: its tasks are looked at next")
            }
            Self::Settling => f.write_str("no task is counted: looking once more before that is believed"),
            Self::Registering => f.write_str("the instance is REGISTERING and can't be set DRAINING yet"),
            Self::UnknownStatus(status) => write!(f, "the instance has a status unknown here, {status}"),
            Self::TasksRunning { running, pending } => {
                write!(f, "tasks on the instance: {running} running, {pending} pending")
            }
            Self::TasksStopping(count) => write!(f, "tasks still stopping: {count}"),
            Self::TasksMissing => f.write_str("ECS lists tasks and does not find them"),
        }
    }
}

impl fmt::Display for CompleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained: every task on the instance has stopped",
            Self::NotInCluster => "the instance is not in the cluster",
            Self::TimeUp(OnDrainTimeout::StopTasks) => "the drain's time is up: what was left was stopped",
            Self::TimeUp(OnDrainTimeout::Continue) => "the drain's time is up: let go with what was left",
            Self::TimeUp(OnDrainTimeout::Abandon) => "the drain's time is up: given up",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn instance(name: &str, status: &str, running: u32, pending: u32) -> ContainerInstance {
        ContainerInstance {
            arn: ContainerInstanceArn(name.to_owned()),
            status: status.into(),
            running_tasks: running,
            pending_tasks: pending,
            ..ContainerInstance::empty(0, 0)
        }
    }

    fn task(last_status: &str) -> Task {
        Task::seen(&format!("task-{last_status}"), last_status)
    }

    /// A sight of `instances` since second 0, with `tasks` read where given.
    fn seen(instances: Vec<ContainerInstance>, tasks: Option<Vec<Task>>) -> Sight {
        let mut sight = Sight::default();
        sight.find_instances(instances, 0, at(0));
        if let Some(tasks) = tasks {
            sight.see_tasks(tasks, 0);
        }
        sight
    }

    #[test]
    fn an_absent_instance_is_let_go_only_once_it_stays_absent() {
        let sight = seen(vec![instance("a", "INACTIVE", 0, 0)], None);
        assert_eq!(decide(&sight, at(0), at(4)), Decision::Wait(WaitReason::NotSeen));
        assert_eq!(decide(&sight, at(0), at(5)), Decision::Complete(CompleteReason::NotInCluster));
    }

    #[test]
    fn nothing_is_let_go_that_was_not_looked_at() {
        assert_eq!(decide(&Sight::default(), at(0), at(100)), Decision::Wait(WaitReason::NotSeen));
    }

    #[test]
    fn an_instance_that_was_there_meanwhile_is_absent_anew() {
        let mut sight = seen(vec![], None);
        sight.find_instances(vec![instance("a", "DRAINING", 0, 0)], 0, at(10));
        sight.see_instances(vec![], at(20));
        assert_eq!(decide(&sight, at(0), at(24)), Decision::Wait(WaitReason::NotSeen));
        assert_eq!(decide(&sight, at(0), at(25)), Decision::Complete(CompleteReason::NotInCluster));
    }

    #[test]
    fn an_active_instance_is_set_draining_and_no_other() {
        let sight = seen(vec![instance("old", "DRAINING", 1, 0), instance("new", "ACTIVE", 0, 0)], None);
        let set = Decision::SetDraining(vec![ContainerInstanceArn("new".to_owned())]);
        assert_eq!(decide(&sight, at(0), at(100)), set);
    }

    #[test]
    fn counts_above_0_wait_whatever_the_tasks_say() {
        for (running, pending) in [(1, 0), (0, 1)] {
            let sight = seen(vec![instance("a", "DRAINING", running, pending)], Some(vec![]));
            assert_eq!(
                decide(&sight, at(0), at(100)),
                Decision::Wait(WaitReason::TasksRunning { running, pending })
            );
        }
    }

    #[test]
    fn the_first_zero_after_closing_is_not_believed() {
        let sight = seen(vec![instance("a", "DRAINING", 0, 0)], None);
        assert_eq!(decide(&sight, at(0), at(4)), Decision::Wait(WaitReason::Settling));
        assert_eq!(decide(&sight, at(0), at(5)), Decision::ReadTasks);
    }

    #[test]
    fn nor_is_the_first_zero_of_an_instance_that_has_been_closed_for_long() {
        let mut sight = seen(vec![instance("a", "DRAINING", 1, 0)], None);
        sight.find_instances(vec![instance("a", "DRAINING", 0, 0)], 0, at(100));
        assert_eq!(decide(&sight, at(0), at(104)), Decision::Wait(WaitReason::Settling));
        assert_eq!(decide(&sight, at(0), at(105)), Decision::ReadTasks);
    }

    #[test]
    fn zero_counts_never_complete_while_a_task_has_not_stopped() {
        for status in ["PENDING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "SOMETHING_NEW"] {
            let sight =
                seen(vec![instance("a", "DRAINING", 0, 0)], Some(vec![task("STOPPED"), task(status)]));
            assert_eq!(
                decide(&sight, at(0), at(100)),
                Decision::Wait(WaitReason::TasksStopping(1)),
                "{status}"
            );
        }
    }

    #[test]
    fn zero_counts_and_stopped_tasks_complete() {
        for status in ["DRAINING", "DEREGISTERING", "REGISTRATION_FAILED"] {
            let sight = seen(vec![instance("a", status, 0, 0)], Some(vec![task("STOPPED"), task("DELETED")]));
            assert_eq!(
                decide(&sight, at(0), at(100)),
                Decision::Complete(CompleteReason::Drained),
                "{status}"
            );
        }
    }

    #[test]
    fn a_registering_instance_is_waited_for_and_then_read_like_a_closed_one() {
        let sight = seen(vec![instance("a", "REGISTERING", 0, 0)], None);
        assert_eq!(decide(&sight, at(0), at(119)), Decision::Wait(WaitReason::Registering));
        assert_eq!(decide(&sight, at(0), at(120)), Decision::ReadTasks);
    }

    #[test]
    fn an_unknown_status_never_completes() {
        let sight = seen(vec![instance("a", "PARKED", 0, 0)], Some(vec![]));
        let wait = Decision::Wait(WaitReason::UnknownStatus("PARKED".to_owned()));
        assert_eq!(decide(&sight, at(0), at(100_000)), wait);
    }

    #[test]
    fn an_instance_that_turns_active_again_settles_anew() {
        let mut sight = seen(vec![instance("a", "DRAINING", 0, 0)], None);
        sight.see_instances(vec![instance("a", "ACTIVE", 0, 0)], at(10));
        sight.see_instances(vec![instance("a", "DRAINING", 0, 0)], at(20));
        assert_eq!(decide(&sight, at(0), at(24)), Decision::Wait(WaitReason::Settling));
    }

    #[test]
    fn one_of_several_that_turns_active_makes_all_settle_anew() {
        let both = |status| vec![instance("a", "DRAINING", 0, 0), instance("b", status, 0, 0)];
        let mut sight = seen(both("DRAINING"), None);
        sight.see_instances(both("ACTIVE"), at(10));
        sight.see_instances(both("DRAINING"), at(20));
        assert_eq!(decide(&sight, at(0), at(24)), Decision::Wait(WaitReason::Settling));
    }

    #[test]
    fn once_the_known_tasks_have_stopped_everything_is_read_again() {
        let mut sight = seen(vec![instance("a", "DRAINING", 0, 0)], Some(vec![task("STOPPING")]));
        assert!(matches!(sight.next_look(at(10)), super::super::Look::Tasks(tasks) if tasks.len() == 1));
        sight.see_unfinished_tasks(vec![task("STOPPED")]);
        assert!(matches!(sight.next_look(at(10)), super::super::Look::Instances(_)));
        // The cluster, too: an agent may have registered anew while they stopped.
        assert_eq!(decide(&sight, at(0), at(100)), Decision::FindInstances);
    }

    #[test]
    fn while_tasks_stop_their_instance_is_looked_at_once_a_minute() {
        let mut sight = seen(vec![instance("a", "DRAINING", 0, 0)], Some(vec![task("STOPPING")]));
        assert!(matches!(sight.next_look(at(59)), super::super::Look::Tasks(_)));
        assert!(matches!(sight.next_look(at(60)), super::super::Look::Instances(_)));
        // It is as it was, and so are they.
        sight.see_instances(vec![instance("a", "DRAINING", 0, 0)], at(60));
        assert_eq!(decide(&sight, at(0), at(60)), Decision::Wait(WaitReason::TasksStopping(1)));
        assert!(matches!(sight.next_look(at(119)), super::super::Look::Tasks(_)));
        // Somebody has deregistered it.
        sight.see_instances(vec![instance("a", "INACTIVE", 0, 0)], at(120));
        assert_eq!(decide(&sight, at(0), at(125)), Decision::Complete(CompleteReason::NotInCluster));
    }

    #[test]
    fn what_is_known_and_empty_is_not_all_there_is_before_the_cluster_was_asked_again() {
        let mut sight = seen(vec![instance("a", "DRAINING", 1, 0)], None);
        sight.see_instances(vec![instance("a", "DRAINING", 0, 0)], at(50));
        assert_eq!(decide(&sight, at(0), at(100)), Decision::FindInstances);
        sight.find_instances(vec![instance("a", "DRAINING", 0, 0)], 0, at(50));
        assert_eq!(decide(&sight, at(0), at(100)), Decision::ReadTasks);
    }

    #[test]
    fn an_instance_that_is_new_settles_anew_and_one_that_left_does_not() {
        let (a, b) = (instance("a", "DRAINING", 0, 0), instance("b", "DRAINING", 0, 0));
        let mut sight = seen(vec![a.clone()], None);
        sight.find_instances(vec![a, b.clone()], 0, at(50));
        assert_eq!(decide(&sight, at(0), at(54)), Decision::Wait(WaitReason::Settling));
        sight.find_instances(vec![b], 0, at(54));
        assert_eq!(decide(&sight, at(0), at(55)), Decision::ReadTasks);
    }

    #[test]
    fn tasks_that_are_listed_are_there_even_where_they_are_missing() {
        let mut sight = seen(vec![instance("a", "DRAINING", 0, 0)], None);
        sight.see_tasks(vec![task("STOPPED")], 1);
        assert_eq!(decide(&sight, at(0), at(100_000)), Decision::Wait(WaitReason::TasksMissing));
        sight.see_tasks(vec![task("STOPPING")], 1);
        assert_eq!(decide(&sight, at(0), at(100)), Decision::Wait(WaitReason::TasksStopping(1)));
        sight.see_tasks(vec![task("STOPPED")], 0);
        assert_eq!(decide(&sight, at(0), at(100)), Decision::Complete(CompleteReason::Drained));
    }

    #[test]
    fn an_instance_that_is_listed_is_there_even_where_it_is_missing() {
        let mut sight = seen(vec![], None);
        sight.find_instances(vec![], 1, at(10));
        assert_eq!(decide(&sight, at(0), at(100_000)), Decision::Wait(WaitReason::Missing));
        sight.find_instances(vec![], 0, at(20));
        assert_eq!(decide(&sight, at(0), at(24)), Decision::Wait(WaitReason::NotSeen));
        assert_eq!(decide(&sight, at(0), at(25)), Decision::Complete(CompleteReason::NotInCluster));
    }

    #[test]
    fn one_that_is_listed_and_missing_holds_back_the_others_of_the_same_host() {
        let both = |a| {
            let mut sight = seen(vec![instance("a", a, 0, 0)], Some(vec![]));
            sight.find_instances(vec![instance("a", a, 0, 0)], 1, at(50));
            decide(&sight, at(0), at(100))
        };
        assert_eq!(both("DRAINING"), Decision::Wait(WaitReason::Missing));
        assert_eq!(both("ACTIVE"), Decision::SetDraining(vec![ContainerInstanceArn("a".to_owned())]));
    }

    #[test]
    fn counts_beyond_all_counting_still_wait() {
        let many = vec![instance("a", "DRAINING", u32::MAX, 0), instance("b", "DRAINING", u32::MAX, 1)];
        let wait = WaitReason::TasksRunning { running: u32::MAX, pending: 1 };
        assert_eq!(decide(&seen(many, None), at(0), at(100)), Decision::Wait(wait));
    }
}
