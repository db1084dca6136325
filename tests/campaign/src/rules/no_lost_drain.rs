//! Rule 3, no lost drain: whatever fails, the next delivery resumes.
//!
//! An invocation of the drainer that returns while the action of its notice is open has published
//! that very message before: the same text, to the topic that it came from. Otherwise it must fail,
//! so that Lambda runs the event again. It returns without that only
//!
//! - as `delegated`: at some time while it ran, another message of its group coordinated;
//! - once the hook's timeout has ended the action for certain: a heartbeat timeout after the last
//!   heartbeat that was recorded, or at the global timeout. 1 s is granted to a heartbeat under
//!   way;
//! - where AWS wrongly answered that there is no such action (a fault), and other hooks of the
//!   group explain that the instance still waits, or the group does not show it: it is on its way
//!   to a warm pool.
//!
//! **The others.** The rule looks at each invocation of the drainer that returns while any action
//! of its group is open. Unless the groups are swept, the invocation has published its message, or
//! another message of the group is alive. A message is alive while an invocation works on it, and
//! from its sending until the last invocation on it ends. One that is cut as a recursive loop is
//! alive until then. Some actions do not count:
//! - those whose hook is just about to end them, as above;
//! - those whose notice never reached the topic;
//! - those of instances on their way to a warm pool, which the group does not show;
//! - any where AWS wrongly answered as above;
//! - where the invocation delegated, those of a group whose messages went to the dead letters or
//!   were cut as a recursive loop;
//! - those that were delegated to a message that afterwards read its group only while no more than
//!   three instances waited: nothing in AWS shows a message that others were delegated to it, and
//!   of a few it leaves each to its own;
//! - those that were delegated to a message of which an invocation came to nothing: its knowledge
//!   is lost, and the next may see only a few;
//! - those that were delegated to a message that came late, and found its own action over: it
//!   looks like a message that is delivered twice.
//!
//! The sweep is the only standby, and drains both.
//!
//! A message that it cannot read is an error, too, and ends among the dead letters with its
//! content.
//!
//! An event of the drainer's is given up only where three attempts on it came to nothing: each of
//! them failed, timed out or died. Or with the loop detection left on; or at an age of six hours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{EventId, GivenUp, InvocationEnd, InvocationId};

use super::invocations::{
    Ended, Invocation, Message, Notice, answered, invocations, messages, notices, sent_at,
};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::waiting::{ALONE_AT_MOST, Place, places, to_warm_pool};
use super::{Breach, Rule};
use crate::scenario::Scenario;
use crate::stage::{DRAINER, Played};

/// See the module.
#[derive(Debug)]
pub struct NoLostDrain;

/// The attempts on an event.
const ATTEMPTS: u32 = 3;

/// How much later a heartbeat may reach AWS than it was decided on, here: a call takes 20 ms.
const HEARTBEAT_UNDER_WAY: TimeDelta = TimeDelta::seconds(1);

impl Rule for NoLostDrain {
    fn name(&self) -> &'static str {
        "no lost drain"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let entries = played.world.history().entries();
        let invocations = invocations(entries);
        let drains = Drains {
            scenario: &played.scenario,
            actions: lifecycle_actions(entries, &played.scenario),
            of_groups: of_groups(&invocations),
            noticed: noticed(&invocations),
            published: published(entries),
            wrongly_gone: wrongly_gone(played),
            first_given_up: given_up(entries).map(|(at, _)| at).next(),
            last_cut: given_up(entries).rfind(|(_, why)| *why == GivenUp::RecursiveLoop).map(|(at, _)| at),
            places: places(entries, &played.scenario),
            to_warm_pool: to_warm_pool(entries),
            invocations: &invocations,
            queues: played.scenario.drainer.reserved_concurrency.is_some(),
        };
        for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
            let returned = |ended: &Ended<'_>| matches!(ended.how, InvocationEnd::Returned(_));
            let Some(ended) = invocation.ended.filter(returned) else { continue };
            if let Err(how) = drains.goes_on(*id, invocation, ended) {
                return Err(Breach { rule: self.name(), at: ended.at, how });
            }
        }
        self.given_up_rightly(played, &invocations)
    }
}

type Published<'a> = BTreeMap<InvocationId, BTreeSet<(&'a str, &'a str)>>;

