//! Which instances are in which clusters: what proves that a cluster is the right one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_sim::world::history::{Entry, Occurrence};

use super::evidence::cluster_of;
use crate::scenario::Scenario;
use crate::set_up::{configured_cluster, group_name};

/// The registrations of instances, and their groups, as a history goes on.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    /// The cluster that the drainer is configured with, by group.
    configured: BTreeMap<String, String>,
    groups: BTreeMap<&'a Ec2InstanceId, &'a str>,
    /// Those that are gone: their container instances may stay, and prove nothing.
    gone: BTreeSet<&'a Ec2InstanceId>,
    registrations: BTreeMap<&'a ContainerInstanceArn, Registration<'a>>,
}

#[derive(Debug)]
struct Registration<'a> {
    instance: &'a Ec2InstanceId,
    cluster: &'a str,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl<'a> Membership<'a> {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut configured = BTreeMap::new();
        for (cluster, plan) in scenario.clusters.iter().enumerate() {
            for group in 0..plan.groups.len() {
                configured.insert(group_name(cluster, group), configured_cluster(scenario, cluster, group));
            }
        }
        Self { configured, groups: BTreeMap::new(), gone: BTreeSet::new(), registrations: BTreeMap::new() }
    }

    /// Takes in an entry.
    pub(super) fn see(&mut self, entry: &'a Entry) {
        match &entry.what {
            Occurrence::InstanceLaunching { group, instance }
            | Occurrence::InstanceInService { group, instance } => {
                self.groups.insert(instance, group);
            }
            Occurrence::InstanceTerminated { instance, .. } => {
                self.gone.insert(instance);
            }
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. }
            | Occurrence::GhostLeft { container_instance, ec2_instance_id, .. } => {
                let Some(cluster) = cluster_of(container_instance) else { return };
                let (instance, from) = (ec2_instance_id, entry.at);
                let registration = Registration { instance, cluster, from, until: None };
                self.registrations.insert(container_instance, registration);
            }
            Occurrence::ContainerInstanceStatus {
                container_instance,
                status: ContainerInstanceStatus::Inactive,
            } => {
                if let Some(registration) = self.registrations.get_mut(container_instance) {
                    registration.until = Some(entry.at);
                }
            }
            _ => {}
        }
    }

    /// The cluster that the drainer is configured with for a group.
    pub(super) fn configured(&self, group: &str) -> &str {
        self.configured.get(group).map_or("", String::as_str)
    }

    /// Returns whether an instance was in its group's configured cluster at some time since.
    pub(super) fn was_in_cluster(&self, group: &str, instance: &Ec2InstanceId, since: DateTime<Utc>) -> bool {
        self.in_cluster(group, since).any(|of| of == instance)
    }

    /// Returns whether another instance of the group was in its configured cluster at some time
    /// since.
    pub(super) fn another_was_in_cluster(
        &self,
        group: &str,
        instance: &Ec2InstanceId,
        since: DateTime<Utc>,
    ) -> bool {
        self.in_cluster(group, since).any(|of| of != instance && self.is_of(group, of))
    }

    /// Returns whether another instance of the group has been in its configured cluster all the
    /// time since, and still is in its group.
    pub(super) fn another_is_in_cluster(
        &self,
        group: &str,
        instance: &Ec2InstanceId,
        since: DateTime<Utc>,
    ) -> bool {
        let cluster = self.configured(group);
        self.registrations.values().any(|it| {
            let throughout = it.from <= since && it.until.is_none() && !self.gone.contains(it.instance);
            it.cluster == cluster && throughout && it.instance != instance && self.is_of(group, it.instance)
        })
    }

    fn is_of(&self, group: &str, instance: &Ec2InstanceId) -> bool {
        self.groups.get(instance).is_some_and(|its| *its == group)
    }

    fn in_cluster(&self, group: &str, since: DateTime<Utc>) -> impl Iterator<Item = &'a Ec2InstanceId> {
        let cluster = self.configured(group);
        let there = self.registrations.values().filter(move |it| it.cluster == cluster);
        there.filter(move |it| it.until.is_none_or(|until| until >= since)).map(|it| it.instance)
    }
}
