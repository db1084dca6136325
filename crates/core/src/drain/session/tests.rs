use super::*;
use crate::container_instance::ContainerInstance;
use crate::drain::evidence::TaskLists;
use crate::drain::schedule::HookTimeouts;
use crate::lifecycle::LifecycleActionId;
use crate::ports::CallErrorKind;
use crate::task::{DesiredStatus, Task};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn arn() -> ContainerInstanceArn {
    ContainerInstanceArn("a".to_owned())
}

fn registration(status: &str) -> ContainerInstance {
    ContainerInstance { arn: arn(), status: status.into(), ..ContainerInstance::empty(0, 0) }
}

fn tasks(names: &[&str]) -> BTreeSet<TaskArn> {
    names.iter().map(|name| TaskArn((*name).to_owned())).collect()
}

fn task(name: &str, status: &str) -> Task {
    let desired_status = if status == "RUNNING" { DesiredStatus::Running } else { DesiredStatus::Stopped };
    Task { desired_status, ..Task::seen(name, status) }
}

fn shown(holds: bool, believed: Option<u32>) -> Shown {
    Shown { holds, believed, ..Shown::default() }
}

/// The answer of each call, short to write.
impl Session {
    fn found(&mut self, described: &[ContainerInstance], unresolved: usize, now: DateTime<Utc>) {
        self.record(&Observation::Found { described: described.to_vec(), unresolved }, true, now);
    }

    fn found_active(&mut self, any: bool, now: DateTime<Utc>) {
        self.record(&Observation::FoundActive(any), true, now);
    }

    fn described(&mut self, described: &[ContainerInstance], now: DateTime<Utc>) {
        self.record(&Observation::Described(described.to_vec()), true, now);
    }

    fn listed(
        &mut self,
        on: &ContainerInstanceArn,
        lists: &TaskLists,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.record(&Observation::Listed { on: on.clone(), lists: lists.clone(), began }, true, now);
    }

    fn polled(&mut self, described: &[Task], now: DateTime<Utc>) {
        let described = described.to_vec();
        self.record(&Observation::Polled { described, missing: BTreeSet::new() }, true, now);
    }

    fn stop_answered(&mut self, task: &str) {
        self.record(&Observation::StopAsked(TaskArn(task.to_owned())), true, at(0));
    }
}

/// A drain that began at 0, with a drain timeout of 600 s and a hook of 900 s.
fn drain(policy: OnDrainTimeout) -> Session {
    Session::new(DrainRequest {
        ec2_instance_id: "i-00000001".parse().unwrap(),
        action: LifecycleAction {
            group: "demo-asg".to_owned(),
            hook: "drain".to_owned(),
            id: LifecycleActionId::Token("token".to_owned()),
        },
        schedule: Schedule {
            began: at(0),
            drain_timeout: Duration::from_secs(600),
            hook: Some(HookTimeouts {
                heartbeat: Duration::from_secs(900),
                global: Duration::from_secs(90_000),
            }),
        },
        policy,
        poll_interval: Duration::from_secs(5),
        absence_allowance: Duration::from_secs(60),
        is_fresh: true,
        in_passing: false,
        seen: Seen::default(),
    })
}

/// One whose instance was set DRAINING at 0, with these tasks to run.
fn draining(running: &[&str]) -> Session {
    draining_by(OnDrainTimeout::StopTasks, running)
}

fn draining_by(policy: OnDrainTimeout, running: &[&str]) -> Session {
    let mut session = drain(policy);
    session.found(&[registration("ACTIVE")], 0, at(0));
    session.record(&Observation::SetDraining(vec![registration("DRAINING")]), true, at(0));
    session.listed(&arn(), &TaskLists { running: tasks(running), stopped: tasks(&[]) }, at(0), at(0));
    session
}

fn next(session: &Session, seconds: i64) -> Step {
    session.next(None, at(seconds))
}

fn heartbeat(session: &mut Session, seconds: i64) {
    session.heartbeat(Some(LifecycleActionState::Active), at(seconds), at(seconds));
}

