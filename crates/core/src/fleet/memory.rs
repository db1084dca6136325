//! The memory of a cluster's groups from one snapshot to the next, while the function is warm.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::snapshot::{Members, Snapshot};
use crate::container_instance::{ContainerInstance, Ec2InstanceId};
use crate::lifecycle::{AutoScalingGroup, GroupInstance};

/// A host that has not joined the cluster by then does not count as coming any more. A launch takes
/// a minute or two; one with a long launch hook is reported too.
pub const UNJOINED_MAX: TimeDelta = TimeDelta::minutes(10);

/// Reads of a group show a termination within this time. A host whose termination was asked for,
/// perhaps in vain, takes tasks again after it.
const TERMINATION_SHOWN: TimeDelta = TimeDelta::minutes(2);

/// The memory of a cluster's groups.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// When the termination of each instance was asked for.
    terminating: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    unjoined: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    last_hosts: BTreeMap<String, Vec<LastHost>>,
    /// The EC2 instances that were in a group, as long as they have a container instance.
    members: BTreeSet<String>,
}

/// A host as it was when it was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastHost {
    pub(super) instance: ContainerInstance,
    /// The expressions that ECS was asked then, with whether it matched.
    pub(super) matched: BTreeMap<String, bool>,
}

impl Memory {
    /// Keeps what a snapshot shows: since when each host of a group has been there without a
    /// container instance, and what the hosts of each group are like.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let joined: BTreeSet<&str> =
            snapshot.container_instances.iter().map(|it| it.ec2_instance_id.as_str()).collect();
        let groups = snapshot.groups.iter();
        let unjoined = groups.flat_map(|group| unjoined(group, &joined));
        let since = |id: &Ec2InstanceId| self.unjoined.get(id).copied().unwrap_or(snapshot.began);
        self.unjoined = unjoined.map(|id| (id.clone(), since(id))).collect();
        self.members.extend(snapshot.groups.iter().flat_map(AutoScalingGroup::ids).map(str::to_owned));
        self.members.retain(|id| joined.contains(id.as_str()));
        for group in &snapshot.groups {
            let of_group: BTreeSet<&str> = group.ids().collect();
            let hosts = snapshot.container_instances.iter();
            let hosts = hosts.filter(|it| of_group.contains(it.ec2_instance_id.as_str()));
            let hosts = one_of_each(hosts.map(|instance| (instance, matched(snapshot, instance))));
            if !hosts.is_empty() {
                self.last_hosts.insert(group.name.clone(), hosts);
            }
        }
    }

    /// Since when a host has been in its group without a container instance.
    #[must_use]
    pub fn unjoined_since(&self, id: &Ec2InstanceId) -> Option<DateTime<Utc>> {
        self.unjoined.get(id).copied()
    }

    /// Keeps that a host's termination was asked for, or may have been: until reads must show it,
    /// the host counts as leaving, so that a lost answer is never a second host.
    pub fn asked_to_terminate(&mut self, id: &Ec2InstanceId, now: DateTime<Utc>) {
        self.terminating.insert(id.clone(), now);
        self.terminating.retain(|_, at| now - *at < TERMINATION_SHOWN);
    }

    /// Returns whether a host's termination was asked for so short a time ago that reads may not
    /// show it.
    pub(super) fn is_terminating(&self, instance: &GroupInstance, now: DateTime<Utc>) -> bool {
        self.terminating.get(&instance.ec2_instance_id).is_some_and(|at| now - *at < TERMINATION_SHOWN)
    }

    /// Returns whether a container instance was in a group before: if it is in none now, it is on
    /// its way out or to a warm pool, or it was detached.
    pub(super) fn was_member(&self, ec2_instance_id: &str) -> bool {
        self.members.contains(ec2_instance_id)
    }

    /// The last hosts of a group, one of each size.
    pub(super) fn last_hosts(&self, group: &str) -> &[LastHost] {
        self.last_hosts.get(group).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The instances of a group that are launched, or being launched, and that have no container
/// instance.
pub(super) fn unjoined<'a>(
    group: &'a AutoScalingGroup,
    joined: &BTreeSet<&str>,
) -> impl Iterator<Item = &'a Ec2InstanceId> {
    let there = group.instances.iter().filter(|instance| instance.is_to_serve());
    there.map(|instance| &instance.ec2_instance_id).filter(|id| !joined.contains(id.as_str()))
}

fn matched<'a>(snapshot: &'a Snapshot, instance: &ContainerInstance) -> BTreeMap<&'a str, bool> {
    let answers = snapshot.expressions.iter().filter_map(|(expression, answer)| match answer {
        Members::Match(members) => Some((expression.as_str(), members.contains(&instance.arn))),
        Members::NotUnderstood(_) => None,
    });
    answers.collect()
}

/// One host of each size, and of each set of expressions that it matched.
fn one_of_each<'a>(
    hosts: impl Iterator<Item = (&'a ContainerInstance, BTreeMap<&'a str, bool>)>,
) -> Vec<LastHost> {
    let mut seen = BTreeSet::new();
    let fresh = hosts.filter(|(host, matched)| {
        let registered = &host.registered;
        let size = (host.instance_type(), registered.cpu, registered.memory, registered.gpus);
        seen.insert((size, matched.clone()))
    });
    let owned = |(expression, matched): (&str, bool)| (expression.to_owned(), matched);
    fresh
        .map(|(instance, matched)| LastHost {
            instance: instance.clone(),
            matched: matched.into_iter().map(owned).collect(),
        })
        .collect()
}
