//! Rule 2, no stuck instance: every hook ends, by the drainer wherever the drainer could end it.
//!
//! An instance is *clear* since nothing on it changed any more, with every task on it STOPPED. The world is *calm* from
//! [`trouble_lasts`] after it became quiet: a call that never answers is given up after 60 s (a step) and 10 s (reading
//! the hook, a heartbeat), and then a try is paused for 60 s or a poll interval, whichever is longer. For an invocation
//! that ECS's request rates hold up it is calm as long after the last call that they refused. For an action of the
//! drainer's hook:
//!
//! - An invocation that works on it completes it within [`time_to_complete`] of the instance being clear, the world calm
//!   and its own start: the instance must be seen empty for `SETTLE`, and once more where listed tasks are missing, both
//!   rounded up to whole polls; a poll to see it clear and one to see it DRAINING; and 40 ms a call, of as many as a look
//!   may take.
//! - Where the instance is no longer in the cluster it has a minute more, in which that is noticed.
//! - Past the drain's time that holds of an instance that is DRAINING: one that is ACTIVE is not touched any more.
//! - An invocation that began when all that was so, the instance DRAINING, does not end before it: it neither hands on
//!   nor fails nor runs out of time. Else short invocations could hand on for ever. (It may be killed.)
//! - No function records a heartbeat later than 10 s, the most that one may take, after the drain's time was up.
//! - Its hook's own timeout ends it only where the drain's time was up, or where the drainer could not help it: in the
//!   last heartbeat timeout no invocation worked on it for as long as a heartbeat takes to fall due and be sent
//!   ([`time_to_heartbeat`]), but for those whose calls hung or whose heartbeats or messages AWS did not take. That is so
//!   where all attempts died and the event is a dead letter, where one waits for its retry or an environment, and where
//!   Lambda's loop detection cut the chain.
//!
//! What is left open when the history ends then is a drain that still goes on, or one whose hook's own timeout is still
//! to come. An invocation without the time to see an instance empty refuses to work, and is passed over.

mod clear_instance;
mod hook_timeout;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::drain::SETTLE;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{Invocation, invocations, notices};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::{Breach, Rule};
use crate::scenario::Scenario;
use crate::stage::{DRAINER, Played};

/// See the module.
#[derive(Debug)]
pub struct NoStuckInstance;

/// The most that a heartbeat, or reading the hook, may take.
const HEARTBEAT_TAKES: TimeDelta = TimeDelta::seconds(10);

/// The most that the calls of one step may take together.
const STEP_TAKES: TimeDelta = TimeDelta::seconds(60);

/// The shortest heartbeat timeout that Auto Scaling takes.
const HEARTBEAT_LEAST: TimeDelta = TimeDelta::seconds(30);

impl Rule for NoStuckInstance {
    fn name(&self) -> &'static str {
        "no stuck instance"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let story = Story::of(played);
        hook_timeout::heartbeats_end(&story)?;
        hook_timeout::hooks_expire_rightly(&story)?;
        if has_time_to_see_it_empty(&played.scenario) { clear_instance::goes(&story) } else { Ok(()) }
    }
}

/// How long trouble goes on when nothing goes wrong any more.
fn trouble_lasts(scenario: &Scenario) -> TimeDelta {
    STEP_TAKES + HEARTBEAT_TAKES * 2 + TimeDelta::seconds(60).max(poll_interval(scenario))
}

/// How long an invocation takes at most from the instance being clear, with so many calls for a look.
fn time_to_complete(scenario: &Scenario, calls: usize) -> TimeDelta {
    let calls = TimeDelta::milliseconds(40) * i32::try_from(calls).unwrap_or(i32::MAX);
    (settle() + poll_interval(scenario)) * 2 + poll_interval(scenario) * 2 + calls
}

/// How long an invocation takes at most until it has recorded a heartbeat: a third of the timeout until one is due, and
/// where calls are slow a step's calls, two on the hook, and the pause to the next step: a heartbeat that falls due in the
/// midst of a step waits until then.
fn time_to_heartbeat(scenario: &Scenario, action: &LifecycleAction<'_>, quiet: bool) -> TimeDelta {
    let interval = action.timeouts.heartbeat.max(HEARTBEAT_LEAST) / 3;
    let calls = &scenario.disorder.calls;
    let slow = !quiet && (calls.slow_per_mille > 0 || calls.jitter_ms_max > 200);
    let pause = interval.min(poll_interval(scenario));
    let step = interval.min(STEP_TAKES) + HEARTBEAT_TAKES * 2 + pause;
    let slowness = if slow { step } else { TimeDelta::zero() };
    interval + TimeDelta::seconds(5) + slowness
}

fn poll_interval(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(i64::from(scenario.drainer.poll_seconds))
}

fn settle() -> TimeDelta {
    TimeDelta::from_std(SETTLE).unwrap_or_default()
}

fn has_time_to_see_it_empty(scenario: &Scenario) -> bool {
    let plan = &scenario.drainer;
    let works_for = TimeDelta::seconds(i64::from(plan.timeout_seconds))
        - TimeDelta::seconds(i64::from(plan.margin_seconds));
    works_for > settle() + poll_interval(scenario)
}

/// The drainer's side of a history.
struct Story<'a> {
    played: &'a Played,
    actions: BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: BTreeMap<InvocationId, Invocation<'a>>,
    /// The invocations that were told of an action, by its token.
    told: BTreeMap<&'a str, Vec<InvocationId>>,
    calm_from: DateTime<Utc>,
    /// The last call of each invocation that was not answered as asked: once it is quiet, by ECS's request rates.
    last_trouble: BTreeMap<InvocationId, DateTime<Utc>>,
}

impl<'a> Story<'a> {
    fn of(played: &'a Played) -> Self {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let invocations = invocations(entries);
        let mut told: BTreeMap<&str, Vec<InvocationId>> = BTreeMap::new();
        for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
            for notice in notices(invocation.payload) {
                if let Some((token, _)) = actions.get_key_value(notice.token.as_str()) {
                    told.entry(token).or_default().push(*id);
                }
            }
        }
        let calm_from = played.quiet_from + trouble_lasts(&played.scenario);
        Self { played, actions, invocations, told, calm_from, last_trouble: last_trouble(entries) }
    }
}

fn last_trouble(entries: &[Entry]) -> BTreeMap<InvocationId, DateTime<Utc>> {
    let mut last = BTreeMap::new();
    for entry in entries {
        if let (Some(by), Occurrence::ApiCalled { outcome, .. }) = (entry.by, &entry.what)
            && *outcome != CallOutcome::Answered
        {
            last.insert(by, entry.at);
        }
    }
    last
}

fn breach(at: DateTime<Utc>, how: String) -> Result<(), Breach> {
    Err(Breach { rule: NoStuckInstance.name(), at, how })
}
