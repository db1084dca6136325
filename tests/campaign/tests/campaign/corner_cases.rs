//! Histories that look like a breach and are none.

use fleetkeeper_campaign::rules::check;
use fleetkeeper_campaign::scenario::{OnTimeout, Scenario, Stray, What, Wrong};
use fleetkeeper_campaign::stage::{HOOK, Played, play};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};

use crate::scenes::{always, at, long_drain, measured, task, termination};

fn passes(scenario: &Scenario) -> Played {
    let played = play(scenario).unwrap();
    if let Err(breach) = check(&played) {
        panic!("{breach}\n{}", played.world.history());
    }
    played
}

fn count(played: &Played, what: impl Fn(&Occurrence) -> bool) -> usize {
    played.world.history().entries().iter().filter(|entry| what(&entry.what)).count()
}

fn expired(what: &Occurrence) -> bool {
    matches!(what, Occurrence::ActionEnded { hook, end: ActionEnd::Expired(_), .. } if hook == HOOK)
}

fn stopped_by_hand(what: &Occurrence) -> bool {
    matches!(what, Occurrence::TaskStopping { code: StopCode::UserInitiated, .. })
}

fn completed(what: &Occurrence) -> bool {
    matches!(what, Occurrence::ActionEnded { hook, end: ActionEnd::Completed(_), .. } if hook == HOOK)
}

#[test]
fn a_hook_runs_out_where_every_attempt_failed() {
    let mut scenario = termination();
    scenario.quiet_after_seconds = 900;
    scenario.faults.push(always(Operation::ListContainerInstances, Wrong::Refused));
    let played = passes(&scenario);
    assert_eq!(count(&played, |what| matches!(what, Occurrence::EventGivenUp { .. })), 1);
    assert_eq!(count(&played, expired), 1);
}

#[test]
fn a_drain_ends_by_its_policy_once_its_time_is_up() {
    for (policy, stopped) in [(OnTimeout::StopTasks, 1), (OnTimeout::Continue, 0), (OnTimeout::Abandon, 0)] {
        let mut scenario = long_drain();
        scenario.drainer.drain_timeout_seconds = 120;
        scenario.drainer.on_drain_timeout = policy;
        let played = passes(&scenario);
        assert_eq!((count(&played, expired), count(&played, completed)), (0, 1), "{policy:?}");
        assert_eq!(count(&played, stopped_by_hand), stopped, "{policy:?}");
    }
}

#[test]
fn a_hook_runs_out_where_no_heartbeat_is_taken() {
    let mut scenario = long_drain();
    scenario.quiet_after_seconds = 900;
    scenario.faults.push(always(Operation::RecordLifecycleActionHeartbeat, Wrong::Throttled));
    assert_eq!(count(&passes(&scenario), expired), 1);
}

#[test]
fn a_chain_that_is_cut_leaves_its_hook_to_run_out() {
    let mut scenario = long_drain();
    scenario.drainer.timeout_seconds = 30;
    scenario.drainer.recursion_terminated = true;
    assert_eq!(count(&passes(&scenario), expired), 1);
}

#[test]
fn an_action_may_be_completed_by_hand_under_a_drain() {
    let mut scenario = long_drain();
    scenario.happenings.push(at(40, What::CompleteByHand(0)));
    assert_eq!(count(&passes(&scenario), completed), 1);
}

#[test]
fn a_host_may_be_lost_under_a_drain_with_its_agent_away_or_not() {
    for away in [false, true] {
        let mut scenario = long_drain();
        if away {
            scenario.happenings.push(at(20, What::DisconnectAgent { host: 0, seconds: 1000 }));
        }
        scenario.happenings.push(at(40, What::LoseHost(0)));
        passes(&scenario);
    }
}

#[test]
fn tasks_may_come_behind_a_drains_back() {
    let mut scenario = termination();
    scenario.quiet_after_seconds = 300;
    for at_seconds in 20..120 {
        let job = fleetkeeper_campaign::scenario::StandalonePlan { run_seconds: 1, task: task() };
        scenario.happenings.push(at(at_seconds, What::StartTask { host: 0, task: job }));
        scenario.happenings.push(at(at_seconds, What::SetActive(0)));
    }
    scenario.happenings.push(at(70, What::RegisterAnew(0)));
    passes(&scenario);
}

#[test]
fn what_is_not_the_drainers_business_is_left_alone() {
    let mut scenario = termination();
    for stray in
        [Stray::TestNotification, Stray::GroupNotification, Stray::Launching, Stray::Text, Stray::Json]
    {
        scenario.happenings.push(at(20, What::StrayMessage(stray)));
    }
    scenario.happenings.push(at(30, What::Redeliver(0)));
    scenario.happenings.push(at(300, What::Redeliver(0)));
    passes(&scenario);
}

#[test]
fn an_instance_that_ecs_says_is_missing_need_not_be_counted() {
    let mut scenario = measured();
    scenario.quiet_after_seconds = 200;
    scenario.faults.push(always(Operation::DescribeContainerInstances, Wrong::Missing));
    let played = passes(&scenario);
    assert!(count(&played, |what| matches!(what, Occurrence::MetricDataPut { .. })) > 5);
}

#[test]
fn nothing_is_put_of_a_cluster_that_cannot_be_read() {
    let mut scenario = measured();
    scenario.quiet_after_seconds = 200;
    scenario.quiet_seconds = 1;
    scenario.faults.push(always(Operation::ListContainerInstances, Wrong::Throttled));
    assert_eq!(count(&passes(&scenario), |what| matches!(what, Occurrence::MetricDataPut { .. })), 0);
}
