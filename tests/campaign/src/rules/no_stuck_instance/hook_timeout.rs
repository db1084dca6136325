//! A hook's own timeout ends an action only where the drainer could not help it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::{Story, breach, is_serene};
use crate::rules::lifecycle_actions::{How, LifecycleAction};
use crate::rules::membership::Membership;
use crate::rules::{Breach, has_slow_calls};

/// The most that a call may take that is given up.
const CALL_TAKES: TimeDelta = TimeDelta::seconds(60);

pub(super) fn hooks_expire_rightly(story: &Story<'_>) -> Result<(), Breach> {
    let expired = |action: &LifecycleAction<'_>| {
        action.ended.filter(|ended| ended.how == How::Expired).map(|ended| ended.at)
    };
    let sure = |action: &LifecycleAction<'_>| story.sure.get(action.group).copied().unwrap_or(false);
    let all_expired = story.actions.iter().filter(|(_, action)| sure(action));
    let all_expired = all_expired.filter_map(|(token, action)| Some((token, action, expired(action)?)));
    let serene = is_serene(&story.played.scenario);
    let calls = &story.played.scenario.disorder.calls;
    let slow = has_slow_calls(&story.played.scenario) && calls.slow_ms_max > 2_000;
    let mut hindered = None;
    for (token, action, at) in all_expired {
        let has_notice = story.duties.contains_key(token);
        let in_time = at < action.opened + action.timeouts.global;
        if serene && has_notice && in_time && is_known_at(story, action, at) {
            return breach(at, format!("the hook of {} ran out, though nothing went wrong", action.instance));
        }
        if at >= action.drain_ends() || slow && at < story.calm_from {
            continue;
        }
        let hindered: &BTreeMap<_, _> = hindered.get_or_insert_with(|| hindrances(story));
        let since = at - action.timeouts.heartbeat;
        for duty in story.duties.get(token).into_iter().flatten() {
            let Some(id) = duty.by else { continue };
            let throughout = duty.from <= since && duty.until.is_none_or(|until| until >= at);
            let answered = hindered.get(&id).is_none_or(|all: &BTreeSet<DateTime<Utc>>| {
                all.range(since - CALL_TAKES..=at).next().is_none()
            });
            if throughout && answered {
                let (instance, id) = (action.instance, id.0);
                return breach(at, format!("the hook of {instance} ran out while [{id}] worked on it"));
            }
        }
    }
    Ok(())
}

/// Returns whether the drainer could find an instance, or know that it is gone, for a minute before
/// its hook ran out.
fn is_known_at(story: &Story<'_>, action: &LifecycleAction<'_>, at: DateTime<Utc>) -> bool {
    let mut membership = Membership::of(&story.played.scenario);
    let entries = story.played.world.history().entries().iter();
    entries.take_while(|entry| entry.at < at).for_each(|entry| membership.see(entry));
    story.is_found_or_known_gone(&membership, action, at - CALL_TAKES, at)
}

/// When calls of each invocation hung, or its heartbeats, messages or reads of the hook were not
/// answered.
fn hindrances(story: &Story<'_>) -> BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> {
    let mut hindered: BTreeMap<InvocationId, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    for entry in story.played.world.history().entries() {
        let (Some(by), Occurrence::ApiCalled { operation, outcome }) = (entry.by, &entry.what) else {
            continue;
        };
        let needed = matches!(
            operation,
            Operation::RecordLifecycleActionHeartbeat
                | Operation::Publish
                | Operation::DescribeLifecycleHooks
                | Operation::DescribeAutoScalingGroups
        );
        if *outcome == CallOutcome::Hung || needed && *outcome != CallOutcome::Answered {
            hindered.entry(by).or_default().insert(entry.at);
        }
    }
    hindered
}
