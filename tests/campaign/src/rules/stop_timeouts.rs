//! How long what runs on a host may take to stop, as its task definitions tell.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::history::{Entry, Occurrence};

use crate::scenario::{Scenario, StandalonePlan, What};
use crate::set_up::service_name;

/// What a task definition that says nothing allows.
const BY_DEFAULT: u32 = 30;

/// What a task definition that can't be read is taken to allow.
pub(super) const ASSUMED: TimeDelta = TimeDelta::seconds(120);

/// The stop timeouts of a scenario's tasks, and where they were placed so far.
#[derive(Debug)]
pub(super) struct StopTimeouts<'a> {
    of_services: BTreeMap<String, u32>,
    of_standalone: u32,
    longest: BTreeMap<&'a ContainerInstanceArn, u32>,
    homes: BTreeMap<&'a TaskArn, &'a ContainerInstanceArn>,
}

impl<'a> StopTimeouts<'a> {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let mut of_services = BTreeMap::new();
        for (number, cluster) in scenario.clusters.iter().enumerate() {
            for (service, plan) in cluster.services.iter().enumerate() {
                let group = format!("service:{}", service_name(number, service));
                of_services.insert(group, plan.task.stop_seconds.max(BY_DEFAULT));
            }
        }
        let at_first = scenario.clusters.iter().flat_map(|cluster| &cluster.standalone);
        let later = scenario.happenings.iter().filter_map(|happening| match &happening.what {
            What::RunTask(plan) | What::StartTask { task: plan, .. } => Some(plan),
            _ => None,
        });
        let seconds = |plan: &StandalonePlan| plan.task.stop_seconds;
        let of_standalone = at_first.chain(later).map(seconds).max().unwrap_or(0).max(BY_DEFAULT);
        Self { of_services, of_standalone, longest: BTreeMap::new(), homes: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, entry: &'a Entry) {
        if let Occurrence::TaskPlaced { task, group, container_instance } = &entry.what {
            let stops_in = self.of_services.get(group).copied().unwrap_or(self.of_standalone);
            let longest = self.longest.entry(container_instance).or_default();
            *longest = stops_in.max(*longest);
            self.homes.insert(task, container_instance);
        }
    }

    /// Where a task is or was.
    pub(super) fn home(&self, task: &TaskArn) -> Option<&'a ContainerInstanceArn> {
        self.homes.get(task).copied()
    }

    /// The longest of all that were placed on container instances so far.
    pub(super) fn longest<'b>(&self, on: impl Iterator<Item = &'b ContainerInstanceArn>) -> TimeDelta {
        let longest = on.filter_map(|arn| self.longest.get(arn).copied()).max();
        TimeDelta::seconds(i64::from(longest.unwrap_or(BY_DEFAULT)))
    }

    /// The longest that there may be anywhere, one that could not be read included.
    pub(super) fn most(&self) -> TimeDelta {
        let seconds = self.of_services.values().copied().max().unwrap_or(0).max(self.of_standalone);
        TimeDelta::seconds(i64::from(seconds)).max(ASSUMED)
    }
}
