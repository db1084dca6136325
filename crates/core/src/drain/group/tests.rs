use std::sync::Arc;

use super::*;
use crate::drain::on_drain_timeout::OnDrainTimeout;
use crate::drain::reason::CompleteReason;
use crate::drain::session::DrainEnd;
use crate::drain::troubles::Kind;
use crate::lifecycle::{AutoScalingGroup, GroupInstance, LifecycleActionState, LifecycleHook};
use crate::ports::{CallError, CallErrorKind};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn id(number: u64) -> Ec2InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

fn group(waiting: &[u64]) -> AutoScalingGroup {
    let instance = |number: &u64| GroupInstance {
        ec2_instance_id: id(*number),
        lifecycle_state: "Terminating:Wait".to_owned(),
        ..GroupInstance::fixture()
    };
    let instances = waiting.iter().map(instance).collect();
    AutoScalingGroup { instances, ..AutoScalingGroup::fixture("group") }
}

fn hook(name: &str) -> LifecycleHook {
    LifecycleHook {
        name: name.to_owned(),
        heartbeat_timeout: Duration::from_secs(900),
        global_timeout: Duration::from_secs(90_000),
        drain_timeout: None,
    }
}

fn error(kind: CallErrorKind) -> Arc<CallError> {
    Arc::new(CallError { operation: "autoscaling:X", resource: "demo".to_owned(), kind, source: None })
}

fn request(own: Option<(u64, u32)>) -> GroupRequest {
    let own = own.map(|(number, attempt)| {
        let text = format!(
            r#"{{"EC2InstanceId": "{}", "AutoScalingGroupName": "demo-asg", "LifecycleHookName": "drain",
                "LifecycleActionToken": "t", "Time": "{}",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}}"#,
            id(number),
            at(0).to_rfc3339()
        );
        match super::super::read_message(&text).unwrap() {
            super::super::Message::Terminating(notice) => {
                (notice, MessageAttributes { attempt, ..MessageAttributes::default() })
            }
            other => panic!("{other:?}"),
        }
    });
    GroupRequest {
        cluster: "demo".parse().unwrap(),
        group: "demo-asg".to_owned(),
        hook: "drain".to_owned(),
        own,
        drain_timeout: Duration::from_secs(600),
        policy: OnDrainTimeout::StopTasks,
        poll_interval: Duration::from_secs(5),
        begins: at(0),
        until: at(890),
    }
}

/// The drains of a first message about this instance, its group read with these waiting.
fn drains(own: u64, waiting: &[u64]) -> GroupDrains {
    let mut drains = GroupDrains::new(request(Some((own, 1))), Standby::default());
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(waiting))), at(0), at(0));
    drains
}

fn find(numbers: &[u64]) -> GroupAction {
    GroupAction::Batch(Batch::Find(numbers.iter().map(|number| (id(*number), vec![])).collect()))
}

#[test]
fn an_instance_is_seen_to_wait_no_earlier_than_the_group_answers() {
    let mut sweep = GroupDrains::new(request(None), Standby::default());
    assert_eq!(sweep.next(at(0)), GroupAction::ReadGroup);
    sweep.group_read(Ok(Some(group(&[1]))), at(0), at(9));
    assert_eq!(sweep.into_standby(at(9)).first_seen(&id(1)), Some(at(9)));
}

