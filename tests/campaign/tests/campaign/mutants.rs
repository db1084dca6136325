//! Each rule sees the bug that it is there for, and no rule sees one where there is none.

use fleetkeeper_campaign::rules::{Breach, RULES};
use fleetkeeper_campaign::scenario::{FaultPlan, Metadata, Scenario, What, Wrong};
use fleetkeeper_campaign::stage::{Played, play, play_with};
use fleetkeeper_sim::world::Operation;

use crate::mutation::{Mutation, With};
use crate::scenes::{always, at, calm, discovered, held, long_drain, measured, storm, termination};

fn broken(played: &Played) -> Vec<Breach> {
    RULES.iter().filter_map(|rule| rule.check(played).err()).collect()
}

/// This bug breaks this rule and no other; the handlers as they are shipped break none.
fn is_seen(mutation: Mutation, scenario: &Scenario, rule: &str) {
    assert_eq!(broken(&play(scenario).unwrap()), [], "as shipped");
    let played = play_with(scenario, &With(mutation)).unwrap();
    let broken: Vec<_> = broken(&played).into_iter().map(|breach| breach.rule).collect();
    assert_eq!(broken, [rule], "{mutation:?}\n{}", played.world.history());
}

/// This bug breaks this rule, and others that look at the same figures or at what comes of it.
fn is_seen_among(mutation: Mutation, scenario: &Scenario, rule: &str) {
    assert_eq!(broken(&play(scenario).unwrap()), [], "as shipped");
    let broken = broken(&play_with(scenario, &With(mutation)).unwrap());
    assert!(broken.iter().any(|breach| breach.rule == rule), "{broken:?}");
}

#[test]
fn tasks_that_are_being_stopped_are_killed() {
    let mut scenario = termination();
    scenario.happenings.insert(0, at(5, What::SetDesiredCount(0)));
    is_seen(Mutation::StoppingTasksUnseen, &scenario, "no early kill");
}

#[test]
fn a_hook_that_is_never_completed_is_stuck() {
    is_seen(Mutation::NeverCompletes, &termination(), "no stuck instance");
}

#[test]
fn a_hook_that_runs_out_under_a_drain_is_not_kept_alive() {
    is_seen(Mutation::NoHeartbeat, &long_drain(), "no stuck instance");
}

#[test]
fn a_message_that_is_not_published_again_is_lost() {
    is_seen_among(Mutation::NotRepublished, &long_drain(), "no lost drain");
}

#[test]
fn an_old_message_drains_what_waits_for_somebody_else() {
    let mut scenario = termination();
    scenario.clusters[0].groups[0].other_hook_seconds = Some(1200);
    scenario.quiet_after_seconds = 600;
    scenario.happenings.push(at(30, What::CompleteByHand(0)));
    scenario.happenings.push(at(200, What::SetActive(0)));
    scenario.happenings.push(at(210, What::Redeliver(0)));
    is_seen_among(Mutation::ActionTakenForGranted, &scenario, "same twice");
}

#[test]
fn instances_on_later_pages_do_not_count() {
    let mut scenario = measured();
    scenario.api.page_limit = Some(2);
    is_seen_among(Mutation::FirstPageOnly, &scenario, "every instance counts");
}

#[test]
fn containers_are_promised_that_do_not_fit() {
    is_seen(Mutation::PromisesTwice, &measured(), "never optimistic");
}

#[test]
fn room_that_is_not_there_is_promised() {
    is_seen_among(Mutation::TwiceTheRoom, &measured(), "never optimistic");
}

#[test]
fn a_host_is_given_away_that_is_needed() {
    is_seen(Mutation::RemovesOneMore, &measured(), "never optimistic");
}

#[test]
fn a_host_is_missing_though_hosts_are_removable() {
    is_seen_among(Mutation::MissesOneMore, &measured(), "never optimistic");
    is_seen_among(Mutation::MissesOneMore, &measured(), "no runaway");
}

#[test]
fn half_of_the_worst_case_container_promises_too_much() {
    is_seen_among(Mutation::NeedsHalf, &discovered(), "never optimistic");
}

#[test]
fn network_interfaces_that_tasks_hold_are_promised_again() {
    let mut scenario = discovered();
    scenario.clusters[0].services[0].task.awsvpc = true;
    is_seen_among(Mutation::InterfacesUnseen, &scenario, "never optimistic");
}

#[test]
fn a_host_is_missing_where_no_service_wants_one() {
    let mut scenario = discovered();
    scenario.clusters[0].services.clear();
    is_seen_among(Mutation::MissesOneMore, &scenario, "no runaway");
}