fn failed(session: &mut Session, kind: Kind, seconds: i64) {
    let error = CallError {
        operation: "ecs:ListTasks",
        resource: "demo".to_owned(),
        kind: CallErrorKind::Unavailable,
        source: None,
    };
    session.failed(kind, Arc::new(error), at(seconds));
}

#[test]
fn an_instance_is_found_set_draining_and_listed_and_its_tasks_are_polled() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    assert_eq!(next(&session, 0), Step::Find(vec![]));
    session.found(&[registration("ACTIVE")], 0, at(0));
    assert_eq!(next(&session, 0), Step::SetDraining(vec![arn()]));
    session.record(&Observation::SetDraining(vec![registration("DRAINING")]), true, at(0));
    assert_eq!(next(&session, 0), Step::List(vec![arn()]));
    let lists = TaskLists { running: tasks(&["t"]), stopped: tasks(&["old"]) };
    session.listed(&arn(), &lists, at(0), at(0));
    assert_eq!(next(&session, 0), Step::DescribeTasks(tasks(&["old", "t"]).into_iter().collect()));
    session.polled(&[task("t", "RUNNING"), task("old", "STOPPED")], at(0));
    assert_eq!(session.waiting_for(at(0)), Some(WaitReason::TasksRunning(1)));
    assert_eq!(next(&session, 0), Step::Wait(at(5)));
    assert_eq!(next(&session, 5), Step::DescribeTasks(tasks(&["t"]).into_iter().collect()));
}

/// Somebody may have completed it, or its instance's termination superseded it.
#[test]
fn no_task_is_stopped_before_the_action_was_asked_for_again() {
    let stop = Step::StopTasks(tasks(&["t"]).into_iter().collect());
    for answer in [Some(LifecycleActionState::Active), Some(LifecycleActionState::Gone), None] {
        let mut session = draining(&["t"]);
        heartbeat(&mut session, 584);
        session.polled(&[task("t", "RUNNING")], at(599));
        session.found_active(false, at(600));
        session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(600), at(600));
        assert_eq!(next(&session, 600), Step::Heartbeat);
        session.heartbeat(answer, at(600), at(600));
        let stops = answer != Some(LifecycleActionState::Gone);
        assert_eq!(next(&session, 600) == stop, stops, "{answer:?}");
    }
}

/// Its agent lost its state, say: the task that it ran never stops for ECS.
#[test]
fn an_instance_that_registers_anew_is_found_while_it_drains() {
    let mut session = draining(&["t"]);
    let mut time = 0;
    let found = loop {
        match next(&session, time) {
            Step::DescribeTasks(_) => session.polled(&[task("t", "RUNNING")], at(time)),
            Step::Heartbeat => heartbeat(&mut session, time),
            Step::Describe(_) => session.described(&[registration("DRAINING")], at(time)),
            Step::Wait(until) => time = (until - at(0)).num_seconds(),
            step => break step,
        }
    };
    assert_eq!((found, time), (Step::FindActive, 300));
    session.found_active(true, at(300));
    assert_eq!(next(&session, 300), Step::Find(vec![arn()]));
}

#[test]
fn stopping_tasks_are_polled_every_two_seconds() {
    let mut session = draining(&["t"]);
    session.polled(&[task("t", "DEACTIVATING")], at(10));
    assert_eq!(session.waiting_for(at(10)), Some(WaitReason::TasksStopping(1)));
    assert_eq!(next(&session, 10), Step::Wait(at(12)));
}

#[test]
fn a_drain_is_confirmed_by_one_round_and_completed() {
    let mut session = draining(&["t"]);
    session.polled(&[task("t", "STOPPED")], at(2));
    assert_eq!(next(&session, 2), Step::Wait(at(5)), "reads may lag until then");
    assert_eq!(next(&session, 5), Step::FindActive);
    session.found_active(false, at(5));
    assert_eq!(next(&session, 5), Step::List(vec![arn()]));
    session.listed(&arn(), &TaskLists { running: tasks(&[]), stopped: tasks(&["t"]) }, at(5), at(5));
    assert_eq!(next(&session, 5), Step::Complete(CompleteReason::Drained));
    session.completed(CompleteReason::Drained, LifecycleActionState::Active, at(5));
    assert_eq!(session.end(), Some(&DrainEnd::Completed(CompleteReason::Drained)));
    assert_eq!(next(&session, 6), Step::End);
}

