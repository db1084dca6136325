//! How the hook's own timeout ends actions, and that it gets to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::drain_end::too_many_pages;
use super::{HEARTBEAT_TAKES, STEP_TAKES, Story, breach, is_serene, time_among, time_to_heartbeat};
use crate::rules::Breach;
use crate::rules::lifecycle_actions::{How, LifecycleAction};
use crate::rules::occupancy::Occupancy;
use crate::rules::stop_timeouts::StopTimeouts;
use crate::rules::waiting::calls_are_given_up;
use crate::scenario::OnTimeout;

/// No heartbeat is recorded past the drain's time, but while tasks are stopped late.
pub(super) fn heartbeats_end(story: &Story<'_>) -> Result<(), Breach> {
    let stops = story.played.scenario.drainer.on_drain_timeout == OnTimeout::StopTasks;
    let most = StopTimeouts::of(&story.played.scenario).most();
    let page = story.played.scenario.api.page_limit.unwrap_or(100).clamp(1, 100);
    let unanswered = hindered(story);
    let given_up = calls_are_given_up(&story.played.scenario);
    let tried = if stops { stop_calls(story) } else { BTreeMap::new() };
    let stopped = if stops { stops_on(story) } else { BTreeMap::new() };
    for (token, action) in &story.actions {
        let last = action.drain_ends() + HEARTBEAT_TAKES;
        let mut asked: BTreeSet<InvocationId> = BTreeSet::new();
        for (at, by) in &action.heartbeats {
            let Some(by) = by else { continue };
            let Some(place) = story.places.get(by) else { continue };
            let own = place.instance == action.instance.as_str();
            // One that was not answered told it nothing.
            let unanswered = unanswered.get(by).is_some_and(|all| all.range(..*at).next_back().is_some());
            let given_up = given_up && *at < story.calm_from;
            let asks = stops && (asked.insert(*by) || unanswered || given_up);
            let given = *at - action.stops_take(most) - HEARTBEAT_TAKES;
            let within = |all: &BTreeSet<DateTime<Utc>>| all.range(given..=*at).next().is_some();
            let after_stops =
                tried.get(by).is_some_and(within) || stopped.get(action.instance).is_some_and(within);
            let since_unknown = place.activities_unread || too_many_pages(place.most_waiting, page);
            if *at > last && !(asks || after_stops || !own && since_unknown) {
                return breach(
                    *at,
                    format!("action {token} is kept alive past the drain's time by [{}]", by.0),
                );
            }
        }
    }
    Ok(())
}

/// When each invocation called `StopTask`.
fn stop_calls(story: &Story<'_>) -> BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> {
    let mut calls: BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    for entry in story.played.world.history().entries() {
        if let (Some(by), Occurrence::ApiCalled { operation: Operation::StopTask, .. }) =
            (entry.by, &entry.what)
        {
            calls.entry(by).or_default().insert(entry.at);
        }
    }
    calls
}

/// When tasks on each instance began to stop.
pub(super) fn stops_on<'a>(story: &Story<'a>) -> BTreeMap<&'a Ec2InstanceId, BTreeSet<DateTime<Utc>>> {
    let mut stops: BTreeMap<&Ec2InstanceId, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    let mut occupancy = Occupancy::default();
    let mut homes = StopTimeouts::of(&story.played.scenario);
    for entry in story.played.world.history().entries() {
        occupancy.see(entry);
        homes.see(entry);
        if let Occurrence::TaskStopping { task, .. } = &entry.what
            && let Some(instance) = homes.home(task).and_then(|home| occupancy.ec2_instance(home))
        {
            stops.entry(instance).or_default().insert(entry.at);
        }
    }
    stops
}

/// A hook's own timeout ends an action only where the drainer could not help it.
pub(super) fn hooks_expire_rightly(story: &Story<'_>) -> Result<(), Breach> {
    let expired = |action: &LifecycleAction<'_>| {
        action.ended.filter(|ended| ended.how == How::Expired).map(|ended| ended.at)
    };
    let mut all_expired = story.actions.values().filter_map(|action| Some((action, expired(action)?)));
    if is_serene(&story.played.scenario)
        && let Some((action, at)) = all_expired.next()
    {
        return breach(at, format!("the hook of {} ran out, though nothing went wrong", action.instance));
    }
    let in_time = |action: &LifecycleAction<'_>| expired(action).filter(|at| *at < action.drain_ends());
    if story.actions.values().all(|action| in_time(action).is_none()) {
        return Ok(());
    }
    let hindered = hindered(story);
    for (token, action) in &story.actions {
        let Some(at) = in_time(action) else { continue };
        let since = at - action.timeouts.heartbeat;
        let takes = time_to_heartbeat(&story.played.scenario, action, since >= story.played.quiet_from);
        for id in story.works_on.get(token).into_iter().flatten() {
            let Some(place) = story.places.get(id) else { continue };
            let until = place.ended.map_or(at, |ended| ended.min(at));
            let worked = until - place.started.max(since);
            let own = place.instance == action.instance.as_str();
            let takes = if own && place.most_waiting == 1 {
                takes
            } else {
                takes + time_among(place.most_waiting, place.most_waiting)
            };
            // What hung before may have taken until then.
            let hindrances = hindered.get(id).map(|all| all.range(since - STEP_TAKES..=at).count());
            if worked > takes && hindrances.is_none_or(|count| count == 0) {
                let (instance, id) = (action.instance, id.0);
                return breach(at, format!("the hook of {instance} ran out while [{id}] worked on it"));
            }
        }
    }
    Ok(())
}

/// When calls of each invocation hung, or heartbeats or messages were not taken.
fn hindered(story: &Story<'_>) -> BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> {
    let mut hindered: BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    for entry in story.played.world.history().entries() {
        let (Some(by), Occurrence::ApiCalled { operation, outcome }) = (entry.by, &entry.what) else {
            continue;
        };
        let needed = matches!(operation, Operation::RecordLifecycleActionHeartbeat | Operation::Publish);
        if *outcome == CallOutcome::Hung || needed && *outcome != CallOutcome::Answered {
            hindered.entry(by).or_default().insert(entry.at);
        }
    }
    hindered
}
