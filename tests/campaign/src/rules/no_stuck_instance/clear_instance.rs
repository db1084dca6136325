//! The action on a clear instance ends as soon as the world is calm.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::{InvocationEnd, InvocationId};

use super::{Duty, Story, breach, time_to_complete, time_to_see_it_empty};
use crate::rules::invocations::notices;
use crate::rules::membership::Membership;
use crate::rules::occupancy::Occupancy;
use crate::rules::waiting::Place;
use crate::rules::within_the_bucket::{is_read, page_size};
use crate::rules::{Breach, longest_lag};
use crate::stage::DRAINER;

/// An instance that registers anew while an invocation drains it is found within this.
const SOUGHT_ANEW: TimeDelta = TimeDelta::seconds(310);

/// The duration of a round of many reads, for each of them.
const READ_TAKES: TimeDelta = TimeDelta::milliseconds(120);

/// The hosts as the history goes on, and since when each is clear.
struct Watch<'a> {
    story: &'a Story<'a>,
    occupancy: Occupancy<'a>,
    membership: Membership<'a>,
    /// None for an instance that is not clear. One that was never in a cluster always was.
    clear_since: BTreeMap<&'a Ec2InstanceId, Option<DateTime<Utc>>>,
    /// How often each invocation has read ECS.
    reads: BTreeMap<InvocationId, i32>,
}

/// An action on an instance that is clear ends within its time.
pub(super) fn ends(story: &Story<'_>) -> Result<(), Breach> {
    let entries = story.played.world.history().entries();
    let mut of_instances: BTreeMap<&Ec2InstanceId, Vec<&str>> = BTreeMap::new();
    let mut ends: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (token, action) in &story.actions {
        of_instances.entry(action.instance).or_default().push(token);
        ends.entry(action.ended.map_or(entries.len(), |ended| ended.position)).or_default().push(token);
    }
    let mut watch = Watch {
        story,
        occupancy: Occupancy::default(),
        membership: Membership::of(&story.played.scenario),
        clear_since: BTreeMap::new(),
        reads: BTreeMap::new(),
    };
    for (position, entry) in entries.iter().enumerate() {
        for token in ends.get(&position).into_iter().flatten() {
            watch.in_time(token, position, entry.at)?;
        }
        watch.membership.see(entry);
        if let (Some(by), Occurrence::ApiCalled { operation, .. }) = (entry.by, &entry.what)
            && is_read(*operation)
        {
            *watch.reads.entry(by).or_default() += 1;
        }
        if let Occurrence::InvocationEnded { invocation, end } = &entry.what {
            watch.invocation_ends(*invocation, end, position, entry.at)?;
        }
        let Some(touched) = watch.occupancy.see(entry) else { continue };
        for token in of_instances.get(touched).into_iter().flatten() {
            watch.in_time(token, position, entry.at)?;
        }
        let mut counted = watch.occupancy.of(touched).filter(|it| !it.is_ghost());
        let clear = counted.all(|it| it.unfinished.is_empty() && is_settled(&it.status));
        watch.clear_since.insert(touched, clear.then_some(entry.at));
    }
    let last = ends.get(&entries.len()).into_iter().flatten();
    last.into_iter().try_for_each(|token| watch.in_time(token, entries.len(), story.played.world.now()))
}

/// REGISTERING, say, is waited for.
fn is_settled(status: &ContainerInstanceStatus) -> bool {
    matches!(status, ContainerInstanceStatus::Active | ContainerInstanceStatus::Draining)
}

impl Watch<'_> {
    /// Since when an instance is clear and the world calm.
    fn ready_since(&self, instance: &Ec2InstanceId) -> Option<DateTime<Utc>> {
        let clear_since =
            self.clear_since.get(instance).copied().unwrap_or(Some(DateTime::<Utc>::MIN_UTC))?;
        Some(clear_since.max(self.story.calm_from))
    }

    /// Returns whether the instances take more reads, because of small pages, than an invocation
    /// makes in its time.
    fn has_too_many_pages(&self, duty: &Duty) -> bool {
        duty.waiting > page_size(self.story.played) * 20
    }

    /// Returns whether no part of an instance takes tasks.
    fn is_draining(&self, instance: &Ec2InstanceId) -> bool {
        self.occupancy.of(instance).all(|occupied| occupied.status != ContainerInstanceStatus::Active)
    }

    /// No duty has lasted for too long by now on an action that was open until now.
    fn in_time(&self, token: &str, position: usize, now: DateTime<Utc>) -> Result<(), Breach> {
        if now < self.story.calm_from {
            return Ok(());
        }
        let Some(action) = self.story.actions.get(token) else { return Ok(()) };
        let over = action.ended.is_some_and(|ended| ended.position < position);
        let Some(ready) = self.ready_since(action.instance).filter(|_| !over) else { return Ok(()) };
        let tasks: usize = self.occupancy.of(action.instance).map(|occupied| occupied.ever).sum();
        // Pages of lists and batches of descriptions: of the tasks, and where filters are ignored
        // of the whole cluster.
        let calls = (tasks + self.occupancy.len()) * 4 + 50;
        let gone = self.occupancy.of(action.instance).next().is_none();
        let registered = self.occupancy.of(action.instance).map(|it| it.registered).max();
        for duty in self.story.duties.get(token).into_iter().flatten() {
            let until = duty.until.map_or(now, |until| until.min(now));
            let mut takes = time_to_complete(&self.story.played.scenario, duty, calls, gone);
            if registered.is_some_and(|at| at + longest_lag(&self.story.played.scenario) >= duty.from) {
                takes += SOUGHT_ANEW;
            }
            let from = duty.from.max(ready).max(action.opened).max(self.story.calm_since(duty, until));
            let late = until - from > takes && (duty.own || !self.has_too_many_pages(duty));
            if late && self.story.is_found_or_known_gone(&self.membership, action, from, now) {
                let by = duty.by.map_or("no sweep".to_owned(), |id| format!("[{}] never", id.0));
                return breach(until, format!("{} is clear, and {by} completes its hook", action.instance));
            }
        }
        Ok(())
    }

    /// An invocation that had a clear instance before it from its start has completed the hook.
    fn invocation_ends(
        &self,
        id: InvocationId,
        end: &InvocationEnd,
        position: usize,
        now: DateTime<Utc>,
    ) -> Result<(), Breach> {
        let Some(invocation) = self.story.invocations.get(&id) else { return Ok(()) };
        let killed = matches!(end, InvocationEnd::Killed(_));
        if killed || invocation.function != DRAINER || now < self.story.calm_from {
            return Ok(());
        }
        for notice in notices(invocation.payload) {
            let Some(action) = self.story.actions.get(notice.token.as_str()) else { continue };
            self.in_time(&notice.token, position, now)?;
            let lone = self.story.places.get(&id).is_some_and(Place::is_lone);
            let untroubled = !self.story.last_trouble.contains_key(&id) && self.is_draining(action.instance);
            let there = self.membership.was_in_cluster(action.group, action.instance, now);
            let ready = self.ready_since(action.instance).filter(|_| untroubled && lone && there);
            let reading = READ_TAKES * self.reads.get(&id).copied().unwrap_or_default();
            let had_time =
                now - invocation.started >= time_to_see_it_empty(&self.story.played.scenario) + reading;
            let open = action.is_open_before(position) && now < action.expires_after(now);
            if open && had_time && ready.is_some_and(|ready| invocation.started >= ready) {
                let how =
                    format!("{} was clear for all of [{}], which ended before it", action.instance, id.0);
                return breach(now, how);
            }
        }
        Ok(())
    }
}