#[test]
fn where_heartbeats_fail_a_completion_asks_again_for_an_action_that_is_said_to_be_gone() {
    let mut session = draining(&[]);
    session.found_active(false, at(5));
    session.listed(&arn(), &TaskLists { running: tasks(&[]), stopped: tasks(&[]) }, at(5), at(5));
    assert_eq!(next(&session, 5), Step::Complete(CompleteReason::Drained));
    for (said, asked, again) in [(5, 7, 17), (17, 21, 31), (31, 37, 47)] {
        session.completed(CompleteReason::Drained, LifecycleActionState::Gone, at(said));
        // The group never shows instances on their way to a warm pool.
        session.group_shows(shown(true, Some(4)), at(said));
        assert_eq!(next(&session, said), Step::Wait(at(asked)));
        assert_eq!(next(&session, asked), Step::Heartbeat, "one that is recorded keeps the hook open");
        session.heartbeat(None, at(asked), at(asked));
        assert_eq!(next(&session, asked), Step::Wait(at(again)));
        assert_eq!(next(&session, again), Step::Complete(CompleteReason::Drained));
    }
    failed(&mut session, Kind::Complete, 47);
    assert_eq!(next(&session, 47), Step::Heartbeat);
    session.completed(CompleteReason::Drained, LifecycleActionState::Gone, at(50));
    session.group_shows(shown(true, Some(4)), at(50));
    assert_eq!(next(&session, 50), Step::End);
}

#[test]
fn a_confirming_round_that_shows_something_new_is_no_confirmation() {
    let mut session = draining(&[]);
    session.found_active(false, at(5));
    session.listed(&arn(), &TaskLists { running: tasks(&["new"]), stopped: tasks(&[]) }, at(5), at(5));
    assert_eq!(next(&session, 6), Step::DescribeTasks(tasks(&["new"]).into_iter().collect()));

    let mut session = draining(&[]);
    session.found_active(true, at(5));
    assert_eq!(next(&session, 5), Step::Find(vec![arn()]), "it was set back to ACTIVE, or registered anew");
}

#[test]
fn nothing_is_changed_before_an_old_notices_action_is_known_to_be_open() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    session.waiting = WaitingAction::unknown();
    assert_eq!(next(&session, 100), Step::Heartbeat);
    session.heartbeat(None, at(100), at(100));
    session.found(&[registration("ACTIVE")], 0, at(100));
    assert_ne!(next(&session, 100), Step::SetDraining(vec![arn()]));
    assert_eq!(session.waiting_for(at(100)), Some(WaitReason::Unconfirmed));
    heartbeat(&mut session, 110);
    assert_eq!(next(&session, 110), Step::SetDraining(vec![arn()]));
}

#[test]
fn a_heartbeat_comes_before_everything_else() {
    let session = draining(&["t"]);
    assert_eq!(next(&session, 300), Step::Heartbeat);
}

#[test]
fn what_runs_at_the_drain_timeout_is_stopped_and_waited_for_past_it() {
    let mut session = draining(&["t"]);
    session.polled(&[task("t", "RUNNING")], at(598));
    heartbeat(&mut session, 598);
    assert_eq!(next(&session, 600), Step::FindActive, "an agent may have registered anew since");
    session.found_active(false, at(600));
    assert_eq!(next(&session, 600), Step::List(vec![arn()]), "tasks may have been placed since");
    session.listed(
        &arn(),
        &TaskLists { running: tasks(&["t", "new"]), stopped: tasks(&[]) },
        at(600),
        at(600),
    );
    assert_eq!(next(&session, 600), Step::StopTasks(tasks(&["new", "t"]).into_iter().collect()));
    for name in ["new", "t"] {
        session.stop_answered(name);
    }
    session.polled(&[task("t", "DEACTIVATING"), task("new", "STOPPING")], at(601));
    heartbeat(&mut session, 800);
    assert!(matches!(next(&session, 900), Step::Describe(_) | Step::DescribeTasks(_)), "still waiting");
    session.polled(&[task("t", "STOPPED"), task("new", "STOPPED")], at(901));
    session.found_active(false, at(901));
    session.listed(
        &arn(),
        &TaskLists { running: tasks(&[]), stopped: tasks(&["t", "new"]) },
        at(901),
        at(901),
    );
    let stopped = CompleteReason::TimeUp(OnDrainTimeout::StopTasks);
    assert_eq!(next(&session, 902), Step::Complete(stopped));
}

