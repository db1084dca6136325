//! The events of a service's scheduler.
//!
//! The texts are for people and vary. The parts that have stayed the same identify them (Developer
//! Guide, "Amazon ECS service event messages"). A service's name has no space in it, hence is no
//! such part.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::cause::{Cause, Lacking};
use crate::service::{Service, ServiceEvent};

/// Events this long before the drain are of its time: ECS logged them of a cluster that was full
/// already.
const BEFORE: Duration = Duration::from_secs(300);

/// ECS omits an event that it has logged already for this long, unless its cause was resolved
/// meanwhile (Developer Guide, as above). Until then, the last trouble still stands.
const STANDS: Duration = Duration::from_secs(6 * 3600);

/// No more of an event's text is shown.
pub(super) const SHOWN_CHARS: usize = 200;

/// The meaning of a service's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// ECS can't go on.
    Trouble(Cause),
    /// It started tasks since the drain began, and ECS has logged no trouble since.
    Started,
    /// Neither.
    Nothing,
}

/// The meaning of the service's events for a drain that began at `began`: the newest one with a
/// meaning wins.
///
/// Tasks that start resolve the trouble before them, except replacements that do not stay up: those
/// start, too.
pub(super) fn meaning(service: &Service, began: DateTime<Utc>, now: DateTime<Utc>) -> Meaning {
    if let Some(newest) = service.events.first()
        && newest.at >= now - STANDS
        && let Some(Event::Trouble(cause)) = read(&newest.message, service)
    {
        return Meaning::Trouble(cause);
    }
    let mut started = None;
    for event in lately(service, began) {
        match read(&event.message, service) {
            Some(Event::Trouble(cause)) if started.is_none() || cause == Cause::TaskStartImpaired => {
                return Meaning::Trouble(cause);
            }
            Some(Event::Started) => {
                started.get_or_insert(event.at);
            }
            Some(Event::SteadyState) => break,
            _ => {}
        }
    }
    if started.is_some_and(|started| started >= began) { Meaning::Started } else { Meaning::Nothing }
}

/// The latest of the service's events, in one line of at most [`SHOWN_CHARS`] characters.
pub(super) fn latest(service: &Service, began: DateTime<Utc>) -> Option<String> {
    let event = lately(service, began).next()?;
    let line = event.message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN_CHARS {
        return Some(line);
    }
    Some(line.chars().take(SHOWN_CHARS - 1).chain(['…']).collect())
}

fn lately(service: &Service, began: DateTime<Utc>) -> impl Iterator<Item = &ServiceEvent> {
    service.events.iter().filter(move |event| event.at >= began - BEFORE)
}

/// An event, as far as it matters to a drain.
enum Event {
    Trouble(Cause),
    Started,
    SteadyState,
}

fn read(message: &str, service: &Service) -> Option<Event> {
    let text = message.to_lowercase();
    let says = |part: &str| text.contains(part);
    Some(match text.split_once("unable to place a task") {
        // After the service's name, which may well be that of a resource.
        Some((_, reason)) => Event::Trouble(Cause::NoRoom(lacking(reason))),
        _ if says("unable to consistently start tasks") => Event::Trouble(Cause::TaskStartImpaired),
        _ if says("unable to stop or start tasks") => Event::Trouble(Cause::no_leeway(service)),
        _ if says("operations are being throttled") => Event::Trouble(Cause::OperationsThrottled),
        _ if says(" is unhealthy in ") || says("failed container health checks") => {
            Event::Trouble(Cause::Unhealthy)
        }
        _ if says(" has started ") => Event::Started,
        _ if says("reached a steady state") => Event::SteadyState,
        _ => return None,
    })
}

