//! The tasks that an invocation's lists of tasks could show it.
//!
//! `ListTasks` names the tasks of one desired status. A task that ECS begins to stop between two
//! lists may be on neither, and a read that lags shows an earlier state. A list *surely lists* a
//! task that had the list's desired status throughout. That is from the longest lag before the
//! first page was read until the last page was.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

/// The lives of tasks, and what each running invocation listed.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    lag: TimeDelta,
    tasks: BTreeMap<&'a TaskArn, TaskLife<'a>>,
    read_by: BTreeMap<InvocationId, Reads<'a>>,
}

#[derive(Debug)]
struct TaskLife<'a> {
    home: &'a ContainerInstanceArn,
    placed: DateTime<Utc>,
    stopping: Option<DateTime<Utc>>,
}

/// The lists of an invocation.
#[derive(Debug, Default)]
struct Reads<'a> {
    /// Lists whose last page is still to come, from their first page on.
    begun: BTreeMap<Listed<'a>, DateTime<Utc>>,
    lists: Vec<List<'a>>,
    /// The last `ListContainerInstances` that was answered.
    found: Option<DateTime<Utc>>,
}

/// Which tasks a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listed<'a> {
    cluster: &'a str,
    container_instance: Option<&'a ContainerInstanceArn>,
    stopped: bool,
}

/// A list whose pages were all read.
#[derive(Debug, Clone, Copy)]
struct List<'a> {
    of: Listed<'a>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl<'a> Evidence<'a> {
    pub(super) fn with_lag(lag: TimeDelta) -> Self {
        Self { lag, tasks: BTreeMap::new(), read_by: BTreeMap::new() }
    }

    /// Takes in an entry.
    pub(super) fn see(&mut self, entry: &'a Entry) {
        match &entry.what {
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                let life = TaskLife { home: container_instance, placed: entry.at, stopping: None };
                self.tasks.insert(task, life);
            }
            Occurrence::TaskStopping { task, .. }
            | Occurrence::TaskStatus { task, status: LastStatus::Stopped } => {
                if let Some(life) = self.tasks.get_mut(task) {
                    life.stopping = life.stopping.or(Some(entry.at));
                }
            }
            Occurrence::TasksListed { .. } => {
                if let Some(by) = entry.by {
                    self.read_by.entry(by).or_default().listed(&entry.what);
                }
            }
            Occurrence::ApiCalled {
                operation: Operation::ListContainerInstances,
                outcome: CallOutcome::Answered,
            } => {
                if let Some(by) = entry.by {
                    self.read_by.entry(by).or_default().found = Some(entry.at);
                }
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                self.read_by.remove(invocation);
            }
            _ => {}
        }
    }

    /// Returns whether an invocation must have seen a task. Either a list showed it. Or its desired
    /// status last changed longer ago than reads lag when the invocation first listed the tasks of
    /// its container instance.
    pub(super) fn must_have_seen(&self, by: InvocationId, task: &TaskArn) -> bool {
        self.surely_listed(by, task) || self.older_than_the_first_list(by, task)
    }

    /// Returns whether a list of an invocation surely had a task.
    pub(super) fn surely_listed(&self, by: InvocationId, task: &TaskArn) -> bool {
        let (Some(reads), Some(life)) = (self.read_by.get(&by), self.tasks.get(task)) else { return false };
        reads.lists.iter().filter(|list| list.of.covers(life.home)).any(|list| {
            if list.of.stopped {
                life.stopping.is_some_and(|at| at <= list.from - self.lag)
            } else {
                life.placed <= list.from - self.lag && life.stopping.is_none_or(|at| at > list.to)
            }
        })
    }

    fn older_than_the_first_list(&self, by: InvocationId, task: &TaskArn) -> bool {
        let Some(life) = self.tasks.get(task) else { return false };
        let reads = self.read_by.get(&by);
        let lists = reads.into_iter().flat_map(|reads| &reads.lists);
        let read = lists.filter(|list| list.of.covers(life.home)).map(|list| list.from);
        let begun = reads.into_iter().flat_map(|reads| &reads.begun);
        let begun = begun.filter(|(of, _)| of.covers(life.home)).map(|(_, from)| *from);
        let first = read.chain(begun).min();
        // Where it listed nothing there, it had at least to find the container instance.
        let first = first.or_else(|| reads.and_then(|reads| reads.found));
        let changed = life.stopping.unwrap_or(life.placed);
        first.is_none_or(|first| changed <= first - self.lag)
    }

    /// When an invocation last found out which container instances there are.
    pub(super) fn found_at(&self, by: InvocationId) -> Option<DateTime<Utc>> {
        self.read_by.get(&by)?.found
    }
}

impl<'a> Reads<'a> {
    fn listed(&mut self, what: &'a Occurrence) {
        let Occurrence::TasksListed {
            cluster,
            container_instance,
            desired_status,
            first_page,
            last_page,
            read_at,
            ..
        } = what
        else {
            return;
        };
        let of = Listed {
            cluster: name_of(cluster),
            container_instance: container_instance.as_ref(),
            stopped: *desired_status == DesiredStatus::Stopped,
        };
        if *first_page {
            self.begun.insert(of, *read_at);
        }
        if *last_page && let Some(from) = self.begun.remove(&of) {
            self.lists.push(List { of, from, to: *read_at });
        }
    }
}

impl Listed<'_> {
    fn covers(self, home: &ContainerInstanceArn) -> bool {
        match self.container_instance {
            Some(arn) => arn == home,
            None => cluster_of(home) == Some(self.cluster),
        }
    }
}

/// The name of the cluster that a container instance is in.
pub(super) fn cluster_of(container_instance: &ContainerInstanceArn) -> Option<&str> {
    container_instance.0.rsplit('/').nth(1)
}

/// The name in a cluster's name or ARN.
fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}
