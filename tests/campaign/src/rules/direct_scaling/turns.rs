//! How often direct scaling changes its mind.
//!
//! In the quiet end, where nobody does anything, a group settles: what the calculator and its
//! alarms do to it turns from out to in or back at most [`TURNS_MAX`] times.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use crate::stage::{CALCULATOR, Played};

/// Out for what waits, in for what is too much then, and once more where a task ends just then.
const TURNS_MAX: u32 = 3;

#[derive(Debug, Default)]
struct Group {
    last_was_out: Option<bool>,
    turns: u32,
}

/// The first complaint is the answer, with its time.
pub(super) fn settle(played: &Played) -> Result<(), (DateTime<Utc>, String)> {
    let mut calculators: std::collections::BTreeSet<InvocationId> = std::collections::BTreeSet::new();
    let mut groups: BTreeMap<&str, (u32, Group)> = BTreeMap::new();
    for entry in played.world.history().entries() {
        let (name, out) = match &entry.what {
            Occurrence::InvocationStarted { invocation, function, .. } if function.as_ref() == CALCULATOR => {
                calculators.insert(*invocation);
                continue;
            }
            Occurrence::DesiredCapacity { group, desired_capacity } => {
                let (before, _) = groups.entry(group).or_default();
                let out = *desired_capacity > std::mem::replace(before, *desired_capacity);
                if !entry.by.is_some_and(|by| calculators.contains(&by)) {
                    continue;
                }
                (group, out)
            }
            Occurrence::PolicyExecuted { group, from, to, .. } => (group, to > from),
            _ => continue,
        };
        if entry.at <= played.quiet_from {
            continue;
        }
        let (_, group) = groups.entry(name).or_default();
        group.turns += u32::from(group.last_was_out.replace(out).is_some_and(|last| last != out));
        if group.turns > TURNS_MAX {
            return Err((entry.at, format!("{name} does not settle: it turned {} times", group.turns)));
        }
    }
    Ok(())
}