/// The lacking resource, by ECS's words for it or by the reasons of `RunTask` (Developer Guide,
/// "API failure reasons").
fn lacking(reason: &str) -> Lacking {
    const WORDS: [(&[&str], Lacking); 8] = [
        (&["no container instances were found", "empty capacity provider"], Lacking::ContainerInstance),
        (&["insufficient cpu", "resource:cpu"], Lacking::Cpu),
        (&["insufficient memory", "resource:memory"], Lacking::Memory),
        (&["using a port", "resource:port"], Lacking::Port),
        (&["resource:eni", "network interface"], Lacking::NetworkInterface),
        (&["gpu"], Lacking::Gpu),
        (&["attribute", "constraint"], Lacking::Attribute),
        (&["agent"], Lacking::Agent),
    ];
    let known = WORDS.iter().find(|(words, _)| words.iter().any(|word| reason.contains(word)));
    known.map_or(Lacking::Unnamed, |&(_, lacking)| lacking)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, service};
    use super::*;

    const FULL: &str =
        "was unable to place a task because no container instance met all of its requirements.";
    const STARTED: &str = "has started 1 tasks: (task 0123456789abcdef0123456789abcdef).";
    const STEADY: &str = "has reached a steady state.";
    const IMPAIRED: &str = "is unable to consistently start tasks successfully.";

    /// The meaning of these events, a minute after the drain began.
    fn meaning_of<const N: usize>(events: [(i64, &str); N]) -> Meaning {
        meaning(&service("web", 3).with_events(events), at(0), at(60))
    }

    fn no_room(lacking: Lacking) -> Meaning {
        Meaning::Trouble(Cause::NoRoom(lacking))
    }

    #[test]
    fn what_is_lacking_for_a_replacement_is_known_by_ecs_words() {
        for (words, lacking) in [
            ("The closest matching container-instance 1 has insufficient CPU units available.", Lacking::Cpu),
            (
                "The closest matching (container-instance 1) has insufficient memory available.",
                Lacking::Memory,
            ),
            (
                "The closest container-instance 1 is already using a port required by your task.",
                Lacking::Port,
            ),
            (
                "The closest container-instance 1 encountered error \"RESOURCE:ENI\".",
                Lacking::NetworkInterface,
            ),
            ("The closest container-instance 1 has insufficient GPU resource available.", Lacking::Gpu),
            ("The closest one is missing an attribute required by your task.", Lacking::Attribute),
            ("Reason: memberOf placement constraint unsatisfied.", Lacking::Attribute),
            ("The closest container-instance 1 encountered error \"AGENT\".", Lacking::Agent),
            ("The closest one doesn't have the agent connected.", Lacking::Agent),
            ("Reason: No Container Instances were found in your cluster.", Lacking::ContainerInstance),
            (
                "Reason: No Container Instances were found in your capacity provider.",
                Lacking::ContainerInstance,
            ),
            ("Reason: EMPTY CAPACITY PROVIDER.", Lacking::ContainerInstance),
            ("The closest one has no network interface left.", Lacking::NetworkInterface),
            ("encountered error \"RESOURCE:CPU\".", Lacking::Cpu),
            ("encountered error \"RESOURCE:MEMORY\".", Lacking::Memory),
            ("encountered error \"RESOURCE:PORTS\".", Lacking::Port),
            ("", Lacking::Unnamed),
            ("The closest one is out of sorts.", Lacking::Unnamed),
        ] {
            let more =
                "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
            assert_eq!(meaning_of([(30, &format!("{FULL} {words} {more}"))]), no_room(lacking), "{words}");
        }
    }

    #[test]
    fn the_name_of_a_service_is_not_what_is_lacking() {
        for name in ["gpu-agent", "attribute-memory"] {
            let found = meaning(&service(name, 3).with_events([(30, FULL)]), at(0), at(60));
            assert_eq!(found, no_room(Lacking::Unnamed), "{name}");
        }
    }

    #[test]
    fn other_troubles_are_known_by_ecs_words() {
        for (words, cause) in [
            (IMPAIRED, Cause::TaskStartImpaired),
            (
                "was unable to stop or start tasks during a deployment because of the service deployment configuration. \
                 Update the minimumHealthyPercent or maximumPercent value and try again.",
                Cause::NoLeeway { desired: 3, minimum: 100, maximum: 200 },
            ),
            ("operations are being throttled. Will try again later.", Cause::OperationsThrottled),
            (
                "(instance i-1) (port 32875) is unhealthy in (target-group arn:1) due to (reason Health checks failed)",
                Cause::Unhealthy,
            ),
            ("(task 1) failed container health checks.", Cause::Unhealthy),
        ] {
            assert_eq!(meaning_of([(30, words)]), Meaning::Trouble(cause), "{words}");
        }
    }

    #[test]
    fn the_newest_with_a_meaning_wins() {
        let memory = format!("{FULL} insufficient memory");
        let events = [(50, "has stopped 1 running tasks: (task 1)."), (40, memory.as_str()), (30, FULL)];
        assert_eq!(meaning_of(events), no_room(Lacking::Memory));
        assert_eq!(meaning_of([(40, STARTED), (30, FULL)]), Meaning::Started);
        assert_eq!(meaning_of([(40, FULL), (30, STARTED)]), no_room(Lacking::Unnamed));
    }

    #[test]
    fn tasks_that_start_do_not_resolve_that_they_do_not_stay_up() {
        assert_eq!(meaning_of([(40, STARTED), (30, IMPAIRED)]), Meaning::Trouble(Cause::TaskStartImpaired));
        assert_eq!(
            meaning_of([(40, STARTED), (30, FULL), (20, IMPAIRED)]),
            Meaning::Trouble(Cause::TaskStartImpaired)
        );
    }

    #[test]
    fn a_steady_state_resolves_all_trouble_before_it() {
        assert_eq!(meaning_of([(40, STEADY), (30, IMPAIRED)]), Meaning::Nothing);
        assert_eq!(meaning_of([(40, STARTED), (30, STEADY), (20, IMPAIRED)]), Meaning::Started);
    }

    #[test]
    fn events_of_minutes_before_the_drain_are_of_its_time() {
        assert_eq!(meaning_of([(10, "something new"), (-300, FULL)]), no_room(Lacking::Unnamed));
        assert_eq!(meaning_of([(10, "something new"), (-301, FULL)]), Meaning::Nothing);
    }

    #[test]
    fn tasks_that_started_before_the_drain_are_no_replacements() {
        assert_eq!(meaning_of([(0, STARTED)]), Meaning::Started);
        assert_eq!(meaning_of([(-1, STARTED), (-2, FULL)]), Meaning::Nothing);
    }

    #[test]
    fn the_last_trouble_stands_as_long_as_ecs_would_not_log_it_again() {
        assert_eq!(meaning_of([(60 - 6 * 3600, FULL)]), no_room(Lacking::Unnamed));
        assert_eq!(meaning_of([(59 - 6 * 3600, FULL)]), Meaning::Nothing);
        assert_eq!(meaning_of([(-400, STEADY), (-500, FULL)]), Meaning::Nothing);
    }

    #[test]
    fn a_trouble_of_this_drain_stands_however_long_it_lasts() {
        let found = meaning(&service("web", 3).with_events([(30, FULL)]), at(0), at(100_000));
        assert_eq!(found, no_room(Lacking::Unnamed));
    }

    #[test]
    fn the_latest_event_is_shown_in_one_line_of_bounded_length() {
        let of =
            |message: &str| latest(&service("w", 1).with_events([(0, message), (-1, "old")]), at(0)).unwrap();
        assert_eq!(of("said\nthis \t twice"), "(service w) said this twice");
        let exact = "ü".repeat(SHOWN_CHARS - "(service w) ".len());
        assert_eq!(of(&exact), format!("(service w) {exact}"));
        let shown = of(&format!("{exact}ü"));
        assert_eq!((shown.chars().count(), shown.chars().last()), (SHOWN_CHARS, Some('…')));
    }

    #[test]
    fn an_event_of_before_the_drain_is_not_shown() {
        assert_eq!(latest(&service("w", 1).with_events([(-301, STEADY)]), at(0)), None);
    }
}
