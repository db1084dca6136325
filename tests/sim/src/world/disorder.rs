//! What deliveries, invocations and calls go through besides outright faults: duplicates, delays,
//! disorder, functions that are killed. AWS promises at least once, not once, not at once and not
//! in order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::lambda::invocation::{AwaitPoint, Death};
use super::{Operation, World};

/// How bad it is. The default is a calm world: everything is delivered once and at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disorder {
    /// Messages from SNS to a function.
    pub messages: Deliveries,
    /// Events from EventBridge to a function.
    pub events: Deliveries,
    /// Invocations of functions.
    pub invocations: Invocations,
    /// Calls of functions on AWS's APIs.
    pub calls: Calls,
}

/// Faults of deliveries. Where some are late and others are not, their order is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// This many in a thousand come twice.
    pub twice_per_mille: u32,
    /// This many in a thousand are late, each copy separately.
    pub late_per_mille: u32,
    /// By this many seconds at most.
    pub late_seconds_max: u32,
}

/// Faults of functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocations {
    /// This many in a thousand die on the way: out of memory, a host that fails.
    pub killed_per_mille: u32,
    /// They die where they wait for the nth time, n from 1 to this.
    pub killed_by_await: u32,
    /// This many in a thousand of them die where they wait for a call that cannot be undone. Most
    /// wait for reads.
    #[serde(default)]
    pub killed_in_the_act_per_mille: u32,
    /// The call that some die in: a rare one is seldom met by chance.
    #[serde(default)]
    pub killed_in: Option<Operation>,
    /// This many in a thousand die on their way to that call or while they wait for its answer, if
    /// they make it.
    #[serde(default)]
    pub killed_in_per_mille: u32,
    /// Lambda delivers this many events in a thousand once more after they came to an end.
    pub twice_per_mille: u32,
    /// This many environments in a thousand are not used again: the next invocation is a cold one.
    pub recycled_per_mille: u32,
}

/// How long calls take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Up to this many milliseconds more than the ports' own latency.
    pub jitter_ms_max: u32,
    /// This many in a thousand are slow.
    pub slow_per_mille: u32,
    /// By this many milliseconds at most.
    pub slow_ms_max: u32,
}

/// The disorder that holds, with the draws that decide it. Each kind has draws of its own, so that
/// a change in one does not shift the others.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    disorder: Disorder,
    until: DateTime<Utc>,
    deliveries: Chance,
    invocations: Chance,
    calls: Chance,
    deaths_in_calls: Chance,
}

/// The stream of the draws of deaths in one call, apart from those of the world.
const DEATHS_IN_CALLS: u64 = 103;

impl Weather {
    pub(crate) fn calm() -> Self {
        Self {
            disorder: Disorder::default(),
            until: DateTime::<Utc>::MIN_UTC,
            deliveries: Chance::new(0),
            invocations: Chance::new(0),
            calls: Chance::new(0),
            deaths_in_calls: Chance::new(0),
        }
    }
}

impl World {
    /// From now on until, but not at, a time.
    pub fn disturb(&mut self, disorder: Disorder, seed: u64, until: DateTime<Utc>) {
        self.weather = Weather {
            disorder,
            until,
            deliveries: Chance::stream(seed, 1),
            invocations: Chance::stream(seed, 2),
            calls: Chance::stream(seed, 3),
            deaths_in_calls: Chance::stream(seed, DEATHS_IN_CALLS),
        };
    }

    fn is_disturbed(&self) -> bool {
        self.now < self.weather.until
    }

    /// How late each copy of a message or an event is.
    pub(crate) fn delays(&mut self, of: fn(&Disorder) -> &Deliveries) -> Vec<Duration> {
        if !self.is_disturbed() {
            return vec![Duration::ZERO];
        }
        let Weather { disorder, deliveries: chance, .. } = &mut self.weather;
        let of = of(disorder);
        let copies = if chance.per_mille(of.twice_per_mille) { 2 } else { 1 };
        let late = u64::from(of.late_seconds_max) * 1000;
        (0..copies)
            .map(|_| {
                let ms = if chance.per_mille(of.late_per_mille) { chance.between(1, late.max(1)) } else { 0 };
                Duration::from_millis(ms)
            })
            .collect()
    }

    /// Where an invocation that begins now dies.
    pub(crate) fn draw_death(&mut self) -> Option<Death> {
        let anywhere = self.draw_death_anywhere();
        self.draw_death_in_call().or(anywhere)
    }

    fn draw_death_in_call(&mut self) -> Option<Death> {
        let disturbed = self.is_disturbed();
        let Weather { disorder, deaths_in_calls: chance, .. } = &mut self.weather;
        let Invocations { killed_in, killed_in_per_mille, .. } = disorder.invocations;
        let operation = killed_in.filter(|_| disturbed && chance.per_mille(killed_in_per_mille))?;
        let point = if chance.per_mille(500) {
            AwaitPoint::Request(operation)
        } else {
            AwaitPoint::Answer(operation)
        };
        Some(Death::During(point))
    }

    fn draw_death_anywhere(&mut self) -> Option<Death> {
        let disturbed = self.is_disturbed();
        let Weather { disorder, invocations: chance, .. } = &mut self.weather;
        let Invocations { killed_per_mille, killed_by_await, killed_in_the_act_per_mille, .. } =
            disorder.invocations;
        if !disturbed || !chance.per_mille(killed_per_mille) {
            return None;
        }
        if killed_in_the_act_per_mille > 0 && chance.per_mille(killed_in_the_act_per_mille) {
            // On its way to the call or back, of the first of them or the third.
            return u32::try_from(chance.between(1, 6)).ok().map(Death::InTheAct);
        }
        // As likely to die early as late, whatever the number of waits: each power of two is as
        // likely as the next.
        let doublings = u64::from(killed_by_await.max(1).ilog2());
        let most = 1_u64.checked_shl(u32::try_from(chance.between(0, doublings)).unwrap_or(0)).unwrap_or(1);
        let nth = u32::try_from(chance.between(1, most * 2)).ok();
        nth.map(|nth| Death::AtAwait(nth.min(killed_by_await.max(1))))
    }

    pub(crate) fn draws_second_run(&mut self) -> bool {
        let disturbed = self.is_disturbed();
        let Weather { disorder, invocations, .. } = &mut self.weather;
        disturbed && invocations.per_mille(disorder.invocations.twice_per_mille)
    }

    pub(crate) fn draws_recycling(&mut self) -> bool {
        let disturbed = self.is_disturbed();
        let Weather { disorder, invocations, .. } = &mut self.weather;
        disturbed && invocations.per_mille(disorder.invocations.recycled_per_mille)
    }

    /// A call's latency beyond that of the ports.
    pub(crate) fn draw_slowness(&mut self) -> Duration {
        if !self.is_disturbed() {
            return Duration::ZERO;
        }
        let Weather { disorder, calls: chance, .. } = &mut self.weather;
        let Calls { jitter_ms_max, slow_per_mille, slow_ms_max } = disorder.calls;
        let mut ms = chance.between(0, jitter_ms_max.into());
        if chance.per_mille(slow_per_mille) {
            ms += chance.between(0, slow_ms_max.into());
        }
        Duration::from_millis(ms)
    }
}
