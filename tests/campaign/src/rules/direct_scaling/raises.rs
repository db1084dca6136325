//! Capacities that the calculator set.

use fleetkeeper_sim::world::history::Entry;

use super::truth::Truth;

/// A group's desired capacity is about to change by the calculator's doing: a termination
/// decrements it, a request sets it.
pub(super) fn sets(
    truth: &Truth<'_>,
    entry: &Entry,
    decremented: bool,
    (name, to): (&str, u32),
) -> Result<(), String> {
    let (Some(group), Some(invocation)) = (truth.group(name), truth.invocation(entry)) else { return Ok(()) };
    let from = group.desired;
    if to < from && (decremented || truth.is_overtaken(group, invocation)) {
        return Ok(());
    }
    let set = |how: &str| format!("set the capacity of {name} from {from} to {to}: {how}");
    if to < from {
        return Err(set("it only ever raises it"));
    }
    truth.hands_off(name, invocation).map_err(|how| set(&how))?;
    if !truth.is_still(invocation) {
        return Ok(());
    }
    truth.placing.may_be_missing(name, entry.at).map_err(|how| set(&how))?;
    let waiting = truth.most_hosts_to_add();
    if u64::from(to - from) > waiting && !truth.may_set_again(group, to, invocation) {
        return Err(set(&format!("{waiting} tasks wait, with the headroom")));
    }
    Ok(())
}
