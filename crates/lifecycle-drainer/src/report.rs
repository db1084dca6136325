//! Reports of drains as log lines and metrics.

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{CompleteReason, DrainEnd, DrainMetrics, Ended, Finish, GroupDrains, Report};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{CallErrorKind, EmbeddedMetrics};

use crate::error::RecordError;
use crate::outcome::Outcome;

/// Between two metrics of how many drains are in progress.
const INTERVAL: Duration = Duration::from_secs(60);

/// Failures that have lasted this long when an invocation's time is up are counted as errors.
const TROUBLE_COUNTS_AFTER: Duration = Duration::from_secs(60);

/// Writes log lines and metrics.
pub(crate) struct Reporter<'a, Log> {
    pub(crate) log: &'a Log,
    pub(crate) metrics: DrainMetrics<'a>,
    pub(crate) in_progress_at: Option<DateTime<Utc>>,
}

impl<Log: EmbeddedMetrics> Reporter<'_, Log> {
    pub(crate) fn report(&self, report: &Report, now: DateTime<Utc>) {
        match report {
            Report::Waiting(id, reason) => tracing::info!(
                event = "drain_waiting",
                ec2InstanceId = id.as_str(),
                cause = reason.code(),
                %reason,
                "waiting"
            ),
            Report::SetDraining(id, arns) => {
                let arns: Vec<_> = arns.iter().map(AsRef::as_ref).collect();
                let arns = arns.join(",");
                tracing::info!(
                    event = "drain_set_draining",
                    ec2InstanceId = id.as_str(),
                    containerInstances = arns,
                    "set DRAINING"
                );
            }
            Report::TaskStopped(id, task) => tracing::warn!(
                event = "drain_task_stopped",
                ec2InstanceId = id.as_str(),
                %task,
                "drain timeout: task stopped"
            ),
            Report::CallFailed(id, error, tries) => tracing::error!(
                event = "call_failed",
                ec2InstanceId = id.as_ref().map(Ec2InstanceId::as_str),
                throttled = error.kind == CallErrorKind::Throttled,
                tries,
                error = %ErrorChain(error),
                "call failed: retrying"
            ),
            Report::HeartbeatsFail(id) => {
                tracing::error!(
                    event = "heartbeats_fail",
                    ec2InstanceId = id.as_str(),
                    "heartbeats have failed for half of the hook's timeout: it will run out"
                );
                self.error(id, &"heartbeats fail: the hook will run out", now);
            }
            Report::Refused(id, error) => {
                tracing::error!(
                    event = "drain_refused",
                    ec2InstanceId = id.as_str(),
                    error = %ErrorChain(error),
                    "AWS refuses a call that the drain needs"
                );
                self.error(id, &ErrorChain(error), now);
            }
            Report::WrongCluster(id) => {
                tracing::error!(
                    event = "wrong_cluster",
                    ec2InstanceId = id.as_str(),
                    "neither the instance nor another one of its group is in the cluster"
                );
                self.error(id, &"neither the instance nor another one of its group is in the cluster", now);
            }
            Report::Coordinates(others) => tracing::info!(
                event = "drains_coordinated",
                others,
                "many instances wait: coordinating their drains"
            ),
            Report::NoHook => tracing::warn!(event = "hook_deleted", "the group has no such hook"),
            Report::NoGroup => tracing::warn!(event = "group_deleted", "the group does not exist"),
            Report::Diagnosed(id, diagnosis) => tracing::info!(
                event = "drain_diagnosed",
                ec2InstanceId = id.as_str(),
                reason = %diagnosis,
                "why the drain waits"
            ),
            Report::Ended(ended) => self.ended(ended, now),
        }
    }

    fn ended(&self, ended: &Ended, now: DateTime<Utc>) {
        let id = ended.ec2_instance_id.as_str();
        let waited_for = ended.waited_for.as_ref().map(ToString::to_string);
        match &ended.end {
            DrainEnd::Completed(reason) => {
                let diagnosis = ended.diagnosis.as_ref().filter(|_| reason.is_time_up());
                let why = match diagnosis {
                    Some((as_of, diagnosis)) => {
                        format!("{reason}; as of {}: {diagnosis}", as_of.format("%H:%M:%S UTC"))
                    }
                    None => reason.to_string(),
                };
                if *reason == CompleteReason::Drained {
                    tracing::info!(
                        event = "drain_completed",
                        ec2InstanceId = id,
                        reason = why,
                        "hook completed"
                    );
                } else {
                    tracing::warn!(
                        event = "drain_completed",
                        ec2InstanceId = id,
                        reason = why,
                        "hook completed"
                    );
                }
                let finish =
                    Finish { took: ended.took, tasks: ended.tasks, deadline_exceeded: reason.is_time_up() };
                self.log.put(&self.metrics.finished(id, finish, &why, now));
            }
            DrainEnd::ActionGone => tracing::info!(
                event = "drain_action_gone",
                ec2InstanceId = id,
                "no active lifecycle action: completed by another, or its instance or group is gone"
            ),
            DrainEnd::CutShort { unfinished } => {
                tracing::warn!(
                    event = "drain_cut_short",
                    ec2InstanceId = id,
                    unfinished,
                    waitedFor = waited_for,
                    "the lifecycle action was over before the tasks had stopped"
                );
                let reason = waited_for.unwrap_or_default();
                self.log.put(&self.metrics.cut_short(id, *unfinished, &reason, now));
            }
        }
    }

    /// How many drains are in progress, once a minute.
    pub(crate) fn in_progress(&mut self, drains: &GroupDrains, now: DateTime<Utc>) {
        if self.in_progress_at.is_none_or(|at| now >= at + INTERVAL) {
            self.last_in_progress(drains, now);
        }
    }

    /// How many drains are in progress.
    pub(crate) fn last_in_progress(&mut self, drains: &GroupDrains, now: DateTime<Utc>) {
        self.in_progress_at = Some(now);
        let ended = drains.sessions().values().filter(|it| it.end().is_some()).count();
        let here = drains.sessions().len() - ended;
        let count = here.max(drains.waiting().saturating_sub(ended));
        self.log.put(&self.metrics.in_progress(count, now));
    }

    /// The invocation's time is up: failures that last are counted.
    pub(crate) fn time_is_up(&self, drains: &GroupDrains, now: DateTime<Utc>) {
        for session in drains.sessions().values().filter(|it| it.end().is_none()) {
            let trouble = session.troubles().oldest().filter(|it| now >= it.since + TROUBLE_COUNTS_AFTER);
            if let Some(trouble) = trouble {
                self.error(session.ec2_instance_id(), &ErrorChain(&trouble.error), now);
            }
        }
    }

    /// The invocation failed.
    pub(crate) fn failed(&self, drains: &GroupDrains, error: &RecordError, now: DateTime<Utc>) {
        let id = drains.own().map(|own| own.ec2_instance_id().to_string());
        let id = id.unwrap_or_else(|| format!("instances of group {}", self.metrics.group));
        self.log.put(&self.metrics.failed(&id, &ErrorChain(error), now));
    }

    fn error(&self, id: &Ec2InstanceId, reason: &impl Display, now: DateTime<Utc>) {
        self.log.put(&self.metrics.failed(id.as_str(), reason, now));
    }
}

impl From<&DrainEnd> for Outcome {
    fn from(end: &DrainEnd) -> Self {
        match end {
            DrainEnd::Completed(reason) => Self::Completed { reason: *reason },
            DrainEnd::ActionGone => Self::ActionGone,
            DrainEnd::CutShort { unfinished } => Self::CutShort { unfinished: *unfinished },
        }
    }
}
