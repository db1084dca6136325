//! Rule 2, no stuck instance: every hook ends, by the drainer wherever the drainer could end it.
//!
//! **The duty to end an action** falls on three. First, the invocations of its own notice that did
//! not delegate. Second, those that coordinate its group, from when they must know of it on: 80 s
//! after their message became the coordinating one. Third, where groups are swept, the sweeps, from
//! three minutes after the action was opened on.
//!
//! **When.** An instance is *clear* from the time on at which every task on it has STOPPED; ghosts
//! do not count. The world is *calm* from [`trouble_lasts`] after it became quiet. For an
//! invocation whose calls ECS's request rates refuse, it is calm as long after the last of them.
//! For the sweeps it is calm as long after the last call that was refused to any of them. An action
//! that an invocation must end does end within [`time_to_complete`] of three things: the instance
//! is clear, the world is calm, and the invocation has started.
//!
//! ```text
//! 40 s + 4 polls + 60 ms * calls         one instance that waits alone
//! + 75 s                                 it is not in the cluster
//! + 310 s                                it registers anew meanwhile
//! + 90 s + 120 ms * reads                others of the group wait
//! + 150 s + half of the heartbeat timeout, 450 s at most
//!                                        it is left to the sweeps
//! ```
//!
//! An instance that is not in its group's configured cluster is exempt. It is not exempt where its
//! hook's metadata leave no doubt and another instance of the group is there.
//!
//! - An invocation that began when all that was so, the instance DRAINING, and in whose time no
//!   other instance of the group waits, does not end before the action, where it had 15 s and two
//!   polls. It neither republishes nor fails. Otherwise short invocations could republish forever.
//!   (It may be killed.)
//! - Once the drain timeout has passed, with the policies `continue` and `abandon` the action ends
//!   within the same time. Of invocations that began after that in a calm world, the third does not
//!   leave it open. With the policy `stop-tasks` every task is stopped within that time (of
//!   invocations of 15 s or more the third does not leave one running), and the action ends within
//!   that time from 30 s before the hook's global timeout on.
//! - In a serene history ([`is_serene`]) a hook's own timeout ends no action on an instance that
//!   the drainer finds, or knows to be gone.
//! - Elsewhere it does only once the drain timeout has passed, or where no invocation that must end
//!   the action was at work throughout the last heartbeat timeout, with its calls answered.

mod clear_instance;
mod drain_timeout;
mod hook_timeout;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::disorder::Disorder;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{Invocation, answered, invocations, notices};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::membership::Membership;
use super::waiting::{Place, places, to_warm_pool};
use super::{Breach, Rule, calm_from, trouble_lasts};
use crate::scenario::{Metadata, Scenario};
use crate::set_up::{configured_cluster, group_name};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct NoStuckInstance;

/// The time from a clear instance to the end of its hook, besides polls and calls.
const COMPLETES: TimeDelta = TimeDelta::seconds(40);

/// An instance that is not in the cluster is waited for this long.
const NOT_IN_CLUSTER: TimeDelta = TimeDelta::seconds(75);

/// A group is read about each minute.
const GROUP_READ: TimeDelta = TimeDelta::seconds(90);

/// A coordinator learns of an instance that begins to wait within this.
const LEARNS: TimeDelta = TimeDelta::seconds(80);

/// A sweep leaves an action to its message for two minutes, and the next one may come a minute
/// later.
const SWEPT_AFTER: TimeDelta = TimeDelta::seconds(180);

/// Two more sweeps, and what each of them takes.
const SWEEPS_TAKE: TimeDelta = TimeDelta::seconds(150);

/// The longest pause of the sweeps between two polls of an instance that is DRAINING: somebody else
/// may drain it. An environment that did not set it DRAINING cannot know that nobody does.
const SWEEPS_PAUSE_MAX: TimeDelta = TimeDelta::seconds(450);

