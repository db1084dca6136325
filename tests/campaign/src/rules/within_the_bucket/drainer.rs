//! The reads of an invocation of the drainer, and that its message becomes one message at most.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::SETTLE;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{InvocationEnd, InvocationId};
use serde_json::Value;

use super::{BURST, INTERVAL, WINDOW, WithinTheBucket, is_read, page_size};
use crate::rules::invocations::notices;
use crate::rules::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use crate::rules::occupancy::Occupancy;
use crate::rules::waiting::{Place, places};
use crate::rules::{Breach, Rule};
use crate::scenario::OnTimeout;
use crate::stage::{DRAINER, Played};

/// The longest pause between two tries, and the longest step before it.
const TRY_TAKES: TimeDelta = TimeDelta::seconds(60);

/// A group that can't be read is waited for at least this long.
const GROUP_PATIENCE: TimeDelta = TimeDelta::seconds(45);

/// A publish that takes longer than this is tried again, though it may have taken effect.
const PUBLISH_PATIENCE_MS: u32 = 3000;

/// What a call takes at least.
const LATENCY_MS: u32 = 20;

#[derive(Default)]
struct Delivery<'a> {
    instances: Vec<&'a Ec2InstanceId>,
    reads: VecDeque<DateTime<Utc>>,
    /// What may make it read everything anew: changes of its instance, and calls that failed.
    reasons: VecDeque<DateTime<Utc>>,
    published: usize,
    /// The messages that AWS did not say that it took.
    doubtful: usize,
    records: usize,
    /// The reads of a look, and of everything, at their most: an instance that left is still told of for an hour.
    costs: (usize, usize),
    place: Option<Place>,
    /// When what there is to stop is read, at the earliest.
    plans_from: Option<DateTime<Utc>>,
    /// How much of the burst is used up, and when it was.
    used: f64,
    used_at: DateTime<Utc>,
}

/// What there is to stop is read every half a minute.
const PLANS: usize = 3;

