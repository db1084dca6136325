//! Events of drains, for the log, the metrics and the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::diagnosis::Diagnosis;
use super::reason::WaitReason;
use super::session::DrainEnd;
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::ports::CallError;
use crate::task::TaskArn;

/// An event of a drain, for the log and the metrics.
#[derive(Debug, Clone)]
pub enum Report {
    /// A drain waits for something else than before.
    Waiting(Ec2InstanceId, WaitReason),
    /// An instance was set DRAINING.
    SetDraining(Ec2InstanceId, Vec<ContainerInstanceArn>),
    /// A task was asked to stop, at the drain timeout.
    TaskStopped(Ec2InstanceId, TaskArn),
    /// A call failed for a drain and will be retried.
    CallFailed(Option<Ec2InstanceId>, Arc<CallError>, u32),
    /// Heartbeats have failed for more than half of the hook's timeout.
    HeartbeatsFail(Ec2InstanceId),
    /// AWS has refused a call for a minute that a drain needs.
    Refused(Ec2InstanceId, Arc<CallError>),
    /// An instance is not in the cluster, and no other instance of its group is.
    WrongCluster(Ec2InstanceId),
    /// The invocation coordinates the drains of this many other instances.
    Coordinates(usize),
    /// The group has no such hook.
    NoHook,
    /// The group does not exist.
    NoGroup,
    /// A drain was diagnosed.
    Diagnosed(Ec2InstanceId, Diagnosis),
    /// A drain ended.
    Ended(Ended),
}

/// A drain that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// How.
    pub end: DrainEnd,
    /// The last reason that it waited for.
    pub waited_for: Option<WaitReason>,
    /// How long it took since its lifecycle action began.
    pub took: Duration,
    /// How many tasks stopped meanwhile.
    pub tasks: u32,
    /// The last diagnosis, and when it was made.
    pub diagnosis: Option<(DateTime<Utc>, Diagnosis)>,
}

/// Why an invocation fails.
#[derive(Debug, Clone)]
pub enum Failure {
    /// AWS refuses a call that the drain of its own instance needs.
    Refused(Arc<CallError>),
    /// The instance is in no cluster that is known to be the right one.
    WrongCluster,
}

/// The reports of an invocation.
#[derive(Debug, Default)]
pub(super) struct Reports {
    new: Vec<Report>,
    waits: BTreeMap<Ec2InstanceId, WaitReason>,
    /// The last reason of each that was more than a confirmation.
    waited_for: BTreeMap<Ec2InstanceId, WaitReason>,
    refused: BTreeSet<Ec2InstanceId>,
    last_error: Option<Arc<CallError>>,
}

impl Reports {
    /// The reports since the last call.
    pub(super) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.new)
    }

    pub(super) fn add(&mut self, report: Report) {
        self.new.push(report);
    }

    /// A call failed. One for many drains is one report.
    pub(super) fn call_failed(&mut self, id: Option<&Ec2InstanceId>, error: &Arc<CallError>, tries: u32) {
        if self.last_error.as_ref().is_some_and(|last| Arc::ptr_eq(last, error)) {
            return;
        }
        self.last_error = Some(error.clone());
        self.add(Report::CallFailed(id.cloned(), error.clone(), tries));
    }

    /// AWS has refused a drain's call for long: reported once.
    pub(super) fn refused(&mut self, id: &Ec2InstanceId, error: Arc<CallError>) {
        if self.refused.insert(id.clone()) {
            self.add(Report::Refused(id.clone(), error));
        }
    }

    /// What a drain waits for: reported where that is new.
    pub(super) fn waits(&mut self, id: &Ec2InstanceId, reason: WaitReason) {
        if self.waits.get(id) == Some(&reason) {
            return;
        }
        self.waits.insert(id.clone(), reason.clone());
        if reason != WaitReason::Settling {
            self.waited_for.insert(id.clone(), reason.clone());
        }
        self.add(Report::Waiting(id.clone(), reason));
    }

    /// The last reason that a drain waited, other than its confirmation.
    pub(super) fn waited_for(&self, id: &Ec2InstanceId) -> Option<&WaitReason> {
        self.waited_for.get(id)
    }
}