struct Drains<'a> {
    scenario: &'a Scenario,
    actions: BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: &'a BTreeMap<InvocationId, Invocation<'a>>,
    /// The invocations of each group's messages, the newest first.
    of_groups: BTreeMap<String, Vec<InvocationId>>,
    /// The tokens whose notices reached the drainer.
    noticed: BTreeSet<String>,
    published: Published<'a>,
    /// The invocations to which AWS wrongly answered that there is no such action.
    wrongly_gone: BTreeSet<InvocationId>,
    /// When a message of the drainer first went to the dead letters.
    first_given_up: Option<DateTime<Utc>>,
    /// When one was last cut as a recursive loop.
    last_cut: Option<DateTime<Utc>>,
    places: BTreeMap<InvocationId, Place>,
    to_warm_pool: BTreeSet<&'a str>,
    /// True if messages wait for others' invocations to end.
    queues: bool,
}

impl Drains<'_> {
    fn goes_on(&self, id: InvocationId, invocation: &Invocation<'_>, ended: Ended<'_>) -> Result<(), String> {
        for message in messages(invocation.payload) {
            let notice = match message {
                Message::Terminating(notice) => notice,
                Message::Sweep(_) | Message::Other => continue,
                Message::Unreadable => return Err(format!("[{}] accepted what it could not read", id.0)),
            };
            let by_it = self.published.get(&id);
            if by_it.is_some_and(|by_it| by_it.contains(&(notice.topic_arn, notice.text))) {
                continue;
            }
            let delegated = answered(ended.how, "outcome") == Some("delegated");
            let coordinated = self.places.get(&id).is_some_and(|place| !place.coordinators.is_empty());
            let own = self.actions.get(notice.token.as_str());
            let released = delegated && coordinated || self.wrongly_gone.contains(&id);
            if let Some(action) = own.filter(|action| !released && must_go_on(action, ended)) {
                return Err(format!("[{}] returned and left {} to nobody", id.0, action.instance));
            }
            self.leaves_others_alive(&notice.group, id, delegated, ended)?;
        }
        Ok(())
    }

    fn leaves_others_alive(
        &self,
        group: &str,
        id: InvocationId,
        delegated: bool,
        ended: Ended<'_>,
    ) -> Result<(), String> {
        let given_up = self.first_given_up.is_some_and(|at| at <= ended.at);
        let denied = !self.wrongly_gone.is_empty();
        if self.scenario.drainer.sweeps || delegated && given_up || denied {
            return Ok(());
        }
        let known = |token: &str| self.noticed.contains(token) && !self.to_warm_pool.contains(token);
        let mut of_group =
            self.actions.iter().filter(|(token, action)| action.group == group && known(token));
        let left = of_group.find(|(token, action)| {
            must_go_on(action, ended) && !self.is_unknown_to_its_coordinator(token, ended)
        });
        let Some((token, left)) = left else { return Ok(()) };
        let queued = self.is_queued(token) || self.coordinator_is_queued(token, ended);
        if self.is_alive(group, id, ended) || queued || given_up || self.is_about_to_be_cut(token, ended) {
            return Ok(());
        }
        Err(format!("[{}] returned as the last of its group, and {} waits", id.0, left.instance))
    }

    /// Returns whether an action was delegated to a message that has seen only a few wait since, or
    /// of which an invocation came to nothing. The same holds for a message that was itself
    /// delegated so. It holds for one that ended its own drain and left the others to a lower one.
    fn is_unknown_to_its_coordinator(&self, token: &str, ended: Ended<'_>) -> bool {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut last = self.last_return(|notice| notice.token == token, ended);
        while let Some(answer) = last {
            let Some(coordinator) = answered(answer.how, "coordinator").filter(|it| seen.insert(it)) else {
                return self.left_to_a_lost_one(&seen, ended);
            };
            if self.came_to_nothing(coordinator, ended)
                || self.sees_only_few(coordinator, answer, ended)
                || self.came_too_late(coordinator, answer, ended)
            {
                return true;
            }
            last = self.last_return(|notice| notice.instance == coordinator, ended);
        }
        false
    }

    /// Returns whether one of these coordinated until a lower message did, of which an invocation
    /// came to nothing. The retry of that invocation may find its own action over, completed by an
    /// answer that was lost, and cannot know that it coordinated: the sweep finds the others.
    fn left_to_a_lost_one(&self, coordinators: &BTreeSet<&str>, by: Ended<'_>) -> bool {
        let its = |it: &&Place| it.instance.as_deref().is_some_and(|own| coordinators.contains(own));
        self.places.values().filter(its).any(|place| {
            let lower = |next: &&String| place.instance.as_ref().is_some_and(|own| *next < own);
            place.coordinators.iter().filter(lower).any(|next| self.came_to_nothing(next, by))
        })
    }

    /// The last invocation to end on a message.
    fn last_return(&self, is_it: impl Fn(&Notice<'_>) -> bool, by: Ended<'_>) -> Option<Ended<'_>> {
        let about = |it: &&Invocation<'_>| notices(it.payload).iter().any(&is_it);
        let ends = self.invocations.values().filter(about).filter_map(|it| it.ended);
        ends.filter(|it| it.position <= by.position).max_by_key(|it| it.position)
    }

    /// The places of a coordinator that could know of what was delegated to it at a time.
    fn places_after(
        &self,
        coordinator: &str,
        since: Ended<'_>,
        by: Ended<'_>,
    ) -> impl Iterator<Item = &Place> + Clone {
        self.places.values().filter(move |it| {
            it.is_about(coordinator) && it.ended.is_none_or(|end| end > since.at) && it.started <= by.at
        })
    }

    /// Returns whether a coordinator has read its group only while a few waited, since something
    /// was delegated to it.
    fn sees_only_few(&self, coordinator: &str, since: Ended<'_>, by: Ended<'_>) -> bool {
        let mut its = self.places_after(coordinator, since, by);
        let few =
            |it: &Place| it.readings.iter().all(|(at, waiting)| *at < since.at || *waiting <= ALONE_AT_MOST);
        its.clone().next().is_some() && its.all(few)
    }

    /// Returns whether a coordinator's actions so far were over before each invocation that could
    /// know of what was delegated to it.
    fn came_too_late(&self, coordinator: &str, since: Ended<'_>, by: Ended<'_>) -> bool {
        let its = self.places_after(coordinator, since, by);
        let over_by = |time| {
            let own = self.actions.values().filter(|action| action.instance.as_str() == coordinator);
            let mut begun = own.filter(|action| action.opened <= time);
            begun.all(|action| action.ended.is_some_and(|ended| ended.at <= time))
        };
        its.clone().next().is_some() && its.map(|it| it.started).all(over_by)
    }

    /// Returns whether an invocation on the message of an instance failed, timed out or died.
    fn came_to_nothing(&self, instance: &str, by: Ended<'_>) -> bool {
        let about =
            |it: &&Invocation<'_>| notices(it.payload).iter().any(|notice| notice.instance == instance);
        let mut ends = self.invocations.values().filter(about).filter_map(|it| it.ended);
        ends.any(|it| it.position <= by.position && !matches!(it.how, InvocationEnd::Returned(_)))
    }

    /// Returns whether no invocation has returned yet on an action's message, and others use all of
    /// the concurrency: Lambda keeps the event, or its retry.
    fn is_queued(&self, token: &str) -> bool {
        let returned = |it: &Invocation<'_>| {
            let about_it = notices(it.payload).iter().any(|notice| notice.token == token);
            about_it && it.ended.is_some_and(|ended| matches!(ended.how, InvocationEnd::Returned(_)))
        };
        self.queues && !self.invocations.values().any(returned)
    }

    /// The same for the message that an action was delegated to last.
    fn coordinator_is_queued(&self, token: &str, ended: Ended<'_>) -> bool {
        let answer = self.last_return(|notice| notice.token == token, ended);
        let coordinator = answer.and_then(|answer| answered(answer.how, "coordinator"));
        let began = |instance: &str| self.last_return(|notice| notice.instance == instance, ended).is_some();
        self.queues && coordinator.is_some_and(|coordinator| !began(coordinator))
    }

    /// Returns whether an action's message was on its way, to be cut as a recursive loop later: no
    /// invocation shows it.
    fn is_about_to_be_cut(&self, token: &str, ended: Ended<'_>) -> bool {
        let answer = self.last_return(|notice| notice.token == token, ended);
        let republished = answer.is_some_and(|it| answered(it.how, "outcome") == Some("republished"));
        republished && self.last_cut.is_some_and(|at| at > ended.at)
    }

    /// Returns whether another message of the group was alive when an invocation ended.
    fn is_alive(&self, group: &str, id: InvocationId, ended: Ended<'_>) -> bool {
        let others = self.of_groups.get(group).into_iter().flatten().filter(|other| **other != id);
        let mut others = others.filter_map(|other| self.invocations.get(other));
        others.any(|other| {
            let goes_on = other.ended.is_none_or(|its| its.position > ended.position);
            let sent = sent_at(other.payload).unwrap_or(other.started);
            goes_on && (other.started <= ended.at || sent <= ended.at)
        })
    }
}

