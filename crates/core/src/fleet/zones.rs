//! The hosts of a group by Availability Zone.

use std::collections::{BTreeMap, BTreeSet};

use super::Fleet;
use super::hosts::{Host, Standing};

/// The field of a placement strategy that names the Availability Zone.
const ZONE: &str = "attribute:ecs.availability-zone";

/// The hosts of a group by Availability Zone, as Auto Scaling counts them.
#[derive(Debug, Clone)]
pub(super) struct Zones<'a> {
    /// Instances that are there or are launched.
    instances: BTreeMap<&'a str, u64>,
    /// Those that take tasks: one whose agent is away may not come back.
    serving: BTreeMap<&'a str, u64>,
    /// The services of two tasks or more whose placement strategy names the zones.
    spread: BTreeSet<&'a str>,
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
        let services = fleet.snapshot.services.iter();
        let spread =
            services.filter(|it| it.desired >= 2 && it.spreads_over.iter().any(|field| field == ZONE));
        Self { instances, serving, spread: spread.map(|it| it.name.as_str()).collect() }
    }

    /// True if no zone has more instances: Auto Scaling would even out what a removal elsewhere
    /// leaves.
    pub(super) fn has_most(&self, host: &Host<'_>) -> bool {
        let most = self.instances.values().max().copied().unwrap_or(0);
        self.instances.get(zone(host)).copied().unwrap_or(0) == most
    }

    /// Where a host is the last of its zone, a spread service with a task there.
    pub(super) fn spread_until(&self, host: &Host<'_>) -> Option<String> {
        let is_last = self.serving.get(zone(host)).copied().unwrap_or(0) <= 1;
        if is_last { self.spread_service_on(host) } else { None }
    }

    /// A spread service with a task on a host.
    pub(super) fn spread_service_on(&self, host: &Host<'_>) -> Option<String> {
        let mut services = host.tasks.unwrap_or_default().iter().filter_map(|task| task.service.as_deref());
        services.find(|service| self.spread.contains(service)).map(str::to_owned)
    }

    /// The hosts that Auto Scaling removes for certain before a zone's last one that takes tasks
    /// may be among them. It terminates in the zone with most instances (user guide, "Control which
    /// Auto Scaling instances terminate"). With a mixed instances policy the purchase options come
    /// first.
    pub(super) fn others_before_the_last(&self, host: &Host<'_>, mixed: bool) -> u64 {
        let of = |zones: &BTreeMap<&str, u64>| zones.get(zone(host)).copied().unwrap_or(0);
        let (instances, serving) = (of(&self.instances), of(&self.serving));
        if mixed {
            return serving.saturating_sub(1);
        }
        // Other zones are no larger when it is this zone's turn with one such host left.
        let left = instances.saturating_sub(serving) + 1;
        self.instances.values().map(|instances| instances.saturating_sub(left)).sum()
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