/// What there is to stop is read so long before a drain's end, or in its second half.
const PLAN_AHEAD: TimeDelta = TimeDelta::seconds(600);

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    let entries = played.world.history().entries();
    let actions = lifecycle_actions(entries, &played.scenario);
    let mut places = places(entries, &played.scenario);
    let stops = played.scenario.drainer.on_drain_timeout == OnTimeout::StopTasks;
    let mut occupancy = Occupancy::default();
    let mut deliveries: BTreeMap<InvocationId, Delivery<'_>> = BTreeMap::new();
    let mut of_instances: BTreeMap<&Ec2InstanceId, Vec<InvocationId>> = BTreeMap::new();
    for entry in entries {
        if let Some(changed) = occupancy.see(entry) {
            for id in of_instances.get(changed).into_iter().flatten() {
                if let Some(delivery) = deliveries.get_mut(id) {
                    delivery.reasons.push_back(entry.at);
                }
            }
        }
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == DRAINER =>
            {
                let mut delivery = Delivery { place: places.remove(invocation), ..Delivery::default() };
                for notice in notices(payload) {
                    delivery.records += 1;
                    if let Some(action) = actions.get(notice.token.as_str()) {
                        delivery.instances.push(action.instance);
                        delivery.plans_from = stops.then(|| plans_from(action));
                        of_instances.entry(action.instance).or_default().push(*invocation);
                    }
                }
                delivery.grow(page_size(played), &occupancy);
                deliveries.insert(*invocation, delivery);
            }
            Occurrence::InvocationEnded { invocation, end } => {
                let Some(delivery) = deliveries.remove(invocation) else { continue };
                if delivery.has_read() && left_to_others(end) && !delivery.was_blind(entry.at) {
                    let how = format!("[{}] reads what it leaves to others", invocation.0);
                    return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
                }
                for instance in delivery.instances {
                    let of = of_instances.entry(instance).or_default();
                    of.retain(|id| id != invocation);
                }
            }
            Occurrence::ApiCalled { .. } | Occurrence::MessagePublished { .. } => {
                let found = entry.by.and_then(|by| deliveries.get_mut(&by).map(|delivery| (by, delivery)));
                let Some((by, delivery)) = found else { continue };
                delivery.grow(page_size(played), &occupancy);
                if let Err(how) = delivery.see(entry, played) {
                    let how = format!("[{}] {how}", by.0);
                    return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Delivery<'_> {
    fn see(&mut self, entry: &Entry, played: &Played) -> Result<(), String> {
        let Occurrence::ApiCalled { operation, outcome } = &entry.what else {
            self.published += 1;
            let calls = &played.scenario.disorder.calls;
            let slow = calls.slow_ms_max + calls.jitter_ms_max + LATENCY_MS >= PUBLISH_PATIENCE_MS;
            return if self.published > self.records + self.doubtful && !slow {
                Err(format!("publishes {} times", self.published))
            } else {
                Ok(())
            };
        };
        if *outcome != CallOutcome::Answered {
            self.reasons.push_back(entry.at);
            self.doubtful += usize::from(*operation == Operation::Publish);
        }
        let carries = self.place.as_ref().is_none_or(|place| place.may_carry(entry.at));
        if *operation == Operation::DescribeScalingActivities && !carries {
            return Err("takes others along, and is no carrier".to_owned());
        }
        if !is_read(*operation) {
            return Ok(());
        }
        let poll = TimeDelta::seconds(i64::from(played.scenario.drainer.poll_seconds.max(1)));
        let settle = TimeDelta::from_std(SETTLE).unwrap_or_default();
        self.reads.push_back(entry.at);
        self.keeps_the_pace(entry.at)?;
        let Some(place) = &self.place else { return Ok(()) };
        if !(carries || place.may_go_alone()) {
            return Err("reads, and is no carrier".to_owned());
        }
        if carries && place.most_waiting > 1 {
            self.forget_all(entry.at);
            return Ok(());
        }
        forget(&mut self.reads, entry.at - WINDOW);
        forget(&mut self.reasons, entry.at - WINDOW - settle - poll * 2 - TRY_TAKES * 2);
        let times = |time: TimeDelta| usize::try_from(time.num_seconds() / poll.num_seconds()).unwrap_or(0);
        let plans = if self.plans_from.is_some_and(|from| entry.at >= from) { PLANS } else { 0 };
        let everything = times(settle) + 4 + plans + self.reasons.len();
        let (look, all) = self.costs;
        let most = (times(WINDOW) + 1) * look + everything * all;
        if self.reads.len() > most {
            return Err(format!("makes {} reads in a minute, of {most} at most", self.reads.len()));
        }
        Ok(())
    }

    fn keeps_the_pace(&mut self, now: DateTime<Utc>) -> Result<(), String> {
        let passed = (now - self.used_at).as_seconds_f64() / INTERVAL;
        self.used = (self.used - passed).max(0.0) + 1.0;
        self.used_at = now;
        if self.used > BURST { Err("reads faster than its pace".to_owned()) } else { Ok(()) }
    }

    /// Whether it may have gone on by itself, as its group could not be read for so long, or AWS refused to tell of it.
    fn was_blind(&self, until: DateTime<Utc>) -> bool {
        let waited = |place: &Place| place.blind && until >= place.started + GROUP_PATIENCE;
        self.place.as_ref().is_some_and(|place| place.was_refused() || waited(place))
    }

    fn has_read(&self) -> bool {
        self.used > 0.0
    }

    /// What is bounded by the pace alone is not counted.
    fn forget_all(&mut self, now: DateTime<Utc>) {
        forget(&mut self.reads, now);
        forget(&mut self.reasons, now);
    }

    fn grow(&mut self, page: usize, occupancy: &Occupancy<'_>) {
        let (mut look, mut all) = (0, 0);
        for instance in &self.instances {
            let tasks = occupancy.of(instance).map(|occupied| occupied.ever);
            let pages = tasks.map(|tasks| (tasks.div_ceil(page) + 1) * 4);
            let tasks: usize = occupancy.of(instance).map(|occupied| occupied.ever).sum();
            look += tasks.div_ceil(100).max(1);
            all += pages.sum::<usize>() + occupancy.len().div_ceil(page).max(1) * 2 + 1;
        }
        self.costs = (look.max(self.costs.0).max(1), all.max(self.costs.1).max(3));
    }
}

fn plans_from(action: &LifecycleAction<'_>) -> DateTime<Utc> {
    action.drain_ends() - PLAN_AHEAD.min(action.timeouts.drain / 2)
}

fn left_to_others(end: &InvocationEnd) -> bool {
    let InvocationEnd::Returned(answer) = end else { return false };
    answer.pointer("/records/0/outcome").and_then(Value::as_str) == Some("left-to")
}

fn forget(times: &mut VecDeque<DateTime<Utc>>, before: DateTime<Utc>) {
    while times.front().is_some_and(|first| *first <= before) {
        times.pop_front();
    }
}