/// Another action may have superseded theirs, which only the group shows.
#[test]
fn drains_of_others_are_ended_at_their_timeout_on_a_fresh_view_of_the_group() {
    let own = request(Some((1, 1)));
    let policy = OnDrainTimeout::Continue;
    let own = GroupRequest { policy, drain_timeout: Duration::from_secs(60), ..own };
    let mut drains = GroupDrains::new(own, Standby::default());
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(0), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    assert!(matches!(drains.next(at(0)), GroupAction::ReadActivities(_)));
    drains.activities_read(Ok(BTreeMap::new()));
    assert_eq!(drains.next(at(0)), find(&[1, 2, 3, 4]));
    assert_eq!(drains.next(at(55)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(55), at(55));
    assert_eq!(drains.next(at(66)), GroupAction::ReadGroup);
    let mut replaced = group(&[1, 2, 3, 4]);
    replaced.instances[1].lifecycle_state = "ReplacingRootVolume:Wait".to_owned();
    drains.group_read(Ok(Some(replaced)), at(66), at(66));
    // Meanwhile the second one waits anew: since when is asked for.
    assert!(matches!(drains.next(at(66)), GroupAction::ReadActivities(_)));
    drains.activities_read(Ok(BTreeMap::new()));
    let GroupAction::Batch(Batch::Complete(ready)) = drains.next(at(66)) else { panic!() };
    let ready: Vec<_> = ready.into_iter().map(|(id, ..)| id).collect();
    assert_eq!(ready, [id(1), id(3), id(4)]);
}

/// AWS has denied actions that were open.
#[test]
fn a_denied_action_is_over_by_no_read_of_the_group_that_may_be_older_than_its_wait() {
    let mut drains = drains(1, &[1]);
    drains.heartbeat_answered(&id(1), Ok(LifecycleActionState::Gone), at(5), at(5));
    for (time, over) in [(9, false), (10, true)] {
        drains.group_read(Ok(Some(group(&[]))), at(time), at(time));
        let _ = drains.next(at(time));
        assert_eq!(drains.own().unwrap().end().is_some(), over, "{time}");
    }
}

/// A retained instance that is terminated again, seen by an environment that was idle between.
#[test]
fn what_was_seen_before_an_instances_termination_was_another_wait() {
    let mut standby = Standby::default();
    standby.see_waiting(&[(id(2), "Terminating:Wait".to_owned())].into(), at(-500));
    let mut sweep = GroupDrains::new(request(None), standby);
    assert_eq!(sweep.next(at(0)), GroupAction::ReadGroup);
    sweep.group_read(Ok(Some(group(&[2]))), at(0), at(0));
    assert_eq!(sweep.next(at(0)), GroupAction::ReadHooks);
    sweep.hooks_read(Ok(vec![hook("drain")]), at(0));
    assert_eq!(sweep.next(at(0)), GroupAction::ReadActivities([id(2)].into()));
    sweep.activities_read(Ok([(id(2), at(-20))].into()));
    assert_eq!(sweep.next(at(0)), GroupAction::Return, "it is its message's, for two minutes");
    assert_eq!(sweep.into_standby(at(0)).first_seen(&id(2)), Some(at(-20)));
}

#[test]
fn a_coordinator_times_a_drain_by_the_activity_that_is_later_than_an_earlier_wait() {
    let mut standby = Standby::default();
    standby.see_waiting(&[(id(2), "Terminating:Wait".to_owned())].into(), at(-500));
    let mut drains = GroupDrains::new(request(Some((1, 1))), standby);
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(0), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::ReadActivities([id(2), id(3), id(4)].into()));
    drains.activities_read(Ok([(id(2), at(-20))].into()));
    assert!(matches!(drains.next(at(0)), GroupAction::Batch(_)));
    assert_eq!(drains.sessions()[&id(2)].schedule().began, at(-20));
}

#[test]
fn few_messages_drain_their_own() {
    let mut drains = drains(3, &[1, 2, 3]);
    assert_eq!(drains.next(at(0)), find(&[3]));
    assert_eq!(drains.role(), Role::Own);
}

#[test]
fn one_of_many_is_delegated_to_the_lowest_whose_action_is_open() {
    let mut drains = drains(4, &[1, 2, 3, 4]);
    for (number, state) in [(1, LifecycleActionState::Gone), (2, LifecycleActionState::Active)] {
        let GroupAction::Probe(probed, _) = drains.next(at(0)) else { panic!() };
        assert_eq!(probed, id(number));
        drains.probe_answered(probed, Ok(state));
        if state == LifecycleActionState::Gone {
            assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
            drains.hooks_read(Ok(vec![hook("drain"), hook("other")]), at(0));
        }
    }
    assert_eq!(drains.next(at(0)), GroupAction::Delegate(id(2)));
}

