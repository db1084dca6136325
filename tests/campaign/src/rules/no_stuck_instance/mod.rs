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
//!   may take. On an instance work the invocations of its own message, and those that carry its group. Where several of
//!   the group wait, they have besides: 30 s until they are seen to wait, 45 s for which they leave each other's instances
//!   alone, 120 s in which a group that can't be read is waited for, and twice the time of a round, paced: 340 ms a read, of
//!   which there are seven for each instance that waits.
//! - Where the instance is no longer in the cluster it has a minute more, in which that is noticed.
//! - An invocation that began when all that was so, the instance DRAINING, and in whose time no other instance of the group
//!   waits, does not end before it: it neither hands on nor fails nor runs out of time, unless its reads, paced, left it
//!   none. Else short invocations could hand on
//!   for ever. (It may be killed.)
//! - Whatever is on the instance, an invocation that works on it completes it within [`time_to_end`] of the drain's end,
//!   the world calm and its own start: within the above, and with the policy `stop-tasks` the time that tasks are given
//!   that are stopped only then. Of invocations that began after the drain's end and that time, in a calm world, the third
//!   does not leave it open: the first stops what there is, the second completes it.
//! - No function records a heartbeat later than 10 s, the most that one may take, after the drain's time was up; with
//!   the policy `stop-tasks`, but for one that is answered of each invocation, by which it asks whether the action is still
//!   open, its own or one that it carries (and may not have had to know of before), and those while tasks are given their time that it stopped, or tried to stop.
//! - In a serene history ([`is_serene`]) a hook's own timeout ends no action.
//! - Elsewhere it does only where the drain's time was up, or where the drainer could not help it: in the last heartbeat
//!   timeout no invocation worked on it for as long as a heartbeat takes to fall due and be sent
//!   ([`time_to_heartbeat`]), but for those whose calls hung or whose heartbeats or messages AWS did not take. That is so
//!   where all attempts died and the event is a dead letter, where one waits for its retry or an environment, and where
//!   Lambda's loop detection cut the chain.
//!
//! An invocation that could not read since when the others of its group wait takes them to have begun just then: of the
//! drain's end it is not asked to know, but for its own instance.
//!
//! What is left open when the history ends then is a drain that still goes on, or one whose hook's own timeout is still
//! to come. An invocation without the time to see an instance empty refuses to work, and is passed over.

mod clear_instance;
mod drain_end;
mod hook_timeout;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::drain::SETTLE;
use fleetkeeper_sim::world::disorder::Disorder;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{Invocation, invocations};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::stop_timeouts::StopTimeouts;
use super::waiting::{Place, places, to_warm_pool};
use super::{Breach, Rule};
use crate::scenario::{OnTimeout, Scenario};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct NoStuckInstance;

/// The most that a heartbeat, or reading the hook, may take.
const HEARTBEAT_TAKES: TimeDelta = TimeDelta::seconds(10);

/// The most that the calls of one step may take together.
const STEP_TAKES: TimeDelta = TimeDelta::seconds(60);

/// A group is read this often.
const SEEN_TO_WAIT: TimeDelta = TimeDelta::seconds(30);

/// The most that a carrier leaves another's instance to the carriers before it.
const LEFT_ALONE: TimeDelta = TimeDelta::seconds(45);

/// The most that a group is waited for that can't be read: 45 s, and what spreads the invocations over a minute and more.
const GROUP_UNREAD: TimeDelta = TimeDelta::seconds(45 + 75);

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
        if has_time_to_see_it_empty(&played.scenario) {
            clear_instance::goes(&story)?;
            drain_end::comes(&story)?;
        }
        Ok(())
    }
}

