//! Rule 2 as well: nothing goes on after its drain has ended.
//!
//! **A drain.** An invocation of a notice ends within two polls and 90 s of the end of its action.
//! A message whose action is not open at all ends within that of its own start. A message that
//! coordinated at some time, or was republished, ends within that of the end of the last action of
//! its group. Not every message says whether its instance is terminated. Once republished, such a
//! message may go on with an action that superseded its own.
//!
//! **A sweep** ends within 50 s of its start.
//!
//! Where another hook may hold an instance, its group does not show that its action at the
//! drainer's hook has ended. The next heartbeat does: there is a third of the longest heartbeat
//! timeout more.
//!
//! Time is counted from the invocation's last call that was not answered, where that is later: a
//! call that hangs is given up after [`CALL_TAKES`]. Where calls may be slow there is as much time
//! more.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{Notice, invocations, notices};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::waiting::{Place, places};
use super::{Breach, Rule, has_slow_calls};
use crate::scenario::Scenario;
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct NothingOutlivesItsDrain;

/// An invocation of a drain that has ended ends within two polls and this.
const ENDS_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// A sweep returns within this; 2 s are granted to a cold start.
const SWEEP_TAKES: TimeDelta = TimeDelta::seconds(50 + 2);

/// The most that a call may take that is given up, and the pause after it.
const CALL_TAKES: TimeDelta = TimeDelta::seconds(70);

/// The code of "No active Lifecycle Action found": an answer, and no trouble.
const NO_SUCH_ACTION: &str = "ValidationError";

impl Rule for NothingOutlivesItsDrain {
    fn name(&self) -> &'static str {
        "nothing outlives its drain"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let invocations = invocations(entries);
        let troubles = troubles(played);
        for (id, place) in &places(entries, &played.scenario) {
            let Some(invocation) = invocations.get(id) else { continue };
            let notice = notices(invocation.payload).into_iter().next();
            let says_action = notice.as_ref().is_none_or(Notice::names_its_action);
            let token = notice.map(|notice| notice.token);
            let ended = place.ended.unwrap_or(played.world.now());
            let limit = if place.is_sweep() {
                Some(place.started + SWEEP_TAKES)
            } else {
                last_end(&actions, place, (token.as_deref(), says_action), ended).map(|end| {
                    let poll = TimeDelta::seconds(i64::from(played.scenario.drainer.poll_seconds));
                    end + ENDS_WITHIN + poll * 2 + heartbeat_interval(&played.scenario)
                })
            };
            let Some(limit) = limit else { continue };
            let trouble = troubles.get(id).map(|last| *last + CALL_TAKES);
            let trouble = if place.is_sweep() { None } else { trouble };
            let limit = trouble.map_or(limit, |until| until.max(limit)) + slowness(&played.scenario);
            if ended > limit {
                let what = if place.is_sweep() { "goes on sweeping" } else { "goes on after its drain" };
                return Err(Breach { rule: self.name(), at: limit, how: format!("[{}] {what}", id.0) });
            }
        }
        Ok(())
    }
}

/// When all that an invocation may work on had ended; none where something of it was open until its
/// own end.
fn last_end(
    actions: &BTreeMap<&str, LifecycleAction<'_>>,
    place: &Place,
    (token, says_action): (Option<&str>, bool),
    ended: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut last = place.started;
    for (of, action) in actions {
        let own = token == Some(*of) || !says_action && place.is_about(action.instance.as_str());
        let coordinated = place.may_have_coordinated() && action.group == place.group;
        if !(own || coordinated) || action.opened > ended {
            continue;
        }
        last = last.max(action.ended.map(|end| end.at).filter(|end| *end <= ended)?);
    }
    Some(last)
}

/// The longest time between two heartbeats, where nothing else shows that an action has ended.
fn heartbeat_interval(scenario: &Scenario) -> TimeDelta {
    if !scenario.has_other_hooks() {
        return TimeDelta::zero();
    }
    TimeDelta::seconds(i64::from(scenario.longest_heartbeat_seconds() / 3))
}

fn slowness(scenario: &Scenario) -> TimeDelta {
    let calls = &scenario.disorder.calls;
    let slow = has_slow_calls(scenario) && calls.slow_ms_max > 1_000;
    if slow { CALL_TAKES } else { TimeDelta::zero() }
}

/// The last call of each invocation that was not answered.
fn troubles(played: &Played) -> BTreeMap<InvocationId, DateTime<Utc>> {
    let mut troubles = BTreeMap::new();
    for entry in played.world.history().entries() {
        if let (Some(by), Occurrence::ApiCalled { outcome, .. }) = (entry.by, &entry.what)
            && !matches!(outcome, CallOutcome::Answered | CallOutcome::Failed(NO_SUCH_ACTION))
        {
            troubles.insert(by, entry.at);
        }
    }
    troubles
}