#[test]
fn the_lowest_of_many_coordinates_what_is_found_open() {
    let mut drains = drains(1, &[1, 2, 3, 4]);
    assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
    drains.hooks_read(Ok(vec![hook("drain"), hook("other")]), at(0));
    let others = BTreeSet::from([id(2), id(3), id(4)]);
    assert_eq!(drains.next(at(0)), GroupAction::ReadActivities(others));
    drains.activities_read(Ok([(id(2), at(-30))].into()));
    let GroupAction::Batch(Batch::Heartbeat(due)) = drains.next(at(0)) else { panic!() };
    assert_eq!(due.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [id(2), id(3), id(4)]);
    for (number, state) in [
        (2, LifecycleActionState::Active),
        (3, LifecycleActionState::Active),
        (4, LifecycleActionState::Gone),
    ] {
        drains.heartbeat_answered(&id(number), Ok(state), at(0), at(0));
    }
    assert_eq!(drains.sessions()[&id(2)].schedule().began, at(-30));
    assert_eq!(drains.sessions()[&id(3)].schedule().began, at(0), "no activity says when");
    // The fourth may wait at another hook: the group is asked again.
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(0), at(0));
    assert_eq!(drains.next(at(0)), find(&[1, 2, 3, 4]));
}

#[test]
fn where_there_is_no_other_hook_a_young_wait_needs_no_heartbeat_first() {
    let mut drains = drains(1, &[1, 2, 3, 4]);
    assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    let _ = drains.next(at(0));
    drains.activities_read(Ok([(id(2), at(-70))].into()));
    let GroupAction::Batch(Batch::Heartbeat(due)) = drains.next(at(0)) else { panic!() };
    assert_eq!(due.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [id(2)]);
}

#[test]
fn behind_a_load_balancer_a_wait_began_no_earlier_than_its_notice_may_have() {
    let mut drains = drains(1, &[1, 2, 3, 4]);
    let behind = AutoScalingGroup { has_load_balancer: true, ..group(&[1, 2, 3, 4]) };
    drains.group_read(Ok(Some(behind)), at(0), at(0));
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    let _ = drains.next(at(0));
    drains.activities_read(Ok([(id(2), at(-600)), (id(3), at(-7200))].into()));
    let _ = drains.next(at(0));
    let began = |number| drains.sessions()[&id(number)].schedule().began;
    assert_eq!([began(2), began(3)], [at(0), at(-3600)]);
}

#[test]
fn another_lifecycle_state_is_another_wait_that_began_later() {
    let mut drains = drains(1, &[1, 2, 3, 4]);
    let mut replacing = group(&[1, 2, 3, 4]);
    replacing.instances[1].lifecycle_state = "ReplacingRootVolume:Wait".to_owned();
    drains.group_read(Ok(Some(replacing)), at(1), at(1));
    drains.hooks_read(Ok(vec![hook("drain")]), at(1));
    let _ = drains.next(at(1));
    drains.activities_read(Ok(BTreeMap::new()));
    let _ = drains.next(at(1));
    assert_eq!(drains.sessions()[&id(2)].schedule().began, at(1));
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(21), at(21));
    let _ = drains.next(at(21));
    drains.activities_read(Ok(BTreeMap::new()));
    let _ = drains.next(at(21));
    assert_eq!(drains.sessions()[&id(2)].schedule().began, at(21));
}

