//! Every drain ends by its deadline, whatever is on the instance.

use chrono::TimeDelta;

use super::hook_timeout::stops_on;
use super::{Story, breach, time_among, time_for_stops, time_to_end};
use crate::rules::Breach;
use crate::rules::occupancy::Occupancy;
use crate::stage::DRAINER;

/// Of the invocations that begin after a drain's end, and the time of what was stopped late, so many may leave it open.
const MAY_LEAVE_OPEN: usize = 2;

/// An action whose drain's time is up ends within its time.
pub(super) fn comes(story: &Story<'_>) -> Result<(), Breach> {
    let mut occupancy = Occupancy::default();
    let mut tasks = 0;
    for entry in story.played.world.history().entries() {
        occupancy.see(entry);
        tasks +=
            usize::from(matches!(entry.what, fleetkeeper_sim::world::history::Occurrence::TaskPlaced { .. }));
    }
    let scenario = &story.played.scenario;
    let page = scenario.api.page_limit.unwrap_or(100).clamp(1, 100);
    let calls = (tasks + occupancy.len()).div_ceil(page) * 4 + 50;
    let stopped = stops_on(story);
    for (token, action) in &story.actions {
        let until = action.ended.map_or(story.played.world.now(), |ended| ended.at);
        if until < action.drain_ends().max(story.calm_from) {
            continue;
        }
        let mut left_open = 0;
        for id in story.works_on.get(token).into_iter().flatten() {
            let Some(place) = story.places.get(id) else { continue };
            let own = place.instance == action.instance.as_str();
            if !own && (place.activities_unread || too_many_pages(place.most_waiting, page)) {
                continue;
            }
            let ready = action.drain_ends().max(story.calm_since(*id)).max(place.started);
            let worked = place.ended.map_or(until, |ended| ended.min(until)) - ready;
            let takes = time_to_end(scenario, action, calls) + time_among(place.most_waiting, calls);
            if worked > takes {
                let how = format!("the drain of {} is over, and [{}] does not end it", action.instance, id.0);
                return breach(ready + takes, how);
            }
            let left = place.ended.is_some_and(|ended| ended < until) && own && place.most_waiting == 1;
            // Tasks that stop have their time, whoever stopped them when.
            let stops = stopped.get(action.instance).and_then(|all| all.range(..place.started).next_back());
            let over = action.drain_ends().max(story.calm_since(*id));
            let given = stops.map_or(over, |stopped| over.max(*stopped)) + time_for_stops(scenario, action);
            left_open += usize::from(left && worked > TimeDelta::zero() && place.started >= given);
            if left_open > MAY_LEAVE_OPEN {
                let how = format!("the drain of {} is over, and {DRAINER} hands on and on", action.instance);
                return breach(place.started, how);
            }
        }
    }
    Ok(())
}

/// Whether a group has more activities than pages of them are read.
pub(super) fn too_many_pages(waiting: usize, page: usize) -> bool {
    waiting > page * 30
}
