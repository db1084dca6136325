//! Direct scaling: its rule sees each bug that it is there for, and none where there is none.

use fleetkeeper_campaign::direct_plan::{Again, DrainingAtOnce, Process};
use fleetkeeper_campaign::rules::{DirectScaling, Rule, check};
use fleetkeeper_campaign::scenario::{Scenario, StandalonePlan, What, Wrong};
use fleetkeeper_campaign::stage::{Played, play, play_with};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{Entry, Occurrence};

use crate::mutation::{Mutation, With};
use crate::scenes::{always, at, directly, task};

fn count(played: &Played, of: impl Fn(&Entry) -> bool) -> usize {
    played.world.history().entries().iter().filter(|entry| of(entry)).count()
}

fn removals(played: &Played) -> usize {
    count(played, |entry| matches!(entry.what, Occurrence::TerminationRequested { .. }))
}

/// As shipped it breaks no rule at all.
fn shipped(scenario: &Scenario) -> Played {
    let played = play(scenario).unwrap();
    check(&played).unwrap_or_else(|breach| panic!("{breach}\n{}", played.world.history()));
    played
}

/// With this bug the rule is broken, in these words.
fn is_seen(mutation: Mutation, scenario: &Scenario, words: &str) {
    shipped(scenario);
    let played = play_with(scenario, &With(mutation)).unwrap();
    let seen = DirectScaling.check(&played).map_err(|breach| breach.to_string());
    let how = seen.err().unwrap_or_else(|| panic!("{mutation:?} not seen\n{}", played.world.history()));
    assert!(how.contains(words), "{how}");
}

/// Four times the tasks: more hosts than there are.
fn grows() -> Scenario {
    let mut scenario = directly();
    scenario.happenings.push(at(30, What::SetDesiredCount(60)));
    scenario
}

#[test]
fn hosts_that_no_task_needs_are_removed_and_missing_ones_launched() {
    let played = shipped(&directly());
    assert!(removals(&played) >= 3, "{}", played.world.history());
    let played = shipped(&grows());
    let raised = count(&played, |entry| {
        entry.by.is_some() && matches!(entry.what, Occurrence::DesiredCapacity { .. })
    });
    assert!(raised >= 1, "{}", played.world.history());
}

#[test]
fn a_capacity_beyond_the_maximum_is_seen() {
    is_seen(Mutation::AsksForAThousandMore, &grows(), "beyond the group's limits");
}

#[test]
fn a_capacity_that_is_lowered_is_seen() {
    is_seen(Mutation::LowersInstead, &grows(), "only ever raises");
}

#[test]
fn a_second_host_for_one_decision_is_seen() {
    is_seen(Mutation::RemovesTwo, &directly(), "it only ever raises it");
}

#[test]
fn a_termination_that_is_requested_twice_is_seen() {
    for (again, words) in [(Again::Decremented, "was requested"), (Again::Ignored, ""), (Again::Refused, "")]
    {
        let mut scenario = directly();
        scenario.clusters[0].groups[0].options.terminated_again = again;
        if words.is_empty() {
            // Where AWS ignores or refuses it, it removes no second host.
            let played = play_with(&scenario, &With(Mutation::TerminatesTwice)).unwrap();
            DirectScaling.check(&played).unwrap();
        } else {
            is_seen(Mutation::TerminatesTwice, &scenario, words);
        }
    }
}

/// The calculator sends no termination twice, even where AWS would refuse or ignore the second.
#[test]
fn an_answer_that_is_lost_is_no_second_host() {
    for again in [Again::Decremented, Again::Ignored, Again::Refused] {
        let mut scenario = directly();
        scenario.clusters[0].groups[0].options.terminated_again = again;
        scenario.quiet_after_seconds = 1800;
        scenario.faults.push(always(Operation::TerminateInstanceInAutoScalingGroup, Wrong::AnswerLost));
        scenario.faults.push(always(Operation::SetDesiredCapacity, Wrong::AnswerLost));
        assert!(removals(&shipped(&scenario)) >= 2, "{again:?}");
    }
}

#[test]
fn a_host_that_must_stay_is_seen() {
    let protected = |what: fn(usize) -> What| {
        let mut scenario = directly();
        scenario.happenings.extend((0..6).map(|host| at(30, what(host))));
        scenario
    };
    is_seen(Mutation::ProtectionUnseen, &protected(What::ProtectHost), "protected from scale-in");
    is_seen(Mutation::ProtectionUnseen, &protected(What::KeepHost), "fleetkeeper.keep");
    let mut scenario = directly();
    let job = StandalonePlan { run_seconds: 100_000, task: task() };
    scenario.happenings.extend((0..6).map(|host| at(30, What::StartTask { host, task: job.clone() })));
    is_seen(Mutation::StandaloneUnseen, &scenario, "standalone task");
}