#[test]
fn an_instance_that_is_terminated_while_a_sweep_saw_it_replaced_waits_anew() {
    let mut standby = Standby::default();
    standby.see_waiting(&[(id(2), "ReplacingRootVolume:Wait".to_owned())].into(), at(-60));
    let mut republished = request(Some((1, 2)));
    republished.own.as_mut().unwrap().1.coordinates = true;
    let mut drains = GroupDrains::new(republished, standby);
    drains.group_read(Ok(Some(group(&[1, 2]))), at(0), at(0));
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    drains.heartbeat_answered(&id(1), Ok(LifecycleActionState::Active), at(0), at(0));
    let _ = drains.next(at(0));
    drains.activities_read(Ok(BTreeMap::new()));
    let _ = drains.next(at(0));
    assert_eq!(drains.sessions()[&id(2)].schedule().began, at(0));
}

/// A message that comes while a coordinator's other instances wait leaves its drain to the lowest
/// of them. The message of that one has left its own to the coordinator.
#[test]
fn what_began_to_wait_among_the_last_drains_is_taken_along() {
    for new in [&[7][..], &[6, 7, 8, 9]] {
        let mut drains = drains(1, &[1, 2, 3, 4]);
        drains.hooks_read(Ok(vec![hook("drain"), hook("other")]), at(0));
        let _ = drains.next(at(0));
        drains.activities_read(Ok(BTreeMap::new()));
        let _ = drains.next(at(0));
        let completed = |drains: &mut GroupDrains, number, now| {
            let reason = CompleteReason::NotInCluster;
            drains.completion_answered(&id(number), reason, Ok(LifecycleActionState::Active), now);
        };
        completed(&mut drains, 1, at(1));
        drains.group_read(Ok(Some(group(&[2, 3, 4]))), at(1), at(1));
        let _ = drains.next(at(1));
        for number in [2, 3, 4] {
            completed(&mut drains, number, at(20));
        }
        drains.group_read(Ok(Some(group(new))), at(21), at(21));
        assert_eq!(drains.next(at(21)), GroupAction::ReadActivities(new.iter().map(|it| id(*it)).collect()));
    }
}

#[test]
fn a_coordinator_goes_on_after_its_own_drain_and_is_republished_for_the_others() {
    let mut drains = drains(1, &[1, 2, 3, 4]);
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    let _ = drains.next(at(0));
    drains.activities_read(Ok(BTreeMap::new()));
    let _ = drains.next(at(0));
    let completed = CompleteReason::NotInCluster;
    drains.completion_answered(&id(1), completed, Ok(LifecycleActionState::Active), at(1));
    drains.group_read(Ok(Some(group(&[2, 3, 4]))), at(1), at(1));
    assert_eq!(drains.next(at(1)), find(&[2, 3, 4]));
    assert_eq!(drains.next(at(890)), GroupAction::Republish);
    assert!(drains.attributes().coordinates);
}

#[test]
fn a_completion_that_was_lost_is_believed_and_reported_once_the_group_agrees() {
    let mut drains = drains(1, &[1]);
    let lost = error(CallErrorKind::OutOfTime);
    drains.completion_answered(&id(1), CompleteReason::Drained, Err(lost), at(1));
    drains.completion_answered(&id(1), CompleteReason::Drained, Ok(LifecycleActionState::Gone), at(3));
    drains.group_read(Ok(Some(group(&[1]))), at(3), at(3));
    assert_eq!(drains.own().unwrap().end(), None);
    let _ = drains.reports();
    drains.group_read(Ok(Some(group(&[]))), at(4), at(4));
    assert!(matches!(drains.reports()[..], [Report::Ended(_)]));
}

#[test]
fn an_instance_on_its_way_to_a_warm_pool_is_not_gone_because_its_group_does_not_show_it() {
    let mut request = request(Some((1, 1)));
    let (notice, _) = request.own.as_mut().unwrap();
    notice.destination = Some(super::super::message::Destination::WarmPool);
    let mut drains = GroupDrains::new(request, Standby::default());
    for seconds in [0, 2, 6] {
        assert_eq!(drains.own().unwrap().end(), None);
        drains.heartbeat_answered(&id(1), Ok(LifecycleActionState::Gone), at(seconds), at(seconds));
        drains.group_read(Ok(Some(group(&[]))), at(seconds), at(seconds));
        let _ = drains.next(at(seconds));
    }
    assert_eq!(drains.own().unwrap().end(), Some(&DrainEnd::ActionGone));
}