/// Returns whether an action is open, and not just about to be ended by its hook's timeout.
fn must_go_on(action: &LifecycleAction<'_>, ended: Ended<'_>) -> bool {
    let open = action.opened <= ended.at && action.is_open_before(ended.position);
    open && ended.at < action.expires_after(ended.at) - HEARTBEAT_UNDER_WAY
}

fn of_groups(invocations: &BTreeMap<InvocationId, Invocation<'_>>) -> BTreeMap<String, Vec<InvocationId>> {
    let mut of_groups: BTreeMap<String, Vec<InvocationId>> = BTreeMap::new();
    for (id, invocation) in invocations.iter().rev().filter(|(_, it)| it.function == DRAINER) {
        for notice in notices(invocation.payload) {
            of_groups.entry(notice.group).or_default().push(*id);
        }
    }
    of_groups
}

fn noticed(invocations: &BTreeMap<InvocationId, Invocation<'_>>) -> BTreeSet<String> {
    let of_drainer = invocations.values().filter(|it| it.function == DRAINER);
    of_drainer.flat_map(|it| notices(it.payload)).map(|notice| notice.token).collect()
}

/// When messages of the drainer's went to the dead letters, and why.
fn given_up(entries: &[Entry]) -> impl DoubleEndedIterator<Item = (DateTime<Utc>, GivenUp)> {
    entries.iter().filter_map(|entry| match &entry.what {
        Occurrence::EventGivenUp { function, why, .. } if function.as_ref() == DRAINER => {
            Some((entry.at, *why))
        }
        _ => None,
    })
}