#[test]
fn the_last_host_of_a_zone_over_which_tasks_are_spread_is_seen() {
    let mut scenario = directly();
    scenario.clusters[0].groups[0].options.zones = 3;
    scenario.clusters[0].groups[0].hosts = 3;
    scenario.clusters[0].services[0].tasks = 3;
    scenario.clusters[0].services[0].spreads_over_zones = true;
    is_seen(Mutation::SpreadUnseen, &scenario, "the last of its zone");
}

#[test]
fn a_host_whose_tasks_fit_nowhere_else_is_seen() {
    let mut scenario = directly();
    // More than five hosts hold.
    scenario.clusters[0].services[0].tasks = 41;
    is_seen(Mutation::AllIsFree, &scenario, "is unplaced");
}

#[test]
fn a_host_of_a_service_that_is_being_deployed_is_seen() {
    let mut scenario = directly();
    let service = &mut scenario.clusters[0].services[0];
    // One task on each host, and one after the other is replaced, for some twenty minutes.
    service.tasks = 6;
    (service.minimum_percent, service.maximum_percent) = (100, 120);
    service.task.healthy_seconds = 180;
    scenario.happenings.push(at(50, What::Deploy));
    is_seen(Mutation::DeploymentUnseen, &scenario, "is being deployed");
}

#[test]
fn a_host_removed_soon_after_its_group_grew_is_seen() {
    let mut scenario = directly();
    scenario.quiet_after_seconds = 400;
    scenario.happenings.push(at(300, What::SetDesiredCapacity(7)));
    is_seen(Mutation::GrowthUnseen, &scenario, "was scaled out");
}

#[test]
fn more_hosts_at_once_than_may_drain_are_seen() {
    let mut scenario = directly();
    // A job that nothing moves keeps each drain open.
    scenario.clusters[0].services[0].task.stop_seconds = 600;
    scenario.quiet_seconds = 5400;
    is_seen(Mutation::DrainingUnseen, &scenario, "may");
    scenario.calculator.as_mut().unwrap().direct.as_mut().unwrap().max_draining = DrainingAtOnce::Hosts(3);
    let mut played = shipped(&scenario);
    let plan = played.scenario.calculator.as_mut().unwrap().direct.as_mut().unwrap();
    plan.max_draining = DrainingAtOnce::Hosts(1);
    let how = DirectScaling.check(&played).unwrap_err().to_string();
    assert!(how.contains("at most 1 may"), "{how}");
}

#[test]
fn a_host_removed_before_its_environment_can_know_is_seen() {
    let mut played = shipped(&directly());
    let plan = played.scenario.calculator.as_mut().unwrap().direct.as_mut().unwrap();
    plan.scale_in_minutes = 60;
    let how = DirectScaling.check(&played).unwrap_err().to_string();
    assert!(how.contains("cannot know"), "{how}");
}

#[test]
fn a_group_that_is_not_left_alone_is_seen() {
    for process in [Process::Launch, Process::Terminate, Process::AlarmNotification] {
        let mut scenario = directly();
        scenario.happenings.push(at(30, What::Suspend(process, 2000)));
        scenario.quiet_after_seconds = 2000;
        scenario.quiet_seconds = 60;
        is_seen(Mutation::SuspensionUnseen, &scenario, "is suspended");
    }
    let mut scenario = directly();
    // The refresh waits for a drain that lasts, and others may drain beside it.
    let direct = scenario.calculator.as_mut().unwrap().direct.as_mut().unwrap();
    direct.max_draining = DrainingAtOnce::Hosts(3);
    let job = StandalonePlan { run_seconds: 3000, task: task() };
    scenario.happenings.extend((0..2).map(|host| at(5, What::StartTask { host, task: job.clone() })));
    scenario.happenings.push(at(30, What::RefreshInstances(90)));
    is_seen(Mutation::RefreshUnseen, &scenario, "refresh is under way");
    let mut scenario = directly();
    scenario.clusters[0].groups[0].options.scaled_by_ecs = true;
    scenario.clusters[0].services[0].only_on_group = Some(0);
    scenario.clusters[0].services[0].by_provider = true;
    is_seen(Mutation::ManagedScalingUnseen, &scenario, "ECS scales it");
}

#[test]
fn a_group_that_grows_and_shrinks_without_end_is_seen() {
    let mut scenario = directly();
    scenario.quiet_seconds = 7200;
    is_seen(Mutation::FightsItself, &scenario, "");
}

#[test]
fn a_calculator_that_only_publishes_does_nothing_to_groups() {
    let mut scenario = directly();
    scenario.calculator.as_mut().unwrap().direct.as_mut().unwrap().dry_run = true;
    assert_eq!(removals(&shipped(&scenario)), 0);
    let mut played = play(&directly()).unwrap();
    played.scenario.calculator.as_mut().unwrap().direct = None;
    let how = DirectScaling.check(&played).unwrap_err().to_string();
    assert!(how.contains("only publishes"), "{how}");
}