#[test]
fn a_republished_coordinator_whose_instance_is_gone_drains_the_others() {
    let mut republished = request(Some((1, 2)));
    republished.own.as_mut().unwrap().1.coordinates = true;
    let mut drains = GroupDrains::new(republished, Standby::default());
    assert_eq!(drains.next(at(0)), GroupAction::ReadHooks);
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    let GroupAction::Batch(Batch::Heartbeat(_)) = drains.next(at(0)) else { panic!() };
    drains.heartbeat_answered(&id(1), Ok(LifecycleActionState::Gone), at(0), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[2, 3]))), at(1), at(1));
    assert_eq!(drains.next(at(1)), GroupAction::ReadActivities([id(2), id(3)].into()));
    assert_eq!(drains.role(), Role::Coordinator);
}

#[test]
fn a_late_message_about_an_action_that_is_over_returns() {
    let late = GroupRequest { begins: at(300), until: at(1190), ..request(Some((1, 1))) };
    let mut drains = GroupDrains::new(late, Standby::default());
    drains.hooks_read(Ok(vec![hook("drain")]), at(300));
    let action = drains.next(at(300));
    assert!(matches!(action, GroupAction::Batch(Batch::Heartbeat(_))), "{action:?}");
    drains.heartbeat_answered(&id(1), Ok(LifecycleActionState::Gone), at(300), at(300));
    assert_eq!(drains.next(at(300)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[2, 3, 4, 5]))), at(301), at(301));
    assert_eq!(drains.next(at(301)), GroupAction::Return);
}

#[test]
fn a_group_that_does_not_exist_ends_its_drains() {
    let mut drains = drains(1, &[1]);
    drains.group_read(Ok(None), at(10), at(10));
    assert_eq!(drains.next(at(10)), GroupAction::Return);
    assert!(drains.failure(at(10)).is_none());
    assert_eq!(drains.own().unwrap().end(), Some(&DrainEnd::ActionGone));
}

#[test]
fn a_group_that_may_not_be_read_leaves_each_message_its_own_drain() {
    let mut drains = GroupDrains::new(request(Some((9, 1))), Standby::default());
    drains.group_read(Err(error(CallErrorKind::Refused)), at(0), at(0));
    assert_eq!(drains.next(at(0)), find(&[9]));
}

#[test]
fn a_throttled_group_is_waited_for_before_anything_is_read_of_ecs() {
    let mut drains = GroupDrains::new(request(Some((9, 1))), Standby::default());
    drains.group_read(Err(error(CallErrorKind::Throttled)), at(0), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::Sleep(at(5)));
    assert_eq!(drains.next(at(5)), GroupAction::ReadGroup);
}

#[test]
fn a_sweep_works_for_50_s_at_most() {
    assert_eq!(GroupDrains::new(request(None), Standby::default()).works_until(), at(50));
    let short = GroupRequest { until: at(20), ..request(None) };
    assert_eq!(GroupDrains::new(short, Standby::default()).works_until(), at(20));
}

#[test]
fn at_the_end_of_its_time_a_message_is_republished_and_a_sweep_returns() {
    let mut drains = drains(1, &[1]);
    assert_eq!(drains.next(at(890)), GroupAction::Republish);
    let mut sweep = GroupDrains::new(request(None), Standby::default());
    assert_eq!(sweep.next(at(50)), GroupAction::Return);
}

#[test]
fn the_group_is_read_once_more_before_a_message_returns() {
    let mut drains = drains(1, &[1]);
    let end = |drains: &mut GroupDrains, seconds| {
        let drained = CompleteReason::Drained;
        drains.completion_answered(&id(1), drained, Ok(LifecycleActionState::Active), at(seconds));
    };
    end(&mut drains, 30);
    assert_eq!(drains.next(at(30)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1, 2, 3, 4]))), at(31), at(31));
    // Three more wait, and left their drains to this message.
    assert_ne!(drains.next(at(31)), GroupAction::Return);
    assert_eq!(drains.role(), Role::Coordinator);
}

