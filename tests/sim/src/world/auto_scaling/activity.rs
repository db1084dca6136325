//! Scaling activities: what a group did and is doing, and `DescribeScalingActivities`.
//!
//! An instance's way into a warm pool is none of them here: AWS does not document what it calls it.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::{DESCRIBE_MAX, Page, PageToken};

use super::group::Group;
use super::instance::LifecycleState;
use super::lagging_groups::LaggingGroups;
use super::notification::GroupEvent;
use crate::world::{ApiError, World};

/// Something that a group did, or is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    /// Which of the group's: from 1, in the order of their beginnings.
    pub number: u64,
    /// "Terminating EC2 instance: i-...", which a status reason may follow.
    pub description: String,
    /// The instance.
    pub instance: Ec2InstanceId,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended; none while it is in progress.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its status code: "`MidTerminatingLifecycleAction`", ...
    pub status_code: &'static str,
    /// Its progress, in percent.
    pub progress: u32,
    pub(crate) event: GroupEvent,
}

/// A group's activities.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activities {
    begun: u64,
    in_progress: Vec<ScalingActivity>,
    ended: Vec<ScalingActivity>,
}

impl Activities {
    /// Those in progress before all others, the newest first of either. As of a time in the past,
    /// those that began later are missing, and those that ended later are in progress.
    fn in_order(&self, as_of: Option<DateTime<Utc>>) -> Vec<ScalingActivity> {
        let all = self.in_progress.iter().chain(&self.ended);
        let all = all.filter(|activity| as_of.is_none_or(|at| activity.began_at <= at));
        let mut all: Vec<ScalingActivity> = all.cloned().collect();
        for activity in &mut all {
            activity.ended_at = activity.ended_at.filter(|ended| as_of.is_none_or(|at| *ended <= at));
        }
        all.sort_by_key(ScalingActivity::place);
        all
    }

    fn begin(
        &mut self,
        event: GroupEvent,
        description: String,
        instance: &Ec2InstanceId,
        now: DateTime<Utc>,
    ) {
        self.begun += 1;
        self.in_progress.push(ScalingActivity {
            number: self.begun,
            description,
            instance: instance.clone(),
            began_at: now,
            ended_at: None,
            status_code: "InProgress",
            progress: 50,
            event,
        });
    }

    fn end(&mut self, instance: &Ec2InstanceId, now: DateTime<Utc>) {
        let over = self.in_progress.extract_if(.., |activity| activity.instance == *instance);
        self.ended.extend(over.map(|activity| ScalingActivity { ended_at: Some(now), ..activity }));
    }

    /// When the last activity ended.
    pub(super) fn last_end(&self) -> Option<DateTime<Utc>> {
        self.ended.last().and_then(|activity| activity.ended_at)
    }

    /// The newest that is about an instance.
    fn newest_of(&self, instance: &Ec2InstanceId) -> Option<&ScalingActivity> {
        let all = self.in_progress.iter().chain(&self.ended);
        all.filter(|activity| activity.instance == *instance).max_by_key(|activity| activity.number)
    }

    fn terminates(&self, instance: &Ec2InstanceId) -> bool {
        let mut of_instance = self.in_progress.iter().filter(|activity| activity.instance == *instance);
        of_instance.any(|activity| activity.event == GroupEvent::InstanceTerminate)
    }
}

impl ScalingActivity {
    fn place(&self) -> (bool, Reverse<u64>) {
        (self.ended_at.is_some(), Reverse(self.number))
    }
}

