//! The evidence that one invocation has of an EC2 instance in its cluster.
//!
//! Reads of ECS are eventually consistent (API reference, `RunTask`): a read may serve an older
//! state, and two reads may serve two different ones. So a drain rests on *positive* evidence.
//! Every task that any list ever showed on the instance is known from then on, and it is done once
//! it was described as STOPPED. An absence proves nothing: a task that is MISSING, or on no list
//! any more, is not done. A stale read can only delay a drain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId,
};
use crate::ports::READS_LAG_MAX;
use crate::task::{DesiredStatus, Task, TaskArn};

/// Reads that contradict what is known are stale; they delay a drain for at most this long.
const STALE_READS_LAST: Duration = Duration::from_secs(60);

/// ECS lists a stopped task for at least an hour (API reference, `DescribeTasks`). Half of that is
/// relied on.
const STOPPED_LISTED_FOR: Duration = Duration::from_secs(1800);

/// The `stoppedReason` of tasks that the drainer stops. It shows the next invocation that the drain
/// timeout has passed.
pub const STOPPED_REASON: &str = "Fleetkeeper: the drain of the instance reached its drain timeout";

/// Everything that one invocation has seen of an EC2 instance.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    registrations: BTreeMap<ContainerInstanceArn, ContainerInstance>,
    /// Those that counted until the cluster had them no more.
    gone: BTreeSet<ContainerInstanceArn>,
    /// Listed registrations that could not be described.
    unresolved: usize,
    found_at: Option<DateTime<Utc>>,
    described_at: Option<DateTime<Utc>>,
    absent_since: Option<DateTime<Utc>>,
    was_in_cluster: bool,
    /// True if ECS described a registration as INACTIVE: the one positive sign of its absence.
    was_deregistered: bool,
    /// When it was last set DRAINING.
    set_draining: Option<DateTime<Utc>>,
    /// When ECS last counted the tasks that are desired RUNNING, and their number: at the first
    /// search, or when the instance was set DRAINING.
    counted: Option<(DateTime<Utc>, u64)>,
    tasks: BTreeMap<TaskArn, Known>,
    first_lists: BTreeMap<ContainerInstanceArn, DateTime<Utc>>,
    last_lists: Option<DateTime<Utc>>,
    lists_are_stale: bool,
    none_active_at: Option<DateTime<Utc>>,
    polled_at: Option<DateTime<Utc>>,
    all_stopped_at: Option<DateTime<Utc>>,
}

/// An earlier invocation's knowledge of the instance in its cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// True if it was there.
    pub in_cluster: bool,
    /// Since when the cluster does not list it.
    pub absent_since: Option<DateTime<Utc>>,
}

/// A task that some list showed on the instance.
#[derive(Debug, Clone)]
struct Known {
    on: ContainerInstanceArn,
    /// True if the last list that showed it was that of tasks desired RUNNING.
    to_run: bool,
    task: Option<Task>,
    missing: bool,
    stopped_at: Option<DateTime<Utc>>,
}

/// One pair of lists, of tasks to run and of tasks to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskLists {
    /// Desired RUNNING.
    pub running: BTreeSet<TaskArn>,
    /// Desired STOPPED: stopping, or stopped within the last hour or more.
    pub stopped: BTreeSet<TaskArn>,
}

impl Evidence {
    /// The evidence of an invocation that begins.
    #[must_use]
    pub fn after(earlier: Seen) -> Self {
        Self { was_in_cluster: earlier.in_cluster, absent_since: earlier.absent_since, ..Self::default() }
    }

    /// The registrations that count: in the cluster, and not a ghost.
    pub fn registrations(&self) -> impl Iterator<Item = &ContainerInstance> {
        let connected = self.registrations.values().filter(|it| it.agent_connected);
        let newest = connected.filter_map(|it| it.registered_at).max();
        self.registrations.values().filter(move |it| !it.is_ghost(newest))
    }

    /// The ARNs of all registrations that were seen, ghosts included.
    pub fn known_arns(&self) -> impl Iterator<Item = &ContainerInstanceArn> {
        self.registrations.keys()
    }

    /// The registrations that take tasks.
    #[must_use]
    pub fn active(&self) -> Vec<ContainerInstanceArn> {
        let active = self.registrations().filter(|it| it.status == ContainerInstanceStatus::Active);
        active.map(|it| it.arn.clone()).collect()
    }

