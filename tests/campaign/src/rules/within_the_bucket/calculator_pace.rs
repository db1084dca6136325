//! The reads of an environment of the calculator, from one snapshot to the next.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::{EnvironmentId, InvocationId};

use super::{WithinTheBucket, is_read};
use crate::rules::{Breach, Rule};
use crate::stage::{CALCULATOR, Played};

/// The most reads that an environment makes at once: 50, and those that are on their way, a list
/// and 8 descriptions. A slow one may arrive together with those that began after it.
const BURST: f64 = 60.0;

/// The reads a second after that: half of ECS's sustained rate.
const PER_SECOND: f64 = 10.0;

/// The part of its burst that an environment has used.
#[derive(Default)]
struct Bucket {
    used: f64,
    at: Option<DateTime<Utc>>,
}

impl Bucket {
    /// One read; how much of the burst is used then.
    fn read(&mut self, now: DateTime<Utc>) -> f64 {
        let since = self.at.replace(now).map_or(0.0, |at| (now - at).as_seconds_f64());
        self.used = (self.used - since * PER_SECOND).max(0.0) + 1.0;
        self.used
    }
}

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    let mut running: BTreeMap<InvocationId, EnvironmentId> = BTreeMap::new();
    let mut buckets: BTreeMap<EnvironmentId, Bucket> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, environment, .. }
                if function.as_ref() == CALCULATOR =>
            {
                running.insert(*invocation, *environment);
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                running.remove(invocation);
            }
            Occurrence::ApiCalled { operation, .. } if is_read(*operation) => {
                let Some((by, environment)) =
                    entry.by.and_then(|by| running.get(&by).map(|environment| (by, environment)))
                else {
                    continue;
                };
                let used = buckets.entry(*environment).or_default().read(entry.at);
                if used > BURST {
                    let how = format!("[{}] reads faster than {PER_SECOND} a second after a burst", by.0);
                    return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
                }
            }
            _ => {}
        }
    }
    Ok(())
}
