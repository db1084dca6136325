//! How the hook's own timeout ends actions, and that it gets to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::{HEARTBEAT_TAKES, STEP_TAKES, Story, breach, time_to_heartbeat};
use crate::rules::Breach;
use crate::rules::lifecycle_actions::{How, LifecycleAction};

/// No heartbeat is recorded past the drain's time.
pub(super) fn heartbeats_end(story: &Story<'_>) -> Result<(), Breach> {
    for (token, action) in &story.actions {
        let last = action.drain_ends() + HEARTBEAT_TAKES;
        let late = action.heartbeats.iter().find(|(at, by)| by.is_some() && *at > last);
        if let Some((at, _)) = late {
            return breach(*at, format!("action {token} is kept alive past the drain's time"));
        }
    }
    Ok(())
}

/// A hook's own timeout ends an action only where the drainer could not help it.
pub(super) fn hooks_expire_rightly(story: &Story<'_>) -> Result<(), Breach> {
    let expired = |action: &LifecycleAction<'_>| {
        action.ended.filter(|ended| ended.how == How::Expired).map(|ended| ended.at)
    };
    let in_time = |action: &LifecycleAction<'_>| expired(action).filter(|at| *at < action.drain_ends());
    if story.actions.values().all(|action| in_time(action).is_none()) {
        return Ok(());
    }
    let hindered = hindered(story);
    for (token, action) in &story.actions {
        let Some(at) = in_time(action) else { continue };
        let since = at - action.timeouts.heartbeat;
        let takes = time_to_heartbeat(&story.played.scenario, action, since >= story.played.quiet_from);
        for id in story.told.get(token).into_iter().flatten() {
            let Some(invocation) = story.invocations.get(id) else { continue };
            let until = invocation.ended.map_or(at, |ended| ended.at.min(at));
            let worked = until - invocation.started.max(since);
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