    /// Registrations whose tasks were not listed yet.
    #[must_use]
    pub fn unlisted(&self) -> Vec<ContainerInstanceArn> {
        let unlisted = self.registrations().filter(|it| !self.first_lists.contains_key(&it.arn));
        unlisted.map(|it| it.arn.clone()).collect()
    }

    /// Returns whether the cluster was asked for the instance.
    #[must_use]
    pub fn was_sought(&self) -> bool {
        self.found_at.is_some()
    }

    /// When the cluster was last asked for the instance.
    #[must_use]
    pub fn found_at(&self) -> Option<DateTime<Utc>> {
        self.found_at
    }

    /// When registrations of it that take tasks were last sought.
    #[must_use]
    pub fn active_sought_at(&self) -> Option<DateTime<Utc>> {
        self.found_at.max(self.none_active_at)
    }

    /// When its registrations were last described.
    #[must_use]
    pub fn described_at(&self) -> Option<DateTime<Utc>> {
        self.described_at
    }

    /// When its tasks were last described.
    #[must_use]
    pub fn polled_at(&self) -> Option<DateTime<Utc>> {
        self.polled_at
    }

    /// Returns whether ECS lists a registration that it does not describe.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        self.unresolved > 0
    }

    /// Since when the cluster does not list the instance.
    #[must_use]
    pub fn absent_since(&self) -> Option<DateTime<Utc>> {
        self.absent_since
    }

    /// Returns whether the instance was seen in the cluster.
    #[must_use]
    pub fn was_in_cluster(&self) -> bool {
        self.was_in_cluster
    }

    /// Returns whether a registration of it was seen INACTIVE.
    #[must_use]
    pub fn was_deregistered(&self) -> bool {
        self.was_deregistered
    }

    /// Returns whether an agent is connected.
    #[must_use]
    pub fn agent_connected(&self) -> bool {
        self.registrations().any(|it| it.agent_connected)
    }

    /// The tasks that were seen on the instance and were not seen STOPPED.
    #[must_use]
    pub fn unfinished(&self) -> Vec<TaskArn> {
        self.open().map(|(arn, _)| arn.clone()).collect()
    }

    /// The same, and those on registrations that the cluster has no more: where an action is over,
    /// their instance is gone with them.
    #[must_use]
    pub fn unfinished_at_the_end(&self) -> Vec<TaskArn> {
        let on = self.registrations().map(|it| &it.arn).chain(&self.gone).collect();
        self.not_stopped(on).map(|(arn, _)| arn.clone()).collect()
    }

    /// The unfinished ones that were described.
    pub fn unfinished_tasks(&self) -> impl Iterator<Item = &Task> {
        self.open().filter_map(|(_, known)| known.task.as_ref())
    }

    /// Those of them that nobody has asked to stop, as far as is known.
    #[must_use]
    pub fn to_stop(&self) -> Vec<TaskArn> {
        let to_run = |known: &Known| {
            known.task.as_ref().map_or(known.to_run, |task| task.desired_status == DesiredStatus::Running)
        };
        self.open().filter(|(_, known)| to_run(known)).map(|(arn, _)| arn.clone()).collect()
    }

    /// The unfinished tasks: those desired RUNNING, those that stop, and those that are listed but
    /// not found.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let (mut running, mut stopping, mut missing) = (0, 0, 0);
        for (_, known) in self.open() {
            match &known.task {
                _ if known.missing => missing += 1,
                Some(task) if task.desired_status == DesiredStatus::Stopped => stopping += 1,
                _ => running += 1,
            }
        }
        (running, stopping, missing)
    }

    /// The tasks that ECS counts as running or pending on the registrations.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.registrations().map(ContainerInstance::tasks).sum()
    }

    /// How many tasks stopped at `since` or later.
    #[must_use]
    pub fn stopped_since(&self, since: DateTime<Utc>) -> u32 {
        let stopped = |known: &&Known| {
            let at = known.task.as_ref().and_then(|task| task.stopped_at);
            known.stopped_at.is_some() && at.is_some_and(|at| at >= since)
        };
        u32::try_from(self.tasks.values().filter(stopped).count()).unwrap_or(u32::MAX)
    }

    /// Returns whether the drainer stopped a task, in this invocation or in another one.
    #[must_use]
    pub fn drainer_stopped_tasks(&self) -> bool {
        let reason = |known: &Known| known.task.as_ref().and_then(|task| task.stopped_reason.clone());
        self.tasks.values().any(|known| reason(known).as_deref() == Some(STOPPED_REASON))
    }

    /// Tasks that lost their host before they had stopped on their own. ECS says so of some. The
    /// others stopped after the lifecycle action may have run out.
    #[must_use]
    pub fn killed(&self, may_have_run_out: Option<DateTime<Utc>>) -> usize {
        let tasks = self.tasks.values().filter_map(|known| known.task.as_ref());
        let killed = tasks.filter(|task| {
            let late = task.stopped_at.zip(may_have_run_out).is_some_and(|(stopped, end)| stopped >= end);
            task.is_stopped() && (task.was_killed_with_its_host() || late)
        });
        killed.count()
    }

    /// When the confirming round may begin: every known task has been seen STOPPED, and
    /// [`READS_LAG_MAX`] has passed since DRAINING and since the first lists. A task that was
    /// placed or began to stop just before may not be on those yet.
    #[must_use]
    pub fn confirm_from(&self) -> Option<DateTime<Utc>> {
        let registrations: Vec<_> = self.registrations().collect();
        if registrations.is_empty() || self.is_unresolved() || self.open().next().is_some() {
            return None;
        }
        let lists =
            registrations.iter().map(|it| self.first_lists.get(&it.arn)).collect::<Option<Vec<_>>>()?;
        let settled = lists.into_iter().copied().chain(self.set_draining).max()?;
        Some(self.all_stopped_at.map_or(settled + READS_LAG_MAX, |at| at.max(settled + READS_LAG_MAX)))
    }

    /// Returns whether the confirming round has asked for ACTIVE registrations and found none.
    #[must_use]
    pub fn none_active_since(&self, from: DateTime<Utc>) -> bool {
        self.none_active_at.is_some_and(|at| at >= from)
    }

    /// Returns whether the confirming round's lists showed nothing new, and nothing that
    /// contradicts what is known.
    #[must_use]
    pub fn lists_agree_since(&self, from: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let agree = !self.lists_are_stale && !self.lacks_counted_tasks();
        self.last_lists.is_some_and(|at| at >= from) && (agree || now >= from + STALE_READS_LAST)
    }

    /// When both lists were last read.
    #[must_use]
    pub fn listed_at(&self) -> Option<DateTime<Utc>> {
        self.last_lists
    }

    /// When the tasks of the last of its registrations were first listed.
    #[must_use]
    pub fn first_listed_at(&self) -> Option<DateTime<Utc>> {
        self.first_lists.values().max().copied()
    }

    /// ECS counted more tasks than were ever listed: the lists lag.
    fn lacks_counted_tasks(&self) -> bool {
        self.counted.is_some_and(|(at, counted)| {
            let running_then = self.tasks.values().filter(|known| {
                let began_to_stop = known.task.as_ref().and_then(|task| task.stopping_at.or(task.stopped_at));
                began_to_stop.is_none_or(|began| began + READS_LAG_MAX >= at)
            });
            u64::try_from(running_then.count()).unwrap_or(u64::MAX) < counted
        })
    }

    /// The cluster's answer to a search for the instance: the registrations that were described,
    /// those listed that were not, and the known ones that were neither listed nor described.
    pub fn find(
        &mut self,
        id: &Ec2InstanceId,
        described: &[ContainerInstance],
        unresolved: usize,
        now: DateTime<Utc>,
    ) {
        // One of several that is not described is no less there: only INACTIVE shows that it is
        // gone.
        if described.is_empty() && unresolved == 0 {
            self.gone.extend(self.registrations().map(|it| it.arn.clone()).collect::<Vec<_>>());
            self.registrations.clear();
        }
        self.see(id, described, now);
        self.unresolved = unresolved;
        self.found_at = Some(now);
        self.see_absence(now);
        if self.counted.is_none() {
            self.counted = Some((now, self.counted()));
        }
        if unresolved == 0 && self.active().is_empty() {
            self.none_active_at = Some(now);
        }
    }

    /// The known registrations described anew. One that is MISSING is left as it was.
    pub fn describe(&mut self, id: &Ec2InstanceId, described: &[ContainerInstance], now: DateTime<Utc>) {
        self.see(id, described, now);
        self.see_absence(now);
    }

    fn see_absence(&mut self, now: DateTime<Utc>) {
        let absent = self.registrations.is_empty() && self.unresolved == 0;
        self.absent_since = absent.then(|| self.absent_since.unwrap_or(now));
    }

    fn see(&mut self, id: &Ec2InstanceId, described: &[ContainerInstance], now: DateTime<Utc>) {
        self.described_at = Some(now);
        for instance in described.iter().filter(|it| it.ec2_instance_id == id.as_str()) {
            self.was_in_cluster = true;
            if instance.status == ContainerInstanceStatus::Inactive {
                if self.registrations().any(|it| it.arn == instance.arn) {
                    self.gone.insert(instance.arn.clone());
                }
                self.registrations.remove(&instance.arn);
                self.was_deregistered = true;
            } else {
                self.registrations.insert(instance.arn.clone(), instance.clone());
            }
        }
    }

    /// Registrations that were set DRAINING, as ECS answered.
    pub fn set_draining(&mut self, answered: &[ContainerInstance], now: DateTime<Utc>) {
        let mut counted = 0;
        for instance in answered {
            if let Some(known) = self.registrations.get_mut(&instance.arn) {
                counted += instance.tasks();
                known.status = instance.status.clone();
                known.running_tasks = instance.running_tasks;
                known.pending_tasks = instance.pending_tasks;
                self.set_draining = Some(now);
                self.counted = Some((now, counted));
            }
        }
    }

    /// Both lists of one registration. `began` and `now` are when the reads began and ended.
    pub fn list(
        &mut self,
        on: &ContainerInstanceArn,
        lists: &TaskLists,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.first_lists.entry(on.clone()).or_insert(now);
        let stale = self.tasks.iter().filter(|(_, known)| known.on == *on).any(|(arn, known)| {
            known.stopped_at.is_some_and(|seen| {
                let at = known.task.as_ref().and_then(|task| task.stopped_at).map_or(seen, |at| at.min(seen));
                lists.running.contains(arn) || at + STOPPED_LISTED_FOR > now && !lists.stopped.contains(arn)
            })
        });
        // Of several registrations, one stale list is enough.
        self.lists_are_stale = stale || self.last_lists == Some(began) && self.lists_are_stale;
        self.last_lists = Some(began);
        for (arn, to_run) in
            lists.running.iter().map(|arn| (arn, true)).chain(lists.stopped.iter().map(|arn| (arn, false)))
        {
            let known = self.tasks.entry(arn.clone()).or_insert_with(|| Known {
                on: on.clone(),
                to_run,
                task: None,
                missing: false,
                stopped_at: None,
            });
            known.to_run = to_run;
        }
    }

    /// The answer to a search for ACTIVE registrations.
    pub fn find_active(&mut self, any: bool, now: DateTime<Utc>) {
        if any {
            // Something registered anew, or somebody set it back: everything is asked again.
            self.found_at = None;
            self.none_active_at = None;
        } else {
            self.none_active_at = Some(now);
        }
    }

    /// Tasks described: `missing` are those that ECS does not find.
    pub fn poll(&mut self, described: &[Task], missing: &BTreeSet<String>, now: DateTime<Utc>) {
        self.polled_at = Some(now);
        for (arn, known) in &mut self.tasks {
            known.missing = known.stopped_at.is_none() && missing.contains(&arn.0);
        }
        for task in described {
            let Some(known) = self.tasks.get_mut(&task.arn) else { continue };
            // Statuses only go forward: an older one is a stale read.
            if known.stopped_at.is_some() {
                continue;
            }
            if task.is_stopped() {
                known.stopped_at = Some(now);
            }
            let went_back = known.task.as_ref().is_some_and(|before| {
                before.desired_status == DesiredStatus::Stopped
                    && task.desired_status == DesiredStatus::Running
            });
            if !went_back {
                known.task = Some(task.clone());
            }
        }
        if self.open().next().is_some() {
            self.all_stopped_at = None;
        } else if self.all_stopped_at.is_none() {
            self.all_stopped_at = Some(now);
        }
    }

    /// The known tasks that were not seen STOPPED, on registrations that count.
    fn open(&self) -> impl Iterator<Item = (&TaskArn, &Known)> {
        self.not_stopped(self.registrations().map(|it| &it.arn).collect())
    }

    fn not_stopped<'a>(
        &'a self,
        on: BTreeSet<&'a ContainerInstanceArn>,
    ) -> impl Iterator<Item = (&'a TaskArn, &'a Known)> {
        self.tasks.iter().filter(move |(_, known)| known.stopped_at.is_none() && on.contains(&known.on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "i-00000001";

    fn id() -> Ec2InstanceId {
        ID.parse().unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn arn(name: &str) -> ContainerInstanceArn {
        ContainerInstanceArn(name.to_owned())
    }

    fn registration(name: &str, status: &str) -> ContainerInstance {
        ContainerInstance { arn: arn(name), status: status.into(), ..ContainerInstance::empty(0, 0) }
    }

    fn tasks(names: &[&str]) -> BTreeSet<TaskArn> {
        names.iter().map(|name| TaskArn((*name).to_owned())).collect()
    }

    fn task(name: &str, status: &str) -> Task {
        let stopping = status != "RUNNING" && status != "PENDING";
        let desired_status = if stopping { DesiredStatus::Stopped } else { DesiredStatus::Running };
        Task { desired_status, ..Task::seen(name, status) }
    }

    /// An instance that was set DRAINING and whose tasks were listed, all at 0.
    fn draining(running: &[&str], stopped: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.find(&id(), &[registration("a", "ACTIVE")], 0, at(0));
        evidence.set_draining(&[registration("a", "DRAINING")], at(0));
        let lists = TaskLists { running: tasks(running), stopped: tasks(stopped) };
        evidence.list(&arn("a"), &lists, at(0), at(0));
        evidence
    }

    #[test]
    fn a_task_is_done_once_it_was_seen_stopped_and_never_by_an_absence() {
        let mut evidence = draining(&["t"], &[]);
        evidence.poll(&[], &["t".to_owned()].into(), at(5));
        assert_eq!(evidence.counts(), (0, 0, 1), "MISSING is not done");
        evidence.list(&arn("a"), &TaskLists::default(), at(10), at(10));
        assert_eq!(evidence.unfinished().len(), 1, "nor is a task that is on no list any more");
        assert_eq!(evidence.confirm_from(), None);
        evidence.poll(&[task("t", "STOPPED")], &BTreeSet::new(), at(15));
        assert_eq!(evidence.unfinished(), []);
        assert_eq!(evidence.confirm_from(), Some(at(15)));
    }

    #[test]
    fn statuses_only_go_forward() {
        let mut evidence = draining(&["t"], &[]);
        evidence.poll(&[task("t", "STOPPING")], &BTreeSet::new(), at(5));
        evidence.poll(&[task("t", "RUNNING")], &BTreeSet::new(), at(6));
        assert_eq!(evidence.counts(), (0, 1, 0), "a stale read");
        evidence.poll(&[task("t", "STOPPED")], &BTreeSet::new(), at(7));
        evidence.poll(&[task("t", "STOPPING")], &BTreeSet::new(), at(8));
        assert_eq!(evidence.counts(), (0, 0, 0));
    }

    #[test]
    fn an_empty_instance_is_confirmed_after_the_lag_allowance() {
        let evidence = draining(&[], &[]);
        assert_eq!(evidence.confirm_from(), Some(at(5)));
    }

    #[test]
    fn tasks_that_were_counted_when_it_was_set_draining_must_be_listed() {
        let mut evidence = Evidence::default();
        evidence.find(&id(), &[registration("a", "ACTIVE")], 0, at(0));
        let counted = ContainerInstance { running_tasks: 1, ..registration("a", "DRAINING") };
        evidence.set_draining(&[counted], at(0));
        evidence.list(&arn("a"), &TaskLists::default(), at(0), at(0));
        evidence.list(&arn("a"), &TaskLists::default(), at(5), at(5));
        assert!(!evidence.lists_agree_since(at(5), at(5)));
        assert!(
            evidence.lists_agree_since(at(5), at(65)),
            "a stale read delays a drain for a minute at most"
        );
        let lists = TaskLists { running: tasks(&["t"]), ..TaskLists::default() };
        evidence.list(&arn("a"), &lists, at(10), at(10));
        assert_eq!(evidence.confirm_from(), None);
    }

    #[test]
    fn a_list_that_lacks_a_stopped_task_is_stale() {
        let mut evidence = draining(&["t"], &[]);
        evidence.poll(&[task("t", "STOPPED")], &BTreeSet::new(), at(20));
        let cases = [(21, &[][..], &[][..], false), (22, &["t"], &["t"], false), (23, &[], &["t"], true)];
        for (time, running, stopped, agree) in cases {
            let lists = TaskLists { running: tasks(running), stopped: tasks(stopped) };
            evidence.list(&arn("a"), &lists, at(time), at(time));
            assert_eq!(evidence.lists_agree_since(at(20), at(24)), agree, "{running:?} {stopped:?}");
        }
    }

    /// An earlier invocation saw it stop, or it stopped before the drain.
    #[test]
    fn a_task_that_stopped_long_ago_may_be_on_no_list_any_more() {
        let mut evidence = draining(&["t"], &["old"]);
        let old = Task { stopped_at: Some(at(-3590)), ..task("old", "STOPPED") };
        evidence.poll(&[task("t", "STOPPED"), old], &BTreeSet::new(), at(20));
        let lists = TaskLists { stopped: tasks(&["t"]), ..TaskLists::default() };
        evidence.list(&arn("a"), &lists, at(21), at(21));
        assert!(evidence.lists_agree_since(at(20), at(22)));
    }

    #[test]
    fn a_ghost_is_disconnected_and_older_than_a_connected_registration() {
        let ghost = |connected, registered: Option<i64>| ContainerInstance {
            agent_connected: connected,
            registered_at: registered.map(at),
            ..registration("ghost", "ACTIVE")
        };
        let current = ContainerInstance { registered_at: Some(at(0)), ..registration("current", "DRAINING") };
        for (connected, registered, counts) in
            [(false, Some(-60), 1), (true, Some(-60), 2), (false, Some(60), 2), (false, None, 2)]
        {
            let mut evidence = Evidence::default();
            evidence.find(&id(), &[ghost(connected, registered), current.clone()], 0, at(0));
            assert_eq!(evidence.registrations().count(), counts, "{connected} {registered:?}");
        }
        // Its tasks do not count either.
        let mut evidence = Evidence::default();
        evidence.find(&id(), &[ghost(false, Some(-60)), current], 0, at(0));
        evidence.list(
            &arn("ghost"),
            &TaskLists { running: tasks(&["t"]), ..TaskLists::default() },
            at(0),
            at(0),
        );
        assert_eq!(evidence.unfinished(), []);
    }

    #[test]
    fn an_instance_that_registers_anew_is_listed_and_waited_for_too() {
        let mut evidence = draining(&[], &[]);
        let both = [registration("a", "DRAINING"), registration("b", "ACTIVE")];
        evidence.find(&id(), &both, 0, at(10));
        assert_eq!(evidence.active(), [arn("b")]);
        assert_eq!(evidence.unlisted(), [arn("b")]);
        assert_eq!(evidence.confirm_from(), None);
    }

    #[test]
    fn another_instance_that_a_filter_let_through_is_not_taken() {
        let mut evidence = Evidence::default();
        let other =
            ContainerInstance { ec2_instance_id: "i-00000002".to_owned(), ..registration("b", "ACTIVE") };
        evidence.find(&id(), &[other], 0, at(0));
        assert_eq!(evidence.registrations().count(), 0);
        assert_eq!(evidence.absent_since(), Some(at(0)));
        assert!(!evidence.was_in_cluster());
    }

    #[test]
    fn an_instance_is_absent_since_it_was_first_not_listed() {
        let mut evidence = draining(&["t"], &[]);
        evidence.find(&id(), &[], 0, at(10));
        evidence.find(&id(), &[], 0, at(20));
        assert_eq!(evidence.absent_since(), Some(at(10)));
        evidence.find(&id(), &[], 1, at(30));
        assert_eq!(evidence.absent_since(), None, "a listed one that is not described is there");
        evidence.find(&id(), &[registration("a", "DRAINING")], 0, at(40));
        assert_eq!(evidence.unfinished().len(), 1, "its tasks count again");
        evidence.describe(&id(), &[registration("a", "INACTIVE")], at(50));
        assert!(evidence.was_deregistered());
        assert_eq!(evidence.absent_since(), Some(at(50)));
    }
}
