//! Standalone tasks whose owner runs them again until they are placed: a queue's worker, a cron
//! job.
//!
//! On a capacity provider with managed scaling, a task without room is PROVISIONING for 10 to 30
//! minutes and is then stopped. The source is the AWS blog "Deep dive on Amazon ECS cluster auto
//! scaling". Elsewhere `RunTask` fails at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::task::TaskArn;

use super::Cluster;
use super::candidates::Candidates;
use super::placement::Placing;
use super::task_definition::TaskDefinition;
use super::task_lifecycle::Wanted;
use crate::world::agenda::Transition;
use crate::world::chance::Chance;
use crate::world::{ApiError, World};

/// The most tasks in PROVISIONING of a cluster (service quotas).
pub(crate) const PROVISIONING_MAX: u64 = 500;

/// The shortest and the longest time in PROVISIONING, in seconds.
const PROVISIONING_SECONDS: (u64, u64) = (600, 1800);

/// Names a submission of its cluster.
pub type SubmissionNumber = u64;

/// A task that its owner wants to run.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) definition: Arc<TaskDefinition>,
    pub(crate) capacity_provider: Option<String>,
    retry_seconds: u32,
    /// ECS holds it until capacity comes; otherwise its owner waits.
    pub(crate) provisioning: bool,
    /// When ECS or its owner gives up waiting.
    due: DateTime<Utc>,
}

/// A submission whose task was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedSubmission {
    /// Which.
    pub number: SubmissionNumber,
    /// Its task.
    pub task: TaskArn,
    /// When it was placed.
    pub at: DateTime<Utc>,
}

impl World {
    /// An owner wants a standalone task to run, on a capacity provider or by launch type, and calls
    /// `RunTask` again some seconds after each failure.
    pub fn submit_task(
        &mut self,
        cluster: &str,
        definition: TaskDefinition,
        capacity_provider: Option<&str>,
        retry_seconds: u32,
    ) -> Result<SubmissionNumber, ApiError> {
        definition.check()?;
        let (now, found) = (self.now, self.cluster_mut(cluster)?);
        found.submitted += 1;
        let number = found.submitted;
        let submission = Submission {
            definition: Arc::new(definition),
            capacity_provider: capacity_provider.map(str::to_owned),
            retry_seconds: retry_seconds.max(1),
            provisioning: false,
            due: now,
        };
        found.submissions.insert(number, submission);
        self.attempt_submission(cluster, number);
        Ok(number)
    }

    /// Takes the submissions that were placed since the last time, in order.
    pub fn take_started_submissions(&mut self, cluster: &str) -> Vec<StartedSubmission> {
        let found = self.clusters.get_mut(cluster);
        found.map(|found| std::mem::take(&mut found.started_submissions)).unwrap_or_default()
    }

    /// How many submissions have no task.
    #[must_use]
    pub fn waiting_submissions(&self, cluster: &str) -> usize {
        self.clusters.get(cluster).map_or(0, |found| found.submissions.len())
    }

    /// Its owner's wait is over, or ECS's.
    pub(crate) fn submission_is_due(&mut self, cluster: &str, number: SubmissionNumber) {
        let now = self.now;
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let Some(submission) = found.submissions.get_mut(&number).filter(|it| it.due == now) else { return };
        if std::mem::replace(&mut submission.provisioning, false) {
            let seconds = submission.retry_seconds;
            self.submission_waits(cluster, number, seconds);
        } else {
            self.attempt_submission(cluster, number);
        }
    }

    /// ECS places what is PROVISIONING, oldest first.
    pub(crate) fn place_provisioning(&mut self, cluster: &str) {
        let Some(found) = self.clusters.get(cluster) else { return };
        let waiting = found.submissions.iter().filter(|(_, it)| it.provisioning);
        let waiting: Vec<(SubmissionNumber, String)> =
            waiting.map(|(number, it)| (*number, it.definition.family.clone())).collect();
        let mut without_room = BTreeSet::new();
        for (number, family) in waiting {
            if !without_room.contains(&family) && !self.place_submission(cluster, number) {
                without_room.insert(family);
            }
        }
    }

    fn attempt_submission(&mut self, cluster: &str, number: SubmissionNumber) {
        if self.place_submission(cluster, number) {
            return;
        }
        let full = self.provisioning(cluster) >= PROVISIONING_MAX;
        let managed = |name: &String| self.capacity_providers.get(name).is_some_and(|it| it.managed_scaling);
        let Some(found) = self.clusters.get(cluster) else { return };
        let Some(submission) = found.submissions.get(&number) else { return };
        let provisioned = !full && submission.capacity_provider.as_ref().is_some_and(managed);
        let retry_seconds = submission.retry_seconds;
        let seconds = if provisioned {
            let (least, most) = PROVISIONING_SECONDS;
            u32::try_from(Chance::stream(number, 0).between(least, most)).unwrap_or(retry_seconds)
        } else {
            retry_seconds
        };
        if let Some(submission) =
            self.clusters.get_mut(cluster).and_then(|found| found.submissions.get_mut(&number))
        {
            submission.provisioning = provisioned;
        }
        self.submission_waits(cluster, number, seconds);
    }

    fn submission_waits(&mut self, cluster: &str, number: SubmissionNumber, seconds: u32) {
        let due = self.now + TimeDelta::seconds(i64::from(seconds));
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let Some(submission) = found.submissions.get_mut(&number) else { return };
        submission.due = due;
        self.agenda.enter(due, Transition::Submission { cluster: cluster.to_owned(), number });
    }

    /// Places a submission's task where there is room. Returns whether there was room.
    fn place_submission(&mut self, cluster: &str, number: SubmissionNumber) -> bool {
        let Some(found) = self.clusters.get(cluster) else { return false };
        let Some(submission) = found.submissions.get(&number) else { return false };
        let placing = Placing {
            capacity_provider: submission.capacity_provider.as_deref(),
            ..Placing::standalone(&submission.definition)
        };
        let choice = &mut self.placement;
        let placed = Candidates::of(found, &placing, choice).place(found, &placing, &mut choice.chance);
        let Ok(container_instance) = placed else { return false };
        let wanted = Wanted {
            definition: Arc::clone(&submission.definition),
            service: None,
            capacity_provider: submission.capacity_provider.clone(),
        };
        let task = self.start_placed_task(cluster, &container_instance, wanted);
        let at = self.now;
        if let Some(found) = self.clusters.get_mut(cluster) {
            found.submissions.remove(&number);
            found.started_submissions.push(StartedSubmission { number, task, at });
        }
        true
    }

    fn provisioning(&self, cluster: &str) -> u64 {
        self.clusters.get(cluster).map_or(0, Cluster::provisioning)
    }
}

impl Cluster {
    fn provisioning(&self) -> u64 {
        super::replica_plan::count(self.submissions.values().filter(|it| it.provisioning))
    }
}
