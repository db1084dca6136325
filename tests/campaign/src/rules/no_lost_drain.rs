//! Rule 3, no lost drain: whatever fails, the next delivery resumes.
//!
//! An invocation of the drainer that returns while the action that its message tells of is open has published that very
//! message before, the same text to the topic that it came from: otherwise it must fail, so that Lambda runs the event
//! again. It just returns only
//!
//! - where the instance is left to others: at some time while the invocation ran, as many instances of the group as there
//!   are carriers waited that have a lower id;
//! - once the hook's own timeout has ended the action for certain: a heartbeat timeout after the last heartbeat that was
//!   recorded, the action's opening included, or at the global timeout. 1 s is granted to a heartbeat under way.
//!
//! What is left to others is left to somebody: whenever an invocation of the drainer returns while any action of its group
//! is open, the invocation has published its message, or another message of the group is alive. That is one on which an
//! invocation works, or one that was sent before and that an invocation is still to begin to work on, for the first time or
//! again. Only of an action that its hook is just about to end, as above, nobody has to know; and one that leaves its
//! instance to others does not know that their messages are dead letters: those of as many that wait as there are carriers.
//! Nor has one to know of others that AWS refused to tell of its group, and never told, or that counts on such a one.
//!
//! What it can't read is an error, too, and ends among the dead letters with its content.
//!
//! An event of the drainer's is given up only where three attempts on it came to nothing, each of which failed, ran out
//! of time or died; or with the loop detection left on; or at an age of six hours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::drain::CARRIERS;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{EventId, GivenUp, InvocationEnd, InvocationId};

use super::invocations::{Ended, Invocation, Message, invocations, messages, notices, sent_at};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::waiting::{Place, places, to_warm_pool};
use super::{Breach, Rule};
use crate::stage::{DRAINER, Played};

/// See the module.
#[derive(Debug)]
pub struct NoLostDrain;

/// The attempts on an event.
const ATTEMPTS: u32 = 3;

/// Of what waited so shortly before it may have read.
const JUST_BEFORE: TimeDelta = TimeDelta::seconds(1);

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
            actions: lifecycle_actions(entries, &played.scenario),
            of_groups: of_groups(&invocations),
            published: published(entries),
            dead_letters: dead_letters(entries, &invocations),
            first_cut: entries.iter().find(|entry| is_cut(&entry.what)).map(|entry| entry.at),
            places: places(entries, &played.scenario),
            to_warm_pool: to_warm_pool(entries),
            invocations: &invocations,
            queues: played.scenario.drainer.reserved_concurrency.is_some(),
        };
        for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
            let returned = |ended: &Ended<'_>| matches!(ended.how, InvocationEnd::Returned(_));
            let Some(ended) = invocation.ended.filter(returned) else { continue };
            if let Err(how) = drains.hands_on(*id, invocation, ended) {
                return Err(Breach { rule: self.name(), at: ended.at, how });
            }
        }
        self.given_up_rightly(played, &invocations)
    }
}

type Published<'a> = BTreeMap<InvocationId, BTreeSet<(&'a str, &'a str)>>;

struct Drains<'a> {
    actions: BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: &'a BTreeMap<InvocationId, Invocation<'a>>,
    /// The invocations of each group, the newest first.
    of_groups: BTreeMap<String, Vec<InvocationId>>,
    published: Published<'a>,
    dead_letters: Vec<(DateTime<Utc>, String)>,
    /// When Lambda first cut a chain of invocations as a recursive loop: whether those that others count on were cut is not
    /// to be known, and the template allows them all.
    first_cut: Option<DateTime<Utc>>,
    places: BTreeMap<InvocationId, Place>,
    to_warm_pool: BTreeSet<&'a str>,
    /// Whether messages wait for others' invocations to end.
    queues: bool,
}