impl World {
    /// `DescribeScalingActivities` of a group, one page of at most 100: those in progress before
    /// all others, the newest first of either.
    pub fn describe_scaling_activities(
        &self,
        group: &str,
        max_records: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<Page<ScalingActivity>, ApiError> {
        let size = match max_records.map(usize::try_from) {
            None => DESCRIBE_MAX,
            Some(Ok(size)) if (1..=DESCRIBE_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::validation("MaxRecords must be between 1 and 100.")),
        };
        let size = size.min(self.page_limit);
        let after = next_token.map(place_of).transpose()?;
        let found = self.group(group)?;
        let as_of = self.lagging_groups.as_ref().and_then(LaggingGroups::serves);
        let all = found.activities.in_order(as_of).into_iter();
        let mut items: Vec<ScalingActivity> = all
            .filter(|activity| after.is_none_or(|after| activity.place() > after))
            .take(size + 1)
            .map(|activity| found.with_status(activity))
            .collect();
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(|last| {
            let phase = if last.ended_at.is_some() { "ended" } else { "in-progress" };
            PageToken(format!("{phase}:{}", last.number))
        });
        Ok(Page { items, next })
    }

    /// The newest activity of a group about an instance.
    pub(super) fn activity_of(&self, group: &str, instance: &Ec2InstanceId) -> Option<ScalingActivity> {
        let found = self.groups.get(group)?;
        found.activities.newest_of(instance).map(|activity| found.with_status(activity.clone()))
    }

    /// A group launches or starts an instance.
    pub(crate) fn begin_launch_activity(&mut self, group: &str, id: &Ec2InstanceId, from_pool: bool) {
        let event = GroupEvent::InstanceLaunch;
        let words = if from_pool { "Launching a new EC2 instance from warm pool" } else { event.words().1 };
        self.begin_activity(group, event, words, id);
    }

    /// A group sets out to terminate an instance; if it was being launched, it is so no longer.
    pub(crate) fn begin_termination_activity(&mut self, group: &str, id: &Ec2InstanceId) {
        if self.groups.get(group).is_some_and(|group| group.activities.terminates(id)) {
            return;
        }
        self.end_activity(group, id);
        let event = GroupEvent::InstanceTerminate;
        self.begin_activity(group, event, event.words().1, id);
    }

    /// A group's activity for an instance ends.
    pub(crate) fn end_activity(&mut self, group: &str, id: &Ec2InstanceId) {
        let now = self.now;
        if let Some(group) = self.groups.get_mut(group) {
            group.activities.end(id, now);
        }
    }

    fn begin_activity(&mut self, group: &str, event: GroupEvent, words: &str, id: &Ec2InstanceId) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(group) else { return };
        let description = match (event, &group.settings.status_reason) {
            (GroupEvent::InstanceTerminate, Some(reason)) => {
                format!("{words}: {id}.  Status Reason: {reason}")
            }
            _ => format!("{words}: {id}"),
        };
        group.activities.begin(event, description, id, now);
    }
}

impl Group {
    /// An activity with the status that its instance gives it.
    ///
    /// Recorded 2026: `PreInService` 30, `MidLifecycleAction` 40, `MidTerminatingLifecycleAction`
    /// 60. The progress of the others is inferred.
    fn with_status(&self, activity: ScalingActivity) -> ScalingActivity {
        let state = self.instances.get(&activity.instance).map(|instance| instance.state);
        let (status_code, progress) = match (activity.ended_at, activity.event, state) {
            (Some(_), ..) => ("Successful", 100),
            (_, _, Some(LifecycleState::PendingWait)) => ("MidLifecycleAction", 40),
            (_, GroupEvent::InstanceLaunch, _) => ("PreInService", 30),
            (_, _, Some(LifecycleState::Terminating)) => ("WaitingForELBConnectionDraining", 50),
            (_, _, Some(LifecycleState::TerminatingWait | LifecycleState::WarmedTerminatingWait)) => {
                ("MidTerminatingLifecycleAction", 60)
            }
            _ => (activity.status_code, activity.progress),
        };
        ScalingActivity { status_code, progress, ..activity }
    }
}

/// The place that a token names. An activity that ends between two pages is met again among those
/// that have ended: none is skipped.
fn place_of(token: &str) -> Result<(bool, Reverse<u64>), ApiError> {
    let place = match token.split_once(':') {
        Some(("in-progress", number)) => number.parse().ok().map(|number| (false, Reverse(number))),
        Some(("ended", number)) => number.parse().ok().map(|number| (true, Reverse(number))),
        _ => None,
    };
    place.ok_or_else(|| ApiError::client("InvalidNextToken", "The token is not valid."))
}