#[test]
fn tasks_that_never_stop_are_waited_for_up_to_the_hooks_own_end() {
    let mut session = stopping_past_its_time();
    for (seconds, completes) in [(1_100, false), (89_969, false), (89_970, true)] {
        assert_eq!(completes_after_a_fresh_snapshot(&mut session, seconds), completes, "{seconds}");
    }
}

/// One whose task was asked to stop at its drain timeout, 600 s, and is stopping.
fn stopping_past_its_time() -> Session {
    let mut session = draining(&["t"]);
    session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(600), at(600));
    session.stop_answered("t");
    session.polled(&[task("t", "STOPPING")], at(601));
    session
}

/// Returns whether the drain completes the hook once it has asked for new registrations.
fn completes_after_a_fresh_snapshot(session: &mut Session, seconds: i64) -> bool {
    heartbeat(session, seconds);
    let step = next(session, seconds);
    assert!(!matches!(step, Step::Complete(_)), "{seconds}: without a search for new registrations");
    if step == Step::FindActive {
        session.found_active(false, at(seconds));
        assert_eq!(next(session, seconds), Step::Describe(vec![arn()]));
        session.described(&[], at(seconds));
    }
    matches!(next(session, seconds), Step::Complete(CompleteReason::TimeUp(_)))
}

#[test]
fn where_new_registrations_cannot_be_searched_for_the_hook_still_ends() {
    let mut session = stopping_past_its_time();
    heartbeat(&mut session, 89_970);
    assert_eq!(next(&session, 89_970), Step::FindActive);
    failed(&mut session, Kind::FindActive, 89_970);
    assert_eq!(next(&session, 89_970), Step::Describe(vec![arn()]));
    failed(&mut session, Kind::Describe, 89_970);
    let stopped = CompleteReason::TimeUp(OnDrainTimeout::StopTasks);
    assert_eq!(next(&session, 89_970), Step::Complete(stopped));
}

#[test]
fn an_instance_that_registered_anew_before_the_drain_timeout_is_drained_under_both_names() {
    let mut session = draining(&["t"]);
    session.polled(&[task("t", "RUNNING")], at(598));
    heartbeat(&mut session, 598);
    session.found_active(true, at(600));
    assert_eq!(next(&session, 600), Step::Find(vec![arn()]));
    let anew = ContainerInstanceArn("b".to_owned());
    let second = ContainerInstance { arn: anew.clone(), ..registration("ACTIVE") };
    session.found(&[registration("DRAINING"), second], 0, at(600));
    assert_eq!(next(&session, 600), Step::SetDraining(vec![anew]));
}

#[test]
fn a_registration_that_ecs_lists_and_does_not_describe_is_asked_for_until_it_does() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    // The one that is described may be the ghost of the other.
    session.found(&[registration("DRAINING")], 1, at(0));
    for seconds in [0, 10] {
        session.listed(&arn(), &TaskLists::default(), at(seconds), at(seconds));
        session.found_active(false, at(seconds));
    }
    assert_eq!(next(&session, 10), Step::Find(vec![arn()]));
    session.found(&[registration("DRAINING")], 0, at(10));
    assert_eq!(next(&session, 10), Step::Complete(CompleteReason::Drained));
}

