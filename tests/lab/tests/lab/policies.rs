//! Policies in short traces.

use fleetkeeper_lab::bound::{self, Bound};
use fleetkeeper_lab::figures::Figures;
use fleetkeeper_lab::play::play;
use fleetkeeper_lab::policy::{Policy, Tuning};
use fleetkeeper_lab::stage::{Conditions, Scheduler};
use fleetkeeper_lab::trace::{BatchAs, Event, HostType, Kind, Needs, Trace};
use fleetkeeper_sim::PlacementMode;

const CONDITIONS: Conditions = Conditions {
    seed: 1,
    scheduler: Scheduler {
        placement: PlacementMode::SpreadOverZones,
        backs_off: false,
        balances_zones_after: None,
    },
};

fn kind(name: &str) -> Kind {
    Kind { name: name.to_owned(), needs: Needs::new(512, 1024) }
}

/// Two hours of a service whose tasks go four to a host, and of batch tasks of the same size.
fn trace(events: Vec<(u32, Event)>) -> Trace {
    Trace {
        name: "small".to_owned(),
        source: "a test".to_owned(),
        host: HostType::new("m5.large", 2048, 7680, 0),
        services: vec![kind("web")],
        kinds: vec![kind("batch")],
        batch_as: BatchAs::Workers,
        events,
        seconds: 7200,
    }
}

fn wants(count: u32) -> Event {
    Event::Desired { service: 0, count }
}

/// Up to 24 tasks within half an hour, and down again after an hour.
fn hill() -> Trace {
    trace(vec![(0, wants(4)), (600, wants(12)), (1800, wants(24)), (3600, wants(4))])
}

fn played(trace: &Trace, policy: &Policy) -> Figures {
    play(trace, policy, CONDITIONS, &|_| ()).unwrap()
}

fn p99(figures: &Figures) -> u32 {
    figures.waits().quantile(990).unwrap()
}

#[test]
fn a_policy_made_worse_on_purpose_shows_as_worse() {
    let of = |scale_out_seconds, scale_in_minutes| {
        let tuning = Tuning { scale_out_seconds, scale_in_minutes, ..Tuning::default() };
        Policy::fleetkeeper("one").tuned(tuning)
    };
    let shipped = played(&hill(), &of(10, 5));
    let late_out = played(&hill(), &of(600, 5));
    assert!(p99(&late_out) > p99(&shipped) + 300, "{} s and {} s", p99(&late_out), p99(&shipped));
    assert!(late_out.minutes_short > shipped.minutes_short);
    let late_in = played(&hill(), &of(10, 40));
    assert!(late_in.host_hours > shipped.host_hours * 1.2, "{late_in:?}");
}

#[test]
fn fleetkeeper_is_sooner_than_the_book_and_kills_nothing() {
    let (book, ours) = (played(&hill(), &Policy::Book), played(&hill(), &Policy::fleetkeeper("one")));
    assert!(p99(&ours) < p99(&book), "{} s and {} s", p99(&ours), p99(&book));
    assert_eq!((ours.killed, ours.never_ran), (0, 0));
    assert!(ours.removed > 0 && ours.moved > 0 && ours.api_calls > 0, "{ours:?}");
}

#[test]
fn a_capacity_provider_runs_no_function_and_moves_no_task() {
    let provider = played(&hill(), &Policy::capacity_provider(100));
    assert_eq!((provider.api_calls, provider.moved, provider.killed), (0, 0, 0));
    assert!(provider.launched >= 5 && provider.never_ran == 0, "{provider:?}");
}

#[test]
fn without_termination_protection_ecs_drains_busy_hosts_and_loses_no_task() {
    let unprotected = played(&hill(), &Policy::CapacityProvider { target: 100, protects: false });
    assert_eq!((unprotected.api_calls, unprotected.killed, unprotected.never_ran), (0, 0, 0));
    assert!(unprotected.moved > 0 && unprotected.removed > 0, "{unprotected:?}");
}

/// Few hosts of three zones are left after the hill: what is removed makes zones uneven.
#[test]
fn balanced_zones_show_beside_what_drains_move() {
    let conditions = |balances_zones_after| Conditions {
        scheduler: Scheduler { balances_zones_after, ..CONDITIONS.scheduler },
        ..CONDITIONS
    };
    let of = |conditions| play(&hill(), &Policy::direct("one"), conditions, &|_| ()).unwrap();
    let (as_it_is, balanced) = (of(conditions(None)), of(conditions(Some(60))));
    assert_eq!(as_it_is.balanced, 0);
    assert!(balanced.balanced > 0, "{balanced:?}");
    assert_eq!((balanced.killed, balanced.never_ran), (0, 0));
}

/// Every policy places the same tasks, and none has fewer hosts than are packed for longer.
#[test]
fn every_policy_plays_the_same_arrivals() {
    let trace = hill();
    let bound = bound::host_hours(&Bound::of(&trace).packed);
    for policy in Policy::compared() {
        let figures = played(&trace, &policy);
        assert_eq!(figures.waits().count(), 20, "{}", policy.name());
        assert_eq!(figures.minutes.len(), 121, "{}", policy.name());
        if policy != Policy::Book {
            assert!(figures.host_hours > bound * 0.95, "{}: {figures:?}", policy.name());
        }
    }
}

#[test]
fn one_seed_gives_the_same_figures_and_another_one_others() {
    let of = |seed| {
        let conditions = Conditions { seed, ..CONDITIONS };
        play(&hill(), &Policy::fleetkeeper("one"), conditions, &|_| ()).unwrap()
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1).minutes, of(2).minutes);
}

/// Fleetkeeper scales for services. It does not see a task that `RunTask` cannot place: the group
/// grows by its headroom alone.
#[test]
fn batch_tasks_get_hosts_as_workers_and_from_a_capacity_provider() {
    let mut events = vec![(0, wants(4))];
    events.extend((0..20).map(|nth| (600 + nth, Event::Batch { kind: 0, seconds: 1800 })));
    let workers = trace(events);
    let standalone = workers.clone().running_batch_as(BatchAs::Standalone);
    let (ours, provider) = (Policy::fleetkeeper("one"), Policy::capacity_provider(100));
    for (trace, policy) in [(&workers, &ours), (&workers, &provider), (&standalone, &provider)] {
        let figures = played(trace, policy);
        assert!(p99(&figures) < 900, "{} s with {}", p99(&figures), policy.name());
        assert_eq!((figures.batch_waits.count(), figures.killed), (20, 0), "{}", policy.name());
    }
    let (unseen, seen) = (p99(&played(&standalone, &ours)), p99(&played(&workers, &ours)));
    assert!(unseen > seen + 60, "{unseen} s and {seen} s");
}

#[test]
fn spot_takes_tasks_that_are_not_counted_as_killed_by_scale_in() {
    let reclaimed = trace(vec![(0, wants(24)), (1800, Event::Reclaim { percent: 100 })]);
    let figures = played(&reclaimed, &Policy::capacity_provider(100));
    assert_eq!((figures.killed, figures.killed_by_spot), (0, 24));
}
