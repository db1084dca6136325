//! The task lists of a whole cluster, for many instances at once: a hundred tasks a read instead of
//! two reads an instance. The lists give ARNs only, so a task that is not known yet must be
//! described once: then its instance is known.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::evidence::TaskLists;
use super::observation::Observation;
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::task::{Task, TaskArn};

/// Tasks described at once to learn their instances: a few calls.
const PLACED_AT_ONCE: usize = 500;

/// Where a listed task is not found, its instance cannot be known. The cluster's lists are left
/// alone for this long.
const AFTER_A_MISSING_TASK: Duration = Duration::from_secs(60);

/// Where the lists are too long, they stay so for a while.
const AFTER_LONG_LISTS: Duration = Duration::from_secs(3600);

/// The registrations of one instance for which the cluster's lists are read.
pub(super) type Wanted = (Ec2InstanceId, Vec<ContainerInstanceArn>);

/// The cluster's lists, and where its tasks are.
#[derive(Debug, Default)]
pub(super) struct ClusterLists {
    read: Option<Read>,
    /// The registration that each known task is on, a drain's or not: it may become one.
    homes: BTreeMap<TaskArn, ContainerInstanceArn>,
    not_before: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Read {
    of: Vec<Wanted>,
    lists: TaskLists,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
}

impl ClusterLists {
    /// Returns whether to read the cluster's lists instead of those of each instance.
    pub(super) fn may_be_read(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    /// Both lists were read, from `began` to `ended`.
    pub(super) fn read(
        &mut self,
        of: Vec<Wanted>,
        lists: TaskLists,
        began: DateTime<Utc>,
        ended: DateTime<Utc>,
    ) {
        self.read = Some(Read { of, lists, began, ended });
    }

    /// The lists are too long to be read, or could not be.
    pub(super) fn are_too_long(&mut self, now: DateTime<Utc>) {
        self.read = None;
        self.not_before = Some(now + AFTER_LONG_LISTS);
    }

    /// Tasks whose instances are not known yet.
    pub(super) fn unplaced(&self) -> Option<Vec<TaskArn>> {
        let Read { lists, .. } = self.read.as_ref()?;
        let all = lists.running.iter().chain(&lists.stopped);
        let unplaced: Vec<_> =
            all.filter(|task| !self.homes.contains_key(*task)).take(PLACED_AT_ONCE).cloned().collect();
        (!unplaced.is_empty()).then_some(unplaced)
    }

    /// Such tasks were described.
    pub(super) fn place(&mut self, described: &[Task], all_found: bool, now: DateTime<Utc>) {
        let homes = described.iter().map(|task| (task.arn.clone(), task.container_instance.clone()));
        self.homes.extend(homes);
        if !all_found {
            self.read = None;
            self.not_before = Some(now + AFTER_A_MISSING_TASK);
        }
    }

    /// The lists of each registration, once every task has its instance, and when they were read.
    pub(super) fn take(&mut self) -> Vec<(Ec2InstanceId, Observation, DateTime<Utc>)> {
        if self.unplaced().is_some() {
            return Vec::new();
        }
        let Some(Read { of, lists, began, ended }) = self.read.take() else { return Vec::new() };
        let mut by_home: BTreeMap<&ContainerInstanceArn, TaskLists> = BTreeMap::new();
        let home = |task: &TaskArn| self.homes.get(task);
        for task in lists.running {
            if let Some(home) = home(&task) {
                by_home.entry(home).or_default().running.insert(task);
            }
        }
        for task in lists.stopped {
            if let Some(home) = home(&task) {
                by_home.entry(home).or_default().stopped.insert(task);
            }
        }
        let all = of.into_iter().flat_map(|(id, arns)| arns.into_iter().map(move |on| (id.clone(), on)));
        all.map(|(id, on)| {
            let lists = by_home.remove(&on).unwrap_or_default();
            (id, Observation::Listed { on, lists, began }, ended)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn arn(name: &str) -> ContainerInstanceArn {
        ContainerInstanceArn(name.to_owned())
    }

    fn task(name: &str, home: &str) -> Task {
        Task { container_instance: arn(home), ..Task::seen(name, "RUNNING") }
    }

    fn tasks(names: &[&str]) -> BTreeSet<TaskArn> {
        names.iter().map(|name| TaskArn((*name).to_owned())).collect()
    }

    fn wanted() -> Vec<Wanted> {
        vec![("i-00000001".parse().unwrap(), vec![arn("a")]), ("i-00000002".parse().unwrap(), vec![arn("b")])]
    }

    fn take(lists: &mut ClusterLists) -> Vec<(String, TaskLists)> {
        let of_each = lists.take().into_iter().map(|(_, observation, _)| match observation {
            Observation::Listed { on, lists, .. } => (on.0, lists),
            other => panic!("{other:?}"),
        });
        of_each.collect()
    }

    #[test]
    fn each_registration_gets_its_own_tasks_once_all_are_placed() {
        let mut lists = ClusterLists::default();
        let read = TaskLists { running: tasks(&["1", "2"]), stopped: tasks(&["3", "4"]) };
        lists.read(wanted(), read, at(0), at(1));
        assert_eq!(lists.unplaced().unwrap().len(), 4);
        lists.place(&[task("1", "a"), task("2", "elsewhere")], true, at(1));
        assert_eq!(take(&mut lists), [], "two tasks may be anybody's");
        lists.place(&[task("3", "a"), task("4", "b")], true, at(2));
        let taken = take(&mut lists);
        let a = TaskLists { running: tasks(&["1"]), stopped: tasks(&["3"]) };
        let b = TaskLists { running: tasks(&[]), stopped: tasks(&["4"]) };
        assert_eq!(taken, [("a".to_owned(), a), ("b".to_owned(), b)]);
    }

    #[test]
    fn a_task_that_is_not_found_may_be_on_any_instance() {
        let mut lists = ClusterLists::default();
        lists.read(wanted(), TaskLists { running: tasks(&["1"]), ..TaskLists::default() }, at(0), at(1));
        lists.place(&[], false, at(2));
        assert_eq!(take(&mut lists), []);
        assert!(!lists.may_be_read(at(61)));
        assert!(lists.may_be_read(at(62)));
    }

    #[test]
    fn the_tasks_of_an_instance_that_is_drained_later_are_known_then() {
        let mut lists = ClusterLists::default();
        let read = TaskLists { running: tasks(&["1", "2"]), ..TaskLists::default() };
        lists.read(vec![wanted().remove(0)], read.clone(), at(0), at(1));
        lists.place(&[task("1", "a"), task("2", "b")], true, at(1));
        assert_eq!(take(&mut lists).len(), 1);
        lists.read(vec![wanted().remove(1)], read, at(60), at(61));
        assert_eq!(take(&mut lists)[0].1.running, tasks(&["2"]));
    }

    #[test]
    fn a_task_is_placed_once() {
        let mut lists = ClusterLists::default();
        lists.place(&[task("1", "a")], true, at(0));
        lists.read(wanted(), TaskLists { stopped: tasks(&["1"]), ..TaskLists::default() }, at(1), at(2));
        assert_eq!(lists.unplaced(), None);
        assert_eq!(take(&mut lists)[0].1.stopped, tasks(&["1"]));
    }
}