#[test]
fn a_known_registration_that_is_neither_listed_nor_described_still_counts() {
    let mut session = draining(&["t"]);
    let anew = ContainerInstance { arn: ContainerInstanceArn("b".to_owned()), ..registration("DRAINING") };
    session.found(std::slice::from_ref(&anew), 0, at(10));
    for seconds in [10, 20] {
        session.listed(&anew.arn, &TaskLists::default(), at(seconds), at(seconds));
    }
    assert_eq!(session.waiting_for(at(20)), Some(WaitReason::TasksRunning(1)));
}

#[test]
fn an_agent_that_is_gone_reports_no_stop_and_is_not_waited_for_as_long() {
    let mut session = draining(&["t"]);
    session.described(&[ContainerInstance { agent_connected: false, ..registration("DRAINING") }], at(1));
    session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(600), at(600));
    session.stop_answered("t");
    for (seconds, completes) in [(1_049, false), (1_050, true)] {
        assert_eq!(completes_after_a_fresh_snapshot(&mut session, seconds), completes, "{seconds}");
    }
}

#[test]
fn a_task_that_could_not_be_stopped_completes_nothing() {
    let mut session = draining(&["t"]);
    session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(600), at(600));
    failed(&mut session, Kind::StopTasks, 600);
    heartbeat(&mut session, 89_980);
    assert!(!matches!(next(&session, 89_980), Step::Complete(_)));
}

#[test]
fn the_other_policies_ask_nothing_of_ecs_at_the_drain_timeout() {
    for policy in [OnDrainTimeout::Continue, OnDrainTimeout::Abandon] {
        let mut session = drain(policy);
        failed(&mut session, Kind::Find, 598);
        heartbeat(&mut session, 598);
        assert!(matches!(next(&session, 599), Step::Wait(_)));
        assert_eq!(next(&session, 600), Step::Complete(CompleteReason::TimeUp(policy)));
    }
}

#[test]
fn a_drain_that_begins_after_its_time_waits_for_an_agent_that_is_away() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    let away = ContainerInstance { agent_connected: false, ..registration("DRAINING") };
    heartbeat(&mut session, 2_000);
    session.found(&[away], 0, at(2_000));
    session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(2_000), at(2_000));
    session.stop_answered("t");
    assert!(!matches!(next(&session, 2_001), Step::Complete(_)));
    assert!(completes_after_a_fresh_snapshot(&mut session, 2_030));
}

#[test]
fn an_agent_that_is_back_is_waited_for() {
    let mut session = draining(&["t"]);
    session.described(&[ContainerInstance { agent_connected: false, ..registration("DRAINING") }], at(1));
    session.listed(&arn(), &TaskLists { running: tasks(&["t"]), stopped: tasks(&[]) }, at(600), at(600));
    session.stop_answered("t");
    heartbeat(&mut session, 1_050);
    session.found_active(false, at(1_050));
    assert_eq!(next(&session, 1_050), Step::Describe(vec![arn()]));
    session.described(&[registration("DRAINING")], at(1_050));
    assert!(!matches!(next(&session, 1_050), Step::Complete(_)));
}

#[test]
fn a_lost_completion_is_no_success_where_the_hook_may_have_run_out_before() {
    for (failed_at, end) in [
        (890, DrainEnd::Completed(CompleteReason::TimeUp(OnDrainTimeout::Continue))),
        (910, DrainEnd::CutShort { unfinished: 1 }),
    ] {
        let mut session = draining_by(OnDrainTimeout::Continue, &["t"]);
        session.heartbeat(None, at(300), at(300));
        let reason = CompleteReason::TimeUp(OnDrainTimeout::Continue);
        session.completion_is_uncertain(reason, at(failed_at));
        session.completed(reason, LifecycleActionState::Gone, at(920));
        session.group_shows(shown(false, None), at(921));
        session.conclude();
        assert_eq!(session.end(), Some(&end), "{failed_at}");
    }
}

