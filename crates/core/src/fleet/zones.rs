//! The hosts of a group by Availability Zone.

use std::collections::BTreeMap;

use super::Fleet;
use super::hosts::{Host, Standing};
use super::scale_in::ZONE;

/// The hosts of a group by Availability Zone, as Auto Scaling counts them.
#[derive(Debug, Clone)]
pub(super) struct Zones<'a> {
    /// Instances that are there or are launched.
    instances: BTreeMap<&'a str, u64>,
    /// Those that take tasks: one whose agent is away may not come back.
    serving: BTreeMap<&'a str, u64>,
}

impl<'a> Zones<'a> {
    pub(super) fn of(fleet: &Fleet<'a>, number: usize) -> Self {
        let (mut instances, mut serving) = (BTreeMap::new(), BTreeMap::new());
        let group = fleet.snapshot.groups.get(number);
        let there = group.into_iter().flat_map(|group| &group.instances);
        for instance in
            there.filter(|it| it.is_to_serve() && !fleet.memory.is_terminating(it, fleet.snapshot.began))
        {
            *instances.entry(instance.availability_zone.as_str()).or_default() += 1;
        }
        for host in fleet
            .hosts
            .iter()
            .filter(|host| host.group == Some(number) && host.standing == Standing::TakesTasks)
        {
            let zone = host.of_group.map(|it| it.availability_zone.as_str());
            *serving.entry(zone.unwrap_or_default()).or_default() += 1;
        }
        Self { instances, serving }
    }

    /// True if no zone has more instances: Auto Scaling would even out what a removal elsewhere
    /// leaves.
    pub(super) fn has_most(&self, host: &Host<'_>) -> bool {
        let most = self.instances.values().max().copied().unwrap_or(0);
        self.instances.get(zone(host)).copied().unwrap_or(0) == most
    }

    /// True if it is the last host of its zone.
    pub(super) fn is_last(&self, host: &Host<'_>) -> bool {
        self.serving.get(zone(host)).copied().unwrap_or(0) <= 1
    }

    pub(super) fn remove(&mut self, host: &Host<'_>) {
        for zones in [&mut self.instances, &mut self.serving] {
            if let Some(hosts) = zones.get_mut(zone(host)) {
                *hosts = hosts.saturating_sub(1);
            }
        }
    }
}

fn zone<'a>(host: &Host<'a>) -> &'a str {
    host.of_group.map(|it| it.availability_zone.as_str()).unwrap_or_default()
}

impl Fleet<'_> {
    /// Where a host is the last of its zone, a service of two tasks or more with one there whose
    /// placement strategy names the zones.
    pub(super) fn spread_until(&self, host: &Host<'_>, zones: &Zones<'_>) -> Option<String> {
        if !zones.is_last(host) {
            return None;
        }
        let spread = |name: &str| {
            let service = self.snapshot.services.iter().find(|service| service.name == name);
            service.is_some_and(|it| it.desired >= 2 && it.spreads_over.iter().any(|field| field == ZONE))
        };
        let tasks = host.tasks.unwrap_or_default().iter();
        tasks.filter_map(|task| task.service.as_deref()).find(|service| spread(service)).map(str::to_owned)
    }
}