impl Rule for NoStuckInstance {
    fn name(&self) -> &'static str {
        "no stuck instance"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let story = Story::of(played);
        hook_timeout::hooks_expire_rightly(&story)?;
        if has_time_to_see_it_empty(&played.scenario) {
            clear_instance::ends(&story)?;
            drain_timeout::ends(&story)?;
        }
        Ok(())
    }
}

/// Returns whether nothing ever goes wrong, and nothing holds up a function: a history in which no
/// hook runs out.
fn is_serene(scenario: &Scenario) -> bool {
    let (drainer, api) = (&scenario.drainer, &scenario.api);
    let unhindered = drainer.reserved_concurrency.is_none() && !drainer.recursion_terminated;
    let answered = scenario.faults.is_empty() && api.request_rates.is_none() && !api.filters_ignored;
    unhindered && answered && scenario.disorder == Disorder::default() && has_time_to_see_it_empty(scenario)
}

fn poll_interval(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(i64::from(scenario.drainer.poll_seconds))
}

/// The time that an invocation needs to see one empty instance through.
fn time_to_see_it_empty(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(15) + poll_interval(scenario) * 2
}

fn has_time_to_see_it_empty(scenario: &Scenario) -> bool {
    let plan = &scenario.drainer;
    let works_for = TimeDelta::seconds(i64::from(plan.timeout_seconds))
        - TimeDelta::seconds(i64::from(plan.margin_seconds));
    works_for > time_to_see_it_empty(scenario)
}

/// The invocation that must end an action, from when until when.
#[derive(Debug)]
struct Duty {
    /// The invocation; none for the sweeps together.
    by: Option<InvocationId>,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    /// The most that waited of its group.
    waiting: usize,
    /// True if it is the action of its own notice.
    own: bool,
}

/// The drainer's side of a history.
struct Story<'a> {
    played: &'a Played,
    actions: BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: BTreeMap<InvocationId, Invocation<'a>>,
    places: BTreeMap<InvocationId, Place>,
    duties: BTreeMap<&'a str, Vec<Duty>>,
    /// The groups whose drainer is sure of their cluster.
    sure: BTreeMap<String, bool>,
    calm_from: DateTime<Utc>,
    /// The last call of each invocation that was not answered as asked: once it is quiet, by ECS's
    /// request rates.
    last_trouble: BTreeMap<InvocationId, DateTime<Utc>>,
    /// When ECS's request rates refused a sweep's calls.
    sweeps_refused: Vec<DateTime<Utc>>,
}

impl<'a> Story<'a> {
    fn of(played: &'a Played) -> Self {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let invocations = invocations(entries);
        let places = places(entries, &played.scenario);
        let duties = duties(played, &actions, &invocations, &places);
        let sweeps_refused = sweeps_refused(played, &places);
        Self {
            played,
            actions,
            invocations,
            places,
            duties,
            sure: sure(&played.scenario),
            calm_from: calm_from(played),
            last_trouble: last_trouble(entries),
            sweeps_refused,
        }
    }

    /// Since when the world has been calm, by a time, for what has a duty.
    fn calm_since(&self, duty: &Duty, by: DateTime<Utc>) -> DateTime<Utc> {
        let own = match &duty.by {
            Some(id) => self.last_trouble.get(id),
            None => self.sweeps_refused.iter().rev().find(|at| **at <= by),
        };
        let own = own.map(|at| *at + trouble_lasts(&self.played.scenario));
        own.map_or(self.calm_from, |own| own.max(self.calm_from))
    }

    /// Returns whether the drainer can know that an instance is not in the cluster, or finds it
    /// there.
    fn is_found_or_known_gone(
        &self,
        membership: &Membership<'_>,
        action: &LifecycleAction<'_>,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let sure = self.sure.get(action.group).copied().unwrap_or(false);
        membership.was_in_cluster(action.group, action.instance, now)
            || sure && membership.another_is_in_cluster(action.group, action.instance, since)
    }
}