/// The invocations that a fault made believe that an action is over. Other hooks explain why its
/// instance still waits, or a warm pool why the group does not show it.
fn wrongly_gone(played: &Played) -> BTreeSet<InvocationId> {
    let scenario = &played.scenario;
    let mut groups = scenario.clusters.iter().flat_map(|cluster| &cluster.groups);
    let explained = scenario.has_other_hooks() || groups.any(|group| group.warm_pool.is_some());
    let denied = scenario.denies_open_actions();
    let misled = |entry: &Entry| match &entry.what {
        Occurrence::ApiCalled { outcome: CallOutcome::Failed("ValidationError"), .. } => entry.by,
        _ => None,
    };
    let entries = played.world.history().entries().iter();
    if explained && denied { entries.filter_map(misled).collect() } else { BTreeSet::new() }
}

/// What each invocation published: topic and text.
fn published(entries: &[Entry]) -> Published<'_> {
    let mut published: Published<'_> = BTreeMap::new();
    for entry in entries {
        if let (Some(by), Occurrence::MessagePublished { topic_arn, message, .. }) = (entry.by, &entry.what) {
            published.entry(by).or_default().insert((topic_arn, message));
        }
    }
    published
}

impl NoLostDrain {
    fn given_up_rightly(
        &self,
        played: &Played,
        invocations: &BTreeMap<InvocationId, Invocation<'_>>,
    ) -> Result<(), Breach> {
        // Copies of an event have separate attempts.
        let mut to_nothing: BTreeMap<(EventId, u32), u32> = BTreeMap::new();
        for invocation in invocations.values() {
            if invocation.ended.is_some_and(|ended| !matches!(ended.how, InvocationEnd::Returned(_))) {
                *to_nothing.entry((invocation.event, invocation.attempt)).or_default() += 1;
            }
        }
        let mut given_up: BTreeMap<EventId, u32> = BTreeMap::new();
        for entry in played.world.history().entries() {
            let Occurrence::EventGivenUp { function, event, why } = &entry.what else { continue };
            if function.as_ref() != DRAINER {
                continue;
            }
            let rightly = match why {
                GivenUp::RetriesExhausted => {
                    let times = given_up.entry(*event).or_default();
                    *times += 1;
                    let came_to_nothing = |attempt| to_nothing.get(&(*event, attempt)).copied().unwrap_or(0);
                    (1..=ATTEMPTS).all(|attempt| came_to_nothing(attempt) >= *times)
                }
                GivenUp::RecursiveLoop => played.scenario.drainer.recursion_terminated,
                GivenUp::EventAgeExceeded => played.scenario.drainer.reserved_concurrency.is_some(),
            };
            if !rightly {
                let how = format!("event {} was given up: {why}", event.0);
                return Err(Breach { rule: self.name(), at: entry.at, how });
            }
        }
        Ok(())
    }
}
