//! Instances that the calculator terminated.

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::history::Entry;

use super::truth::{Group, Invocation, Truth};

/// How long after a scale-out of its group no host is removed.
const AFTER_SCALE_OUT: TimeDelta = TimeDelta::minutes(10);

/// A termination that was requested, and whether it may come about.
#[derive(Debug)]
pub(super) struct Requested<'a> {
    instance: &'a Ec2InstanceId,
    came_about: bool,
    may: Result<(), String>,
}

/// Judges a request by the truth at its moment, before anything comes of it.
pub(super) fn requested<'a>(
    truth: &Truth<'_>,
    entry: &Entry,
    group: &str,
    instance: &'a Ec2InstanceId,
) -> Requested<'a> {
    let judged = truth.group(group).zip(truth.invocation(entry));
    let may = judged.map_or(Ok(()), |(of, by)| may_be_removed(truth, group, of, by, instance, entry.at));
    Requested { instance, came_about: false, may }
}

/// An instance goes by the calculator's doing.
pub(super) fn terminates(
    truth: &Truth<'_>,
    entry: &Entry,
    requested: Option<&mut Requested<'_>>,
    group: &str,
    instance: &Ec2InstanceId,
) -> Result<(), String> {
    let Some(requested) = requested else {
        let set = truth.group(group).zip(truth.invocation(entry));
        if set.is_none_or(|(of, by)| truth.is_overtaken(of, by)) {
            return Ok(());
        }
        let desired = set.map_or(0, |(group, _)| group.desired);
        return Err(format!("{instance} of {group} went for a capacity of {desired} that was set"));
    };
    if requested.came_about || requested.instance != instance {
        return Err(format!("{instance} of {group} went where {} was requested", requested.instance));
    }
    requested.came_about = true;
    requested.may.clone().map_err(|how| format!("terminated {instance} of {group}: {how}"))
}

fn may_be_removed(
    truth: &Truth<'_>,
    name: &str,
    group: &Group,
    by: &Invocation<'_>,
    instance: &Ec2InstanceId,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let seen_from = truth.seen_from(by);
    let Some(plan) = truth.plan else { return Ok(()) };
    truth.hands_off(name, by)?;
    if group.protected.get(instance).is_some_and(|since| *since < seen_from) {
        return Err("it is protected from scale-in".to_owned());
    }
    let age = truth.age(by, now);
    if age < TimeDelta::minutes(i64::from(plan.scale_in_minutes)) {
        let seconds = age.num_seconds();
        return Err(format!(
            "its environment was there for {seconds} s, and cannot know that it was removable"
        ));
    }
    if let Some(raised) = group.raised.filter(|at| *at < seen_from && now < *at + AFTER_SCALE_OUT) {
        let seconds = (now - raised).num_seconds();
        return Err(format!("{name} was scaled out {seconds} s ago"));
    }
    let removed = u64::try_from(group.removed.len()).unwrap_or(u64::MAX);
    let most = plan.max_draining.of(group.size(now)) * truth.at_once();
    if removed >= most {
        return Err(format!("{removed} hosts leave by it already, and at most {most} may"));
    }
    if !truth.is_known(by) {
        return Ok(());
    }
    truth.placing.is_of_none_that_stays(instance)?;
    truth.placing.can_lose(instance, now.timestamp().unsigned_abs(), now)
}