#[test]
fn resources_that_ecs_did_not_describe_are_skipped() {
    let mut scenario = measured();
    scenario.quiet_after_seconds = 200;
    scenario.quiet_seconds = 10;
    scenario.faults.push(always(Operation::DescribeContainerInstances, Wrong::Untold));
    is_seen(Mutation::NotDescribedSkipped, &scenario, "no runaway");
}

#[test]
fn a_container_that_fits_on_no_host_scales_without_end() {
    let mut scenario = measured();
    scenario.calculator.as_mut().unwrap().cpu = 4096;
    is_seen_among(Mutation::AnyHostLargeEnough, &scenario, "no runaway");
}

#[test]
fn a_drain_that_polls_twenty_times_as_often_uses_more_than_its_share() {
    is_seen(Mutation::PollsTwentyTimes, &long_drain(), "within the bucket");
}

#[test]
fn a_page_that_is_listed_twice_is_one_read_too_many() {
    is_seen(Mutation::ListsTwice, &measured(), "within the bucket");
}

#[test]
fn a_snapshot_for_each_event_reads_too_much() {
    is_seen(Mutation::AlwaysReads, &storm(), "within the bucket");
}

#[test]
fn a_snapshot_that_does_not_wait_for_its_turns_takes_more_than_its_share() {
    let mut scenario = measured();
    scenario.api.page_limit = Some(1);
    scenario.clusters[0].groups[0].hosts = 60;
    is_seen(Mutation::NeverWaits, &scenario, "within the bucket");
}

#[test]
fn a_drain_that_is_delegated_to_nobody_is_lost() {
    is_seen_among(Mutation::CountsOnNobody, &termination(), "no lost drain");
}

#[test]
fn tasks_that_are_stopped_before_the_drain_timeout_are_killed_early() {
    is_seen_among(Mutation::StopsEarly, &held(), "no early kill");
}

#[test]
fn a_hook_whose_tasks_are_never_stopped_is_stuck() {
    is_seen(Mutation::StopsNothing, &held(), "no stuck instance");
}

#[test]
fn a_coordinator_that_polls_twenty_times_as_often_uses_more_than_its_share() {
    let mut scenario = termination();
    scenario.drainer.poll_seconds = 1;
    scenario.clusters[0].groups[0].hosts = 9;
    scenario.clusters[0].services[0].tasks = 18;
    scenario.happenings = vec![at(10, What::Terminate { host: 0, hosts: 5, replaced: true })];
    is_seen(Mutation::PollsTwentyTimes, &scenario, "within the bucket");
}

#[test]
fn a_task_that_is_missing_has_not_stopped() {
    let mut scenario = long_drain();
    scenario.quiet_after_seconds = 300;
    scenario.faults.push(always(Operation::DescribeTasks, Wrong::Missing));
    is_seen_among(Mutation::MissingIsStopped, &scenario, "no early kill");
}

#[test]
fn an_instance_is_in_another_cluster() {
    let mut scenario = long_drain();
    scenario.clusters[0].groups[0].metadata = Metadata::Absent;
    scenario.clusters.push(scenario.clusters[0].clone());
    scenario.drainer.ecs_cluster = 1;
    is_seen_among(Mutation::AnyClusterIsRight, &scenario, "no early kill");
}

#[test]
fn an_action_that_was_denied_once_is_open() {
    let mut scenario = long_drain();
    scenario.quiet_after_seconds = 300;
    let denied = always(Operation::RecordLifecycleActionHeartbeat, Wrong::NoActiveAction);
    scenario.faults.push(FaultPlan { from_seconds: 100, seconds: 30, ..denied });
    is_seen_among(Mutation::DenialBelieved, &scenario, "no lost drain");
}

#[test]
fn a_message_of_which_no_answer_comes_is_published_twice_at_most() {
    let mut scenario = long_drain();
    scenario.quiet_after_seconds = 150;
    scenario.faults.push(always(Operation::Publish, Wrong::AnswerLost));
    is_seen_among(Mutation::PublishesAgain, &scenario, "within the bucket");
}

#[test]
fn an_invocation_whose_drain_was_completed_by_hand_ends() {
    let mut scenario = long_drain();
    scenario.drainer.timeout_seconds = 900;
    scenario.happenings.push(at(40, What::CompleteByHand(0)));
    is_seen_among(Mutation::NeverOver, &scenario, "nothing outlives its drain");
}

#[test]
fn a_completion_that_found_no_action_is_no_success() {
    // An empty instance: it is confirmed when somebody else completes its hook.
    let mut scenario = termination();
    scenario.clusters[0].services.clear();
    scenario.happenings.push(at(13, What::CompleteByHand(0)));
    is_seen_among(Mutation::GoneIsCompleted, &scenario, "no silence");
}

#[test]
fn where_nothing_happens_nothing_is_broken() {
    assert_eq!(broken(&play(&calm()).unwrap()), []);
}