/// How long what has a duty takes at most.
fn time_to_complete(scenario: &Scenario, duty: &Duty, calls: usize, gone: bool) -> TimeDelta {
    let times = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let mut takes = COMPLETES + poll_interval(scenario) * 4 + TimeDelta::milliseconds(60) * times(calls);
    if gone {
        takes += NOT_IN_CLUSTER;
    }
    if duty.waiting > 1 {
        takes += GROUP_READ + TimeDelta::milliseconds(120) * times(duty.waiting * 10 + calls);
    }
    if duty.by.is_none() {
        let longest = scenario.longest_heartbeat_seconds();
        takes += SWEEPS_TAKE + TimeDelta::seconds(i64::from(longest / 2)).min(SWEEPS_PAUSE_MAX);
    }
    takes
}

fn duties<'a>(
    played: &'a Played,
    actions: &BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: &BTreeMap<InvocationId, Invocation<'_>>,
    places: &BTreeMap<InvocationId, Place>,
) -> BTreeMap<&'a str, Vec<Duty>> {
    let to_warm_pool = to_warm_pool(played.world.history().entries());
    let mut duties: BTreeMap<&str, Vec<Duty>> = BTreeMap::new();
    for (id, place) in places.iter().filter(|(_, place)| !place.is_sweep()) {
        let Some(invocation) = invocations.get(id) else { continue };
        let notice = notices(invocation.payload).into_iter().next();
        let own = notice.and_then(|notice| actions.get_key_value(notice.token.as_str()));
        let delegated = invocation.ended.is_some_and(|it| answered(it.how, "outcome") == Some("delegated"));
        if let Some((token, action)) = own.filter(|_| !delegated) {
            let from = place.started.max(action.opened);
            let waiting = place.most_waiting;
            let duty = Duty { by: Some(*id), from, until: place.ended, waiting, own: true };
            duties.entry(token).or_default().push(duty);
        }
        let Some((knows_from, knows_until)) = place.must_coordinate() else { continue };
        let until = [place.ended, knows_until].into_iter().flatten().min();
        let of_group = actions.iter().filter(|(_, action)| action.group == place.group);
        let others = of_group.filter(|(token, action)| {
            !place.is_about(action.instance.as_str()) && !to_warm_pool.contains(*token)
        });
        for (token, action) in others {
            let from = knows_from.max(action.opened + LEARNS);
            let duty = Duty { by: Some(*id), from, until, waiting: place.most_waiting, own: false };
            duties.entry(token).or_default().push(duty);
        }
    }
    if played.scenario.drainer.sweeps && played.scenario.drainer.reserved_concurrency.is_none() {
        let most = places.values().map(|place| place.most_waiting).max().unwrap_or(0);
        for (token, action) in actions.iter().filter(|(token, _)| !to_warm_pool.contains(*token)) {
            let from = action.opened + SWEPT_AFTER;
            let duty = Duty { by: None, from, until: None, waiting: most, own: false };
            duties.entry(token).or_default().push(duty);
        }
    }
    duties
}

fn sure(scenario: &Scenario) -> BTreeMap<String, bool> {
    let mut sure = BTreeMap::new();
    for (cluster, plan) in scenario.clusters.iter().enumerate() {
        for (group, plan) in plan.groups.iter().enumerate() {
            let understood = matches!(plan.metadata, Metadata::Named | Metadata::Absent);
            let right = configured_cluster(scenario, cluster, group) == crate::set_up::cluster_name(cluster);
            sure.insert(group_name(cluster, group), understood && right);
        }
    }
    sure
}

fn sweeps_refused(played: &Played, places: &BTreeMap<InvocationId, Place>) -> Vec<DateTime<Utc>> {
    if played.scenario.api.request_rates.is_none() {
        return Vec::new();
    }
    let entries = played.world.history().entries().iter();
    let refused = entries.filter(|entry| {
        let throttled = matches!(
            &entry.what,
            Occurrence::ApiCalled { outcome: CallOutcome::Failed("ThrottlingException"), .. }
        );
        throttled && entry.by.and_then(|by| places.get(&by)).is_some_and(Place::is_sweep)
    });
    refused.map(|entry| entry.at).collect()
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