/// A sweep that leaves an instance to its message first, and the start of the drain in the next
/// one.
fn swept(activities: Result<BTreeMap<Ec2InstanceId, DateTime<Utc>>, Arc<CallError>>) -> DateTime<Utc> {
    let mut sweep = GroupDrains::new(request(None), Standby::default());
    assert_eq!(sweep.next(at(0)), GroupAction::ReadGroup);
    sweep.group_read(Ok(Some(group(&[1]))), at(0), at(0));
    assert_eq!(sweep.next(at(0)), GroupAction::Return);
    let standby = sweep.into_standby(at(0));
    assert!(standby.is_due(at(60)));
    let mut sweep =
        GroupDrains::new(GroupRequest { begins: at(120), until: at(1000), ..request(None) }, standby);
    sweep.group_read(Ok(Some(group(&[1]))), at(120), at(120));
    assert_eq!(sweep.next(at(120)), GroupAction::ReadHooks);
    sweep.hooks_read(Ok(vec![hook("drain")]), at(120));
    assert_eq!(sweep.next(at(120)), GroupAction::ReadActivities([id(1)].into()));
    sweep.activities_read(activities);
    assert!(matches!(sweep.next(at(120)), GroupAction::Batch(Batch::Heartbeat(_))));
    sweep.sessions()[&id(1)].schedule().began
}

#[test]
fn a_sweep_counts_from_the_start_of_a_termination_or_from_when_it_first_saw_it() {
    assert_eq!(swept(Ok(BTreeMap::new())), at(0));
    assert_eq!(swept(Err(error(CallErrorKind::Refused))), at(0));
    assert_eq!(swept(Ok([(id(1), at(-300))].into())), at(-300), "sweeps before it were lost");
}

/// Between two sweeps, somebody may have abandoned its action and terminated it again.
#[test]
fn a_sweep_asks_again_since_when_an_instance_waits_before_its_time_is_up() {
    let mut standby = Standby::default();
    standby.see_waiting(&[(id(1), "Terminating:Wait".to_owned())].into(), at(-600));
    standby.began(&id(1), at(-600));
    standby.see_waiting(&[(id(1), "Terminating:Wait".to_owned())].into(), at(-60));
    let sweep = GroupRequest { begins: at(0), ..request(None) };
    let mut drains = GroupDrains::new(sweep, standby);
    assert_eq!(drains.next(at(0)), GroupAction::ReadGroup);
    drains.group_read(Ok(Some(group(&[1]))), at(0), at(0));
    drains.hooks_read(Ok(vec![hook("drain")]), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::ReadActivities([id(1)].into()));
    drains.activities_read(Ok([(id(1), at(-30))].into()));
    let _ = drains.next(at(0));
    assert!(drains.sessions().is_empty(), "it is its message's");
}

#[test]
fn a_sweep_does_nothing_for_a_group_that_is_gone() {
    let mut standby = Standby::default();
    standby.see_waiting(&[(id(1), "Terminating:Wait".to_owned())].into(), at(-600));
    let mut drains = GroupDrains::new(request(None), standby);
    drains.group_read(Ok(None), at(0), at(0));
    assert_eq!(drains.next(at(0)), GroupAction::Return);
}

#[test]
fn one_drains_refusal_is_its_own_and_fails_only_a_message_that_drains_nothing_else() {
    let mut drains = drains(1, &[1]);
    let _ = drains.next(at(0));
    for seconds in [0, 60] {
        drains.call_failed(&id(1), Kind::Find, &error(CallErrorKind::Refused), at(seconds));
    }
    assert!(matches!(drains.failure(at(60)), Some(Failure::Refused(_))));
}
