//! Every step of the policies has a reason that was put, within the range of its alarm.
//!
//! - A scale-out follows a put of `MissingHosts` of the group above 0, and a scale-in one of
//!   `RemovableHosts`. Other rules check that the puts are true.
//! - In the quiet end a group settles: alarms change its direction at most [`TURNS_MAX`] times.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::history::Occurrence;

use crate::stage::Played;

/// An alarm of the template evaluates 5 minutes at most, and 6 more where some have no data. Each
/// minute's data come from an invocation that may last a minute, and are evaluated up to a minute
/// later.
const LOOKS_BACK: TimeDelta = TimeDelta::minutes(5 + 6 + 1 + 1);

/// Out for what waits, in for what is too much then, and once more where a task ends or a host is
/// lost just then.
const TURNS_MAX: u32 = 3;

#[derive(Debug, Default)]
struct Group {
    missing: Option<DateTime<Utc>>,
    removable: Option<DateTime<Utc>>,
    last_was_out: Option<bool>,
    turns: u32,
}

/// The first complaint is the answer, with its time.
pub(super) fn scale_for_a_reason(played: &Played) -> Result<(), (DateTime<Utc>, String)> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::MetricDataPut { values, .. } => {
                for put in values.iter().filter(|put| put.value > 0.0) {
                    let Some(group) = &put.group else { continue };
                    let group = groups.entry(group).or_default();
                    match put.name {
                        "MissingHosts" => group.missing = Some(entry.at),
                        "RemovableHosts" => group.removable = Some(entry.at),
                        _ => {}
                    }
                }
            }
            Occurrence::PolicyExecuted { group, policy, from, to, .. } => {
                let of = groups.entry(group).or_default();
                let out = to > from;
                let reason = if out { of.missing } else { of.removable };
                if reason.is_none_or(|last| last < entry.at - LOOKS_BACK) {
                    let how = format!("{policy} scaled {group} from {from} to {to} without a reason");
                    return Err((entry.at, how));
                }
                if entry.at > played.quiet_from {
                    of.turns += u32::from(of.last_was_out.replace(out).is_some_and(|last| last != out));
                }
                if of.turns > TURNS_MAX {
                    return Err((entry.at, format!("{group} does not settle: it turned {} times", of.turns)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