impl Drains<'_> {
    fn hands_on(
        &self,
        id: InvocationId,
        invocation: &Invocation<'_>,
        ended: Ended<'_>,
    ) -> Result<(), String> {
        let follows = self.places.get(&id).is_some_and(Place::may_follow);
        for message in messages(invocation.payload) {
            let notice = match message {
                Message::Terminating(notice) => notice,
                Message::Other => continue,
                Message::Unreadable => return Err(format!("[{}] took what it could not read", id.0)),
            };
            let by_it = self.published.get(&id);
            if by_it.is_some_and(|by_it| by_it.contains(&(notice.topic_arn, notice.text))) {
                continue;
            }
            let own = self.actions.get(notice.token.as_str());
            if let Some(action) = own.filter(|action| !follows && has_to_go_on(action, ended)) {
                return Err(format!("[{}] returned and left {} to nobody", id.0, action.instance));
            }
            let told_of = self.actions.iter().filter(|(token, _)| !self.to_warm_pool.contains(*token));
            let mut of_group = told_of.filter(|(_, action)| action.group == notice.group);
            let left = of_group.find(|(_, action)| has_to_go_on(action, ended));
            let Some((token, left)) = left else { continue };
            let unknowingly = self.one_was_told_nothing(&notice.group, ended)
                || follows && (self.carriers_are_dead(ended) || self.chains_were_cut(ended));
            let alive = self.is_alive(&notice.group, id, ended) || self.is_queued(token);
            if !alive && !unknowingly {
                let how =
                    format!("[{}] returned as the last of its group, and {} waits", id.0, left.instance);
                return Err(how);
            }
        }
        Ok(())
    }

    /// Whether as many instances as there are carriers still wait, or did so just before, of which the messages are dead
    /// letters.
    fn carriers_are_dead(&self, ended: Ended<'_>) -> bool {
        let dead = self.dead_letters.iter().filter(|(at, _)| *at <= ended.at).map(|(_, token)| token);
        let tokens: BTreeSet<_> = dead.collect();
        let waits = |token: &&&String| {
            self.actions.get(token.as_str()).is_some_and(|action| {
                let ended_before = action.ended.filter(|its| its.position < ended.position);
                ended_before.is_none_or(|its| its.at >= ended.at - JUST_BEFORE)
            })
        };
        tokens.iter().filter(waits).count() >= CARRIERS
    }

    /// Whether AWS refused to tell an invocation of its group, this one or one that others count on, and never told.
    fn one_was_told_nothing(&self, group: &str, ended: Ended<'_>) -> bool {
        let mut before = self.places.values().filter(|it| it.group == group && it.started <= ended.at);
        before.any(Place::is_told_nothing)
    }

    /// Whether no invocation has begun yet on an action's message: others take all that may run at once.
    fn is_queued(&self, token: &str) -> bool {
        let begun = |it: &Invocation<'_>| notices(it.payload).iter().any(|notice| notice.token == token);
        self.queues && !self.invocations.values().any(begun)
    }

    /// Whether Lambda has cut chains of invocations before.
    fn chains_were_cut(&self, ended: Ended<'_>) -> bool {
        self.first_cut.is_some_and(|cut| cut <= ended.at)
    }

    /// Whether another message of the group was alive when an invocation ended.
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

/// Whether an action is open, and not just about to be ended by its hook's timeout.
fn has_to_go_on(action: &LifecycleAction<'_>, ended: Ended<'_>) -> bool {
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

fn is_cut(what: &Occurrence) -> bool {
    matches!(what, Occurrence::EventGivenUp { why: GivenUp::RecursiveLoop, .. })
}

/// When messages were given up after three tries, and of which actions they told.
fn dead_letters(
    entries: &[Entry],
    invocations: &BTreeMap<InvocationId, Invocation<'_>>,
) -> Vec<(DateTime<Utc>, String)> {
    let of_drainer = invocations.values().filter(|it| it.function == DRAINER && it.attempt == ATTEMPTS);
    let tokens: BTreeMap<EventId, String> =
        of_drainer.filter_map(|it| Some((it.event, notices(it.payload).into_iter().next()?.token))).collect();
    let given_up = |entry: &Entry| match &entry.what {
        Occurrence::EventGivenUp { event, why: GivenUp::RetriesExhausted, .. } => {
            Some((entry.at, tokens.get(event)?.clone()))
        }
        _ => None,
    };
    entries.iter().filter_map(given_up).collect()
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
        // Copies of an event have attempts of their own.
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
