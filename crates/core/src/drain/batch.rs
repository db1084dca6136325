//! The next steps of many drains, as one action on AWS.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::reason::CompleteReason;
use super::session::{Session, Step};
use super::troubles::Kind;
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::lifecycle::LifecycleAction;
use crate::ports::{FILTER_MAX, UPDATE_STATE_MAX};
use crate::task::TaskArn;

/// Calls on Auto Scaling or `StopTask`s in one action.
const CALLS_MAX: usize = 40;

/// Tasks or registrations described in one action: a few calls.
const DESCRIBED_MAX: usize = 500;

/// Registrations whose tasks are listed in one action. More instances than this are read by the
/// cluster's lists.
const LISTED_MAX: usize = 10;

/// Calls on AWS for one or more drains.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Batch {
    /// `RecordLifecycleActionHeartbeat` for each.
    Heartbeat(Vec<(Ec2InstanceId, LifecycleAction)>),
    /// `CompleteLifecycleAction` for each.
    Complete(Vec<(Ec2InstanceId, LifecycleAction, CompleteReason)>),
    /// `UpdateContainerInstancesState`, one call.
    SetDraining(Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>),
    /// `StopTask` for each.
    StopTasks(Vec<(Ec2InstanceId, TaskArn)>),
    /// `ListContainerInstances` and `DescribeContainerInstances`, these known registrations
    /// included.
    Find(Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>),
    /// `ListContainerInstances` of ACTIVE ones, one call.
    FindActive(Vec<Ec2InstanceId>),
    /// `DescribeContainerInstances`.
    Describe(Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>),
    /// `ListTasks`, both lists of each.
    List(Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>),
    /// `ListTasks`, both lists of the whole cluster, for these.
    ListCluster(Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>),
    /// `DescribeTasks`.
    DescribeTasks(Vec<(Ec2InstanceId, Vec<TaskArn>)>),
    /// Find another instance of the group in the cluster.
    ProveCluster,
}

/// What the drains do next: a batch, or nothing until then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(super) enum Next {
    /// Now.
    Batch(Batch),
    /// Then; never, where no drain waits for anything.
    Wait(Option<DateTime<Utc>>),
}

/// The most urgent batch of the drains' next steps. A drain whose last call of a kind failed is
/// called alone: what is wrong with it must not fail the others' call once more.
pub(super) fn next<'a>(
    sessions: impl Iterator<Item = &'a Session>,
    cluster_is_right: Option<bool>,
    cluster_lists: bool,
    now: DateTime<Utc>,
) -> Next {
    let mut steps = Steps::default();
    for session in sessions {
        steps.add(session, session.next(cluster_is_right, now));
    }
    steps.most_urgent(cluster_lists)
}

/// Resources of one drain.
type Of<'a, T> = (&'a Session, Vec<T>);

