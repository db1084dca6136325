//! Why ECS has not yet moved a service's tasks off the instance.

use chrono::{DateTime, Utc};

use super::cause::Cause;
use super::events::{Meaning, latest, meaning};
use crate::service::{SchedulingStrategy, Service};

/// The protected ones among a service's tasks on the instance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Protected {
    /// How many of them.
    pub(super) tasks: usize,
    /// Until when the last of them is.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Cause {
    pub(super) fn no_leeway(service: &Service) -> Self {
        Self::NoLeeway {
            desired: service.desired,
            minimum: service.minimum_healthy_percent,
            maximum: service.maximum_percent,
        }
    }
}

/// Why `to_move` tasks of `service` are still there. The first cause that applies wins: causes that
/// only somebody can change come before those that end on their own.
pub(super) fn cause(
    service: &Service,
    to_move: usize,
    protected: Protected,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Cause {
    let until = protected.until;
    if service.strategy == SchedulingStrategy::Daemon {
        return Cause::Daemon;
    }
    if !has_leeway(service) {
        return Cause::no_leeway(service);
    }
    if protected.tasks >= to_move {
        return Cause::Protected { until };
    }
    let meaning = meaning(service, began, now);
    if let Meaning::Trouble(cause) = meaning {
        return cause;
    }
    let Service { desired, running, pending, .. } = *service;
    if running != desired || pending > 0 || meaning == Meaning::Started {
        return Cause::Replacing { desired, running, pending };
    }
    if protected.tasks > 0 {
        return Cause::Protected { until };
    }
    Cause::Unknown(latest(service, began))
}

/// Returns whether ECS can stop a task before its replacement starts, or start the replacement
/// first. The minimum is rounded up and the maximum down (API reference,
/// `DeploymentConfiguration`). ECS can always stop tasks above the desired count.
fn has_leeway(service: &Service) -> bool {
    let desired = u64::from(service.desired);
    let minimum = (desired * u64::from(service.minimum_healthy_percent)).div_ceil(100);
    let maximum = desired * u64::from(service.maximum_percent) / 100;
    service.running > service.desired || desired == 0 || minimum < desired || maximum > desired
}

#[cfg(test)]
mod tests {
    use super::super::cause::Lacking;
    use super::super::fixture::{at, service};
    use super::*;

    const FULL: &str =
        "was unable to place a task because no container instance met all of its requirements.";
    const NONE: Protected = Protected { tasks: 0, until: None };

    /// Why two tasks are still there.
    fn why(service: &Service, protected: Protected) -> Cause {
        cause(service, 2, protected, at(0), at(60))
    }

    fn with_percents(desired: u32, minimum: u32, maximum: u32) -> Service {
        let percents = service("web", desired);
        Service { minimum_healthy_percent: minimum, maximum_percent: maximum, ..percents }
    }

    fn protected(tasks: usize) -> Protected {
        Protected { tasks, until: Some(at(600)) }
    }

    #[test]
    fn percentages_that_round_to_the_desired_count_leave_no_leeway() {
        for (desired, minimum, maximum) in
            [(1, 100, 100), (7, 100, 100), (1, 100, 150), (1, 50, 100), (1, 1, 199), (3, 67, 133)]
        {
            assert_eq!(
                why(&with_percents(desired, minimum, maximum), NONE),
                Cause::NoLeeway { desired, minimum, maximum }
            );
        }
    }

    #[test]
    fn one_task_more_or_less_is_leeway() {
        for (desired, minimum, maximum) in
            [(1, 100, 200), (1, 0, 100), (2, 50, 100), (3, 66, 100), (3, 100, 134)]
        {
            let percents = with_percents(desired, minimum, maximum);
            assert_eq!(why(&percents, NONE), Cause::Unknown(None), "{percents:?}");
        }
    }

    #[test]
    fn what_is_too_many_or_not_wanted_at_all_can_be_stopped() {
        let surplus = Service { running: 3, ..with_percents(2, 100, 100) };
        assert_eq!(why(&surplus, NONE), Cause::Replacing { desired: 2, running: 3, pending: 0 });
        let unwanted = Service { running: 0, ..with_percents(0, 100, 100) };
        assert_eq!(why(&unwanted, NONE), Cause::Unknown(None));
    }

    #[test]
    fn a_daemon_is_one_whatever_its_percentages() {
        let daemon = Service { strategy: SchedulingStrategy::Daemon, ..with_percents(1, 100, 100) };
        assert_eq!(why(&daemon, protected(2)), Cause::Daemon);
    }

    #[test]
    fn no_leeway_comes_before_a_protection_which_ends_on_its_own() {
        assert!(matches!(why(&with_percents(1, 100, 100), protected(2)), Cause::NoLeeway { .. }));
    }

    #[test]
    fn where_all_tasks_are_protected_it_is_the_protection() {
        let full = service("web", 3).with_events([(30, FULL)]);
        assert_eq!(why(&full, protected(2)), Cause::Protected { until: Some(at(600)) });
        assert_eq!(why(&full, protected(1)), Cause::NoRoom(Lacking::Unnamed));
    }

    #[test]
    fn where_one_is_protected_it_is_the_protection_if_nothing_else() {
        assert_eq!(why(&service("web", 3), protected(1)), Cause::Protected { until: Some(at(600)) });
    }

    #[test]
    fn trouble_comes_before_tasks_that_are_being_replaced() {
        let full = Service { running: 2, ..service("web", 3).with_events([(30, FULL)]) };
        assert_eq!(why(&full, NONE), Cause::NoRoom(Lacking::Unnamed));
    }

    #[test]
    fn fewer_running_pending_or_lately_started_are_replacements() {
        let web = || service("web", 3);
        let fewer = Service { running: 2, ..web() };
        assert_eq!(why(&fewer, NONE), Cause::Replacing { desired: 3, running: 2, pending: 0 });
        let pending = Service { pending: 1, ..web() };
        assert_eq!(why(&pending, protected(1)), Cause::Replacing { desired: 3, running: 3, pending: 1 });
        let started = web().with_events([(30, "has started 1 tasks: (task 1).")]);
        assert_eq!(why(&started, NONE), Cause::Replacing { desired: 3, running: 3, pending: 0 });
    }

    #[test]
    fn otherwise_ecss_last_words_are_the_cause() {
        let steady = service("web", 3).with_events([(30, "has reached a steady state.")]);
        let message = "(service web) has reached a steady state.".to_owned();
        assert_eq!(why(&steady, NONE), Cause::Unknown(Some(message)));
    }
}
