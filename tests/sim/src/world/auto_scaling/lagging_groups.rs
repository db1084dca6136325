//! The recent past of Auto Scaling groups.
//!
//! AWS does not promise that a read of a group shows the newest change. Readers have met older
//! capacities and older instances (aws/aws-sdk-go#2388, hashicorp/terraform-provider-aws#40088).
//! So `DescribeAutoScalingGroups` and `DescribeScalingActivities` from outside may be served as of
//! a time in the past. Each read that lags draws its own lag: the second of two may be the older.
//! Changes act on the truth alone. Without lagging reads the world keeps no past.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::describe::DescribedGroup;
use super::group::Group;
use crate::world::chance::Chance;
use crate::world::history::Occurrence;
use crate::world::{Operation, World};

/// Reads of groups that may lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaggingGroupReads {
    /// The most seconds that a read lags.
    pub lag_seconds: u32,
    /// How many of a thousand reads lag.
    pub share_per_mille: u32,
    /// From when on all reads are true again.
    pub until: DateTime<Utc>,
    /// Which reads they are: another seed, other reads.
    pub seed: u64,
}

/// The groups' past, as far back as a read may lag.
#[derive(Debug, Clone)]
pub(crate) struct LaggingGroups {
    settings: LaggingGroupReads,
    chance: Chance,
    /// The groups as they were, each with the time from which they were so.
    past: VecDeque<(DateTime<Utc>, Arc<Vec<DescribedGroup>>)>,
    /// When the past was kept last, changed or not.
    kept_at: DateTime<Utc>,
    /// The time as of which the call that is being served is answered, where it lags.
    serves: Option<DateTime<Utc>>,
}

/// The past is kept this often at most. A read lags by less than this beyond the lag that it drew.
const KEPT_EVERY: TimeDelta = TimeDelta::milliseconds(500);

/// The stream of the draws, apart from those of other lags.
const LAGS: u64 = 102;

impl LaggingGroups {
    fn draw(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let LaggingGroupReads { lag_seconds, share_per_mille, until, .. } = self.settings;
        if until <= now || !self.chance.per_mille(share_per_mille) {
            return None;
        }
        let most = u64::from(lag_seconds).saturating_mul(1000);
        let most = most.saturating_sub(KEPT_EVERY.num_milliseconds().unsigned_abs());
        Some(now - TimeDelta::milliseconds(i64::try_from(self.chance.between(0, most)).unwrap_or(0)))
    }

    /// The groups that the call that is being served reads, if it is answered from the past.
    pub(super) fn serving(&self) -> Option<&[DescribedGroup]> {
        self.served().map(|(_, groups)| groups.as_slice())
    }

    fn served(&self) -> Option<&(DateTime<Utc>, Arc<Vec<DescribedGroup>>)> {
        let at = self.serves?;
        self.past.iter().rev().find(|(from, _)| *from <= at).or_else(|| self.past.front())
    }

    /// The time as of which the call that is being served is answered, where it lags.
    pub(super) fn serves(&self) -> Option<DateTime<Utc>> {
        self.serves
    }
}

impl World {
    /// From now on reads of groups and their activities from outside ([`serve`](Self::serve)) may
    /// lag.
    pub fn lag_group_reads(&mut self, settings: LaggingGroupReads) {
        let now = self.describe_groups_now();
        self.lagging_groups = Some(LaggingGroups {
            settings,
            chance: Chance::stream(settings.seed, LAGS),
            past: VecDeque::from([(self.now, Arc::new(now))]),
            kept_at: self.now,
            serves: None,
        });
    }

    /// Time is about to go on to `next`: what is true until then may be read later.
    pub(crate) fn keep_groups_until(&mut self, next: DateTime<Utc>) {
        let now = self.now;
        let Some(lagging) = &self.lagging_groups else { return };
        if now >= lagging.settings.until {
            self.lagging_groups = None;
            return;
        }
        if next <= now || next < lagging.kept_at + KEPT_EVERY {
            return;
        }
        let groups = self.describe_groups_now();
        let Some(lagging) = &mut self.lagging_groups else { return };
        lagging.kept_at = now;
        if lagging.past.back().is_some_and(|(_, last)| **last == groups) {
            return;
        }
        let oldest_read = now - TimeDelta::seconds(i64::from(lagging.settings.lag_seconds));
        while lagging.past.get(1).is_some_and(|(from, _)| *from <= oldest_read) {
            lagging.past.pop_front();
        }
        lagging.past.push_back((now, Arc::new(groups)));
    }

    /// Chooses whether a read of groups from outside lags, and by how much.
    pub(crate) fn choose_view_of_groups(&mut self, operation: Operation) {
        let now = self.now;
        let reads = [Operation::DescribeAutoScalingGroups, Operation::DescribeScalingActivities];
        if let Some(lagging) = self.lagging_groups.as_mut().filter(|_| reads.contains(&operation)) {
            lagging.serves = lagging.draw(now);
        }
    }

    /// The call is served: whoever looks next sees the truth. The history has what a read that
    /// lagged saw.
    pub(crate) fn return_to_true_groups(&mut self, operation: Operation) {
        let Some(lagging) = &mut self.lagging_groups else { return };
        let as_of = lagging.served().map(|(from, _)| *from);
        lagging.serves = None;
        if let Some(as_of) = as_of.filter(|_| operation == Operation::DescribeAutoScalingGroups) {
            self.record(Occurrence::GroupsReadLate { as_of });
        }
    }

    fn describe_groups_now(&self) -> Vec<DescribedGroup> {
        self.groups.values().map(Group::described).collect()
    }
}