#[derive(Default)]
struct Steps<'a> {
    heartbeats: Vec<&'a Session>,
    complete: Vec<(&'a Session, CompleteReason)>,
    set_draining: Vec<(&'a Session, Vec<ContainerInstanceArn>)>,
    stop: Vec<(Ec2InstanceId, TaskArn)>,
    find: Vec<(&'a Session, Vec<ContainerInstanceArn>)>,
    find_active: Vec<(&'a Session, ())>,
    describe: Vec<(&'a Session, Vec<ContainerInstanceArn>)>,
    list: Vec<(&'a Session, Vec<ContainerInstanceArn>)>,
    describe_tasks: BTreeMap<Option<DateTime<Utc>>, Vec<Of<'a, TaskArn>>>,
    prove_cluster: bool,
    wake: Option<DateTime<Utc>>,
}

impl<'a> Steps<'a> {
    fn add(&mut self, session: &'a Session, step: Step) {
        let id = session.ec2_instance_id();
        match step {
            Step::Heartbeat => self.heartbeats.push(session),
            Step::Complete(reason) => self.complete.push((session, reason)),
            Step::SetDraining(arns) => self.set_draining.push((session, arns)),
            Step::StopTasks(tasks) => self.stop.extend(tasks.into_iter().map(|task| (id.clone(), task))),
            Step::Find(known) => self.find.push((session, known)),
            Step::FindActive => self.find_active.push((session, ())),
            Step::Describe(arns) => self.describe.push((session, arns)),
            Step::List(arns) => self.list.push((session, arns)),
            // Those that were polled longest ago come first.
            Step::DescribeTasks(tasks) => {
                self.describe_tasks.entry(session.evidence().polled_at()).or_default().push((session, tasks));
            }
            Step::ProveCluster => self.prove_cluster = true,
            Step::Wait(until) => self.wake = Some(self.wake.map_or(until, |wake| wake.min(until))),
            Step::End => {}
        }
    }

    fn most_urgent(self, cluster_lists: bool) -> Next {
        if !self.heartbeats.is_empty() {
            let due = self.heartbeats.into_iter().take(CALLS_MAX);
            return batch(Batch::Heartbeat(due.map(|it| (id(it), it.action().clone())).collect()));
        }
        if !self.complete.is_empty() {
            let ready = self.complete.into_iter().take(CALLS_MAX);
            return batch(Batch::Complete(
                ready.map(|(it, reason)| (id(it), it.action().clone(), reason)).collect(),
            ));
        }
        if !self.set_draining.is_empty() {
            return batch(Batch::SetDraining(some(
                self.set_draining,
                Kind::SetDraining,
                UPDATE_STATE_MAX,
                Vec::len,
            )));
        }
        if !self.stop.is_empty() {
            return batch(Batch::StopTasks(self.stop.into_iter().take(CALLS_MAX).collect()));
        }
        if !self.find.is_empty() {
            return batch(Batch::Find(some(self.find, Kind::Find, FILTER_MAX, |_| 1)));
        }
        // Before the lists: one reading of the cluster's lists then confirms all of them.
        if !self.find_active.is_empty() {
            let found = some(self.find_active, Kind::FindActive, FILTER_MAX, |()| 1);
            return batch(Batch::FindActive(found.into_iter().map(|(id, ())| id).collect()));
        }
        if !self.list.is_empty() {
            let many = self.list.len() > LISTED_MAX && cluster_lists;
            return batch(if many {
                Batch::ListCluster(self.list.into_iter().map(|(it, arns)| (id(it), arns)).collect())
            } else {
                Batch::List(some(self.list, Kind::List, LISTED_MAX, Vec::len))
            });
        }
        if !self.describe.is_empty() {
            return batch(Batch::Describe(some(self.describe, Kind::Describe, DESCRIBED_MAX, Vec::len)));
        }
        if !self.describe_tasks.is_empty() {
            let all = self.describe_tasks.into_values().flatten().collect();
            return batch(Batch::DescribeTasks(some(all, Kind::DescribeTasks, DESCRIBED_MAX, Vec::len)));
        }
        if self.prove_cluster {
            return batch(Batch::ProveCluster);
        }
        Next::Wait(self.wake)
    }
}

fn batch(batch: Batch) -> Next {
    Next::Batch(batch)
}

fn id(session: &Session) -> Ec2InstanceId {
    session.ec2_instance_id().clone()
}

/// The first drains of a kind of call, up to `most` as `size` counts them, or the first one alone
/// where its last call failed.
fn some<T>(
    steps: Vec<(&Session, T)>,
    kind: Kind,
    most: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<(Ec2InstanceId, T)> {
    let mut taken: Vec<(Ec2InstanceId, T)> = Vec::new();
    let mut count = 0;
    let (calm, troubled): (Vec<_>, Vec<_>) =
        steps.into_iter().partition(|(session, _)| session.troubles().with(kind).is_none());
    for (session, resources) in calm {
        if count > 0 && count + size(&resources) > most {
            break;
        }
        count += size(&resources);
        taken.push((id(session), resources));
    }
    if taken.is_empty() {
        taken.extend(troubled.into_iter().take(1).map(|(session, resources)| (id(session), resources)));
    }
    taken
}
