//! The reads of one snapshot of a cluster.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::ports::DESCRIBE_MAX;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::{WithinTheBucket, page_size};
use crate::rules::invocations::{self, cluster_of};
use crate::rules::{Breach, Rule, read_lag};
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

/// The calculator asks again this many times for a resource that is listed and MISSING.
const MISSING_TRIES: usize = 3;

/// How long ECS shows a task that has STOPPED.
const STOPPED_SHOWN_FOR: TimeDelta = TimeDelta::hours(1);

/// The resources of a cluster that a snapshot can find.
#[derive(Default)]
struct Members<'a> {
    instances: BTreeSet<&'a ContainerInstanceArn>,
    left: VecDeque<DateTime<Utc>>,
    /// How many expressions constrain where tasks are placed. ECS is asked for each.
    expressions: usize,
    tasks: usize,
    stopped: VecDeque<DateTime<Utc>>,
}

struct Snapshot<'a> {
    cluster: &'a str,
    instances: usize,
    lists: usize,
    describes: usize,
    expressions: usize,
    tasks: usize,
    task_lists: usize,
    task_describes: usize,
    protections: usize,
}

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    if played.scenario.calculator.is_none() {
        return Ok(());
    }
    let of_schedule = cluster_arn(&cluster_name(0));
    let named_clusters = invocations::clusters(&played.scenario);
    let page = page_size(played);
    let lag = read_lag(&played.scenario);
    let directly = played.scenario.calculator.as_ref().is_some_and(|plan| plan.direct.is_some());
    let checks = usize::from(directly);
    let members = played.scenario.clusters.iter().enumerate().map(|(number, cluster)| {
        let constrained = cluster.services.iter().filter(|service| !service.by_provider);
        let groups = cluster.groups.len();
        let groups: BTreeSet<_> =
            constrained.filter_map(|it| it.only_on_group.and_then(|it| it.checked_rem(groups))).collect();
        let expressions = groups.len();
        (cluster_arn(&cluster_name(number)), Members { expressions, ..Members::default() })
    });
    let mut clusters: BTreeMap<String, Members<'_>> = members.collect();
    let mut homes: BTreeMap<&TaskArn, &str> = BTreeMap::new();
    let mut on: BTreeMap<&ContainerInstanceArn, &str> = BTreeMap::new();
    let mut snapshots: BTreeMap<InvocationId, Snapshot<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                on.insert(&to.arn, &to.cluster_arn);
                let Some(members) = clusters.get_mut(&to.cluster_arn) else { continue };
                if to.status == ContainerInstanceStatus::Inactive {
                    if members.instances.remove(&to.arn) {
                        members.left.push_back(entry.at);
                    }
                } else if members.instances.insert(&to.arn) {
                    for snapshot in
                        snapshots.values_mut().filter(|snapshot| snapshot.cluster == to.cluster_arn)
                    {
                        snapshot.instances += 1;
                    }
                }
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                let Some(cluster) = on.get(container_instance).copied() else { continue };
                let Some(members) = clusters.get_mut(cluster) else { continue };
                homes.insert(task, cluster);
                members.tasks += 1;
                for snapshot in snapshots.values_mut().filter(|snapshot| snapshot.cluster == cluster) {
                    snapshot.tasks += 1;
                }
            }
            Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                let members = homes.remove(task).and_then(|cluster| clusters.get_mut(cluster));
                if let Some(members) = members {
                    members.stopped.push_back(entry.at);
                }
            }
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == CALCULATOR =>
            {
                let named = cluster_of(payload, &named_clusters);
                let cluster = named.unwrap_or(&of_schedule);
                if let Some(members) = clusters.get_mut(cluster) {
                    snapshots.insert(*invocation, members.snapshot(cluster, entry.at - lag));
                }
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                snapshots.remove(invocation);
            }
            Occurrence::ApiCalled { operation, .. } => {
                let Some((by, snapshot)) =
                    entry.by.and_then(|by| snapshots.get_mut(&by).map(|snapshot| (by, snapshot)))
                else {
                    continue;
                };
                snapshot.calls(*operation);
                snapshot.is_within(page, checks).map_err(|how| breach(entry, by, &how))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn breach(entry: &Entry, by: InvocationId, how: &str) -> Breach {
    Breach { rule: WithinTheBucket.name(), at: entry.at, how: format!("[{}] {how}", by.0) }
}

impl Members<'_> {
    /// The resources that a snapshot may find, whose first read is as old as `from`. A list that
    /// lags still has those that just left.
    fn snapshot<'a>(&mut self, cluster: &'a str, from: DateTime<Utc>) -> Snapshot<'a> {
        forget(&mut self.left, from);
        let shown = self.stopped.len();
        forget(&mut self.stopped, from - STOPPED_SHOWN_FOR);
        self.tasks -= shown - self.stopped.len();
        Snapshot {
            cluster,
            instances: self.instances.len() + self.left.len(),
            lists: 0,
            describes: 0,
            expressions: self.expressions,
            tasks: self.tasks,
            task_lists: 0,
            task_describes: 0,
            protections: 0,
        }
    }
}

fn forget(times: &mut VecDeque<DateTime<Utc>>, before: DateTime<Utc>) {
    while times.front().is_some_and(|first| *first < before) {
        times.pop_front();
    }
}

impl Snapshot<'_> {
    fn calls(&mut self, operation: Operation) {
        let count = match operation {
            Operation::ListContainerInstances => &mut self.lists,
            Operation::DescribeContainerInstances => &mut self.describes,
            Operation::ListTasks => &mut self.task_lists,
            Operation::DescribeTasks => &mut self.task_describes,
            Operation::GetTaskProtection => &mut self.protections,
            _ => return,
        };
        *count += 1;
    }

    /// `checks` is how often hosts are described once more, before they are removed.
    fn is_within(&self, page: usize, checks: usize) -> Result<(), String> {
        let pages = self.instances.div_ceil(page).max(1);
        let asked_again = MISSING_TRIES * self.instances.div_ceil(DESCRIBE_MAX).max(1);
        if self.lists > pages * (1 + self.expressions) || self.describes > pages + asked_again + checks {
            let expressions = self.expressions;
            return Err(format!(
                "reads more than the {pages} pages of its cluster and {expressions} expressions"
            ));
        }
        // One list of tasks desired RUNNING and one of those desired STOPPED, each with a page that
        // is not full. Where few hosts matter, there is one of each for each host. A task that
        // moves from one list to the other meanwhile is in both.
        let lists = (2 * self.tasks).div_ceil(page) + 2 + self.instances;
        let describes = 3 * (2 * self.tasks).div_ceil(DESCRIBE_MAX) + 2 * MISSING_TRIES;
        if self.task_lists > lists || self.task_describes > describes || self.protections > describes {
            return Err(format!("reads more of tasks than {} take", self.tasks));
        }
        Ok(())
    }
}
