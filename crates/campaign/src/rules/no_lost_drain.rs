//! Rule 3, no lost drain: whatever fails, the next delivery resumes.
//!
//! An invocation of the drainer that returns while an action that its payload tells of is open has published that very
//! message before, the same text to the topic that it came from: otherwise it must fail, so that Lambda runs the event
//! again. Only once the hook's own timeout has ended the action for certain (a heartbeat timeout after the drain's time
//! was up, or at the global timeout; 1 s is granted to a heartbeat under way) does it just return. What it can't read is
//! an error, too, and ends among the dead letters with its content.
//!
//! An event of the drainer's is given up only where three attempts on it came to nothing, each of which failed, ran out
//! of time or died; or with the loop detection left on; or at an age of six hours.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{EventId, GivenUp, InvocationEnd, InvocationId};

use super::invocations::{Ended, Invocation, Message, invocations, messages};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::{Breach, Rule};
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
        let actions = lifecycle_actions(entries, &played.scenario);
        let published = published(entries);
        let invocations = invocations(entries);
        for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
            let returned = |ended: &Ended<'_>| matches!(ended.how, InvocationEnd::Returned(_));
            let Some(ended) = invocation.ended.filter(returned) else { continue };
            if let Err(how) = hands_on(*id, invocation, ended, &actions, &published) {
                return Err(Breach { rule: self.name(), at: ended.at, how });
            }
        }
        self.given_up_rightly(played, &invocations)
    }
}

type Published<'a> = BTreeMap<InvocationId, BTreeSet<(&'a str, &'a str)>>;

fn hands_on(
    id: InvocationId,
    invocation: &Invocation<'_>,
    ended: Ended<'_>,
    actions: &BTreeMap<&str, LifecycleAction<'_>>,
    published: &Published<'_>,
) -> Result<(), String> {
    for message in messages(invocation.payload) {
        let notice = match message {
            Message::Terminating(notice) => notice,
            Message::Other => continue,
            Message::Unreadable => return Err(format!("[{}] took what it could not read", id.0)),
        };
        let Some(action) = actions.get(notice.token.as_str()) else { continue };
        let open =
            action.is_open_before(ended.position) && ended.at < action.expires_by() - HEARTBEAT_UNDER_WAY;
        let by_it = published.get(&id);
        if open && !by_it.is_some_and(|by_it| by_it.contains(&(notice.topic_arn, notice.text))) {
            return Err(format!("[{}] returned and left {} to nobody", id.0, action.instance));
        }
    }
    Ok(())
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