/// The hook ran out, and the instance is gone with its task.
#[test]
fn tasks_on_a_registration_that_is_gone_were_cut_short_unless_they_are_seen_stopped() {
    for (stopped, end) in [(false, DrainEnd::CutShort { unfinished: 1 }), (true, DrainEnd::ActionGone)] {
        let mut session = draining(&["t"]);
        session.polled(&[task("t", "RUNNING")], at(5));
        session.heartbeat(Some(LifecycleActionState::Gone), at(20), at(20));
        session.described(&[registration("INACTIVE")], at(21));
        session.group_shows(shown(false, None), at(21));
        assert_eq!(next(&session, 21), Step::DescribeTasks(vec![TaskArn("t".to_owned())]));
        session.polled(&[task("t", if stopped { "STOPPED" } else { "RUNNING" })], at(22));
        session.conclude();
        assert_eq!(session.end(), Some(&end));
    }
}

#[test]
fn an_instance_that_is_never_listed_needs_a_minute_and_the_right_cluster() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    session.found(&[], 0, at(0));
    for (seconds, sought) in [(4, false), (5, true)] {
        assert_eq!(matches!(next(&session, seconds), Step::Find(_)), sought, "{seconds}");
    }
    session.found(&[], 0, at(60));
    assert_eq!(next(&session, 60), Step::ProveCluster);
    let step = |right| session.next(Some(right), at(60));
    assert_eq!(step(true), Step::Complete(CompleteReason::NotInCluster));
    assert!(!matches!(step(false), Step::Complete(_)));
    assert!(session.is_in_no_known_cluster(Some(false), at(60)));
}

#[test]
fn an_instance_that_was_deregistered_was_in_the_right_cluster() {
    let mut session = draining(&["t"]);
    session.described(&[registration("INACTIVE")], at(10));
    session.found(&[], 0, at(15));
    assert_eq!(next(&session, 15), Step::Complete(CompleteReason::NotInCluster));
}

#[test]
fn a_registering_instance_is_waited_for() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    session.found(&[registration("REGISTERING")], 0, at(0));
    session.listed(&arn(), &TaskLists::default(), at(0), at(0));
    session.found_active(false, at(5));
    session.listed(&arn(), &TaskLists::default(), at(5), at(5));
    assert_eq!(next(&session, 5), Step::Describe(vec![arn()]));
    assert_eq!(session.waiting_for(at(5)), Some(WaitReason::Registering));
    session.described(&[registration("ACTIVE")], at(6));
    assert_eq!(next(&session, 6), Step::SetDraining(vec![arn()]));
}

#[test]
fn a_call_that_fails_is_retried_later_and_the_others_go_on() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    session.found(&[registration("ACTIVE")], 0, at(0));
    failed(&mut session, Kind::SetDraining, 0);
    assert_eq!(next(&session, 0), Step::List(vec![arn()]));
    assert_eq!(next(&session, 2), Step::SetDraining(vec![arn()]));
}

#[test]
fn an_action_that_is_over_with_tasks_unfinished_was_cut_short() {
    for (last, end) in [("RUNNING", DrainEnd::CutShort { unfinished: 1 }), ("STOPPED", DrainEnd::ActionGone)]
    {
        let mut session = draining(&["t"]);
        session.polled(&[task("t", "RUNNING")], at(1));
        session.heartbeat(Some(LifecycleActionState::Gone), at(10), at(10));
        session.group_shows(shown(false, None), at(11));
        assert_eq!(next(&session, 11), Step::DescribeTasks(tasks(&["t"]).into_iter().collect()));
        session.polled(&[task("t", last)], at(12));
        assert_eq!(next(&session, 12), Step::End);
        session.conclude();
        assert_eq!(session.end(), Some(&end));
    }
}

#[test]
fn an_action_of_which_nothing_was_observed_is_not_said_to_be_cut_short() {
    let mut session = drain(OnDrainTimeout::StopTasks);
    session.group_is_gone();
    assert_eq!(next(&session, 1), Step::End);
    session.conclude();
    assert_eq!(session.end(), Some(&DrainEnd::ActionGone));
}

#[test]
fn the_hooks_global_timeout_ends_every_drain() {
    let session = drain(OnDrainTimeout::StopTasks);
    assert_eq!(next(&session, 90_000), Step::End);
}