/// Whether nothing ever goes wrong, and nothing holds up a function: a history in which no hook runs out.
fn is_serene(scenario: &Scenario) -> bool {
    let (drainer, api) = (&scenario.drainer, &scenario.api);
    let unhindered = drainer.reserved_concurrency.is_none() && !drainer.recursion_terminated;
    let answered = scenario.faults.is_empty() && api.request_rates.is_none() && !api.filters_ignored;
    unhindered && answered && scenario.disorder == Disorder::default() && has_time_to_see_it_empty(scenario)
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

/// What an invocation has besides where so many of its group wait.
fn time_among(waiting: usize, calls: usize) -> TimeDelta {
    if waiting <= 1 {
        return TimeDelta::zero();
    }
    let reads = i32::try_from(waiting * 7 + calls).unwrap_or(i32::MAX);
    SEEN_TO_WAIT + LEFT_ALONE + GROUP_UNREAD + TimeDelta::milliseconds(340) * reads * 2
}

/// How long an invocation takes at most from the drain's end to the action's.
fn time_to_end(scenario: &Scenario, action: &LifecycleAction<'_>, calls: usize) -> TimeDelta {
    time_to_complete(scenario, calls) + time_for_stops(scenario, action)
}

/// The time that tasks are given that are stopped only at the drain's end.
fn time_for_stops(scenario: &Scenario, action: &LifecycleAction<'_>) -> TimeDelta {
    if scenario.drainer.on_drain_timeout == OnTimeout::StopTasks {
        action.stops_take(StopTimeouts::of(scenario).most()) + poll_interval(scenario)
    } else {
        TimeDelta::zero()
    }
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
    places: BTreeMap<InvocationId, Place>,
    /// The invocations that worked on an action, by its token.
    works_on: BTreeMap<&'a str, Vec<InvocationId>>,
    calm_from: DateTime<Utc>,
    /// The last call of each invocation that was not answered as asked: once it is quiet, by ECS's request rates.
    last_trouble: BTreeMap<InvocationId, DateTime<Utc>>,
}

impl<'a> Story<'a> {
    fn of(played: &'a Played) -> Self {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let invocations = invocations(entries);
        let places = places(entries, &played.scenario);
        let mut of_groups: BTreeMap<&str, Vec<InvocationId>> = BTreeMap::new();
        for (id, place) in &places {
            of_groups.entry(&place.group).or_default().push(*id);
        }
        let mut works_on: BTreeMap<&str, Vec<InvocationId>> = BTreeMap::new();
        let to_warm_pool = to_warm_pool(entries);
        for (token, action) in &actions {
            let of_group = of_groups.get(action.group).into_iter().flatten();
            let of_group = of_group.filter(|id| places.get(id).is_some_and(|it| works_on_it(it, action)));
            // The group tells of none that goes to its warm pool: its own message's invocations alone know of it.
            let own =
                |id: &InvocationId| places.get(id).is_some_and(|it| it.instance == action.instance.as_str());
            let meanwhile = of_group.filter(|id| !to_warm_pool.contains(token) || own(id));
            works_on.insert(token, meanwhile.copied().collect());
        }
        let calm_from = played.quiet_from + trouble_lasts(&played.scenario);
        let last_trouble = last_trouble(entries);
        Self { played, actions, invocations, places, works_on, calm_from, last_trouble }
    }

    /// Since when an invocation has been calm.
    fn calm_since(&self, id: InvocationId) -> DateTime<Utc> {
        let own = self.last_trouble.get(&id).map(|at| *at + trouble_lasts(&self.played.scenario));
        own.map_or(self.calm_from, |own| own.max(self.calm_from))
    }
}

/// Whether an invocation worked on an action: its own instance's, where it was a carrier all the time, or another's.
fn works_on_it(place: &Place, action: &LifecycleAction<'_>) -> bool {
    let works = !place.may_follow() || place.may_go_alone() && place.instance == action.instance.as_str();
    let meanwhile = action.ended.is_none_or(|ended| place.started <= ended.at)
        && place.ended.is_none_or(|ended| action.opened <= ended);
    works && meanwhile
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
