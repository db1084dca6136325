//! The group that the instances are of: which of them wait to be terminated, and since when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::GroupInstance;
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, CallErrorKind, Clock};
use fleetkeeper_core::time_left::within;

use super::trouble::REFUSAL_PATIENCE;

/// A call that does not answer within this time is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A group that can't be read is tried again after this long.
pub(super) const GROUP_RETRY: Duration = Duration::from_secs(5);

/// How long a drain waits for its group to be read before it goes on by itself.
pub(super) const GROUP_PATIENCE: Duration = Duration::from_secs(45);

/// Pages of activities that are looked through: those in progress come first, a hundred a page.
const ACTIVITY_PAGES: usize = 60;

/// A group, and the calls on it.
pub(super) struct Group<'a, AutoScaling, C> {
    pub(super) auto_scaling: &'a AutoScaling,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) name: String,
    /// When to read it next; never where AWS goes on to refuse.
    pub(super) read_at: Option<DateTime<Utc>>,
    /// Since when AWS refuses to tell of it.
    pub(super) refused_since: Option<DateTime<Utc>>,
    /// Those that wait, as it was last read.
    pub(super) waiting: Option<BTreeSet<Ec2InstanceId>>,
    /// Whether there is no such group: it was deleted by force, with hooks that nobody waits for.
    pub(super) is_gone: bool,
    /// When it was last read.
    pub(super) seen_at: Option<DateTime<Utc>>,
    /// The most that waited at once.
    pub(super) most_waiting: usize,
}

impl<AutoScaling: AutoScalingGroups, C: Clock> Group<'_, AutoScaling, C> {
    /// Reads which instances wait, and when to do so next: after `interval`.
    pub(super) async fn read(&mut self, interval: Duration) {
        const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
        let now = self.clock.now();
        let call = self.auto_scaling.describe_group(&self.name);
        match self.in_time(OPERATION, call).await {
            Ok(instances) => {
                self.is_gone = instances.is_none();
                let waiting = instances.unwrap_or_default().into_iter();
                let waiting = waiting.filter(GroupInstance::waits_to_terminate);
                let waiting: BTreeSet<_> = waiting.map(|instance| instance.ec2_instance_id).collect();
                self.most_waiting = self.most_waiting.max(waiting.len());
                self.waiting = Some(waiting);
                self.refused_since = None;
                self.seen_at = Some(now);
                self.read_at = Some(self.clock.now() + interval);
            }
            Err(error) if error.kind == CallErrorKind::Refused => {
                if self.refused_since.is_none() {
                    tracing::error!(
                        error = %ErrorChain(&error),
                        "which other instances wait can't be read: each drain goes on by itself"
                    );
                }
                let now = self.clock.now();
                let since = *self.refused_since.get_or_insert(now);
                self.read_at = (now < since + REFUSAL_PATIENCE).then_some(now + GROUP_RETRY);
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "the group can't be read: tried again");
                self.read_at = Some(self.clock.now() + GROUP_RETRY);
            }
        }
    }

    /// Whether it has not been read yet, and may be.
    pub(super) fn is_unknown(&self) -> bool {
        self.seen_at.is_none() && self.read_at.is_some()
    }

    /// Since when instances are being terminated, by the group's activities. One that no activity tells of, or where they
    /// can't be read, is taken to have begun now: its drain is given more time, not less.
    pub(super) async fn terminating_since(
        &self,
        ids: &BTreeSet<Ec2InstanceId>,
    ) -> BTreeMap<Ec2InstanceId, DateTime<Utc>> {
        const OPERATION: &str = "autoscaling:DescribeScalingActivities";
        let now = self.clock.now();
        let (mut since, mut page): (BTreeMap<_, _>, Option<_>) = (BTreeMap::new(), None);
        for _ in 0..ACTIVITY_PAGES {
            let call = self.auto_scaling.describe_scaling_activities(&self.name, page.as_ref());
            let read = match self.in_time(OPERATION, call).await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(
                        error = %ErrorChain(&error),
                        "since when the instances wait can't be read: taken to have begun now"
                    );
                    break;
                }
            };
            let mut in_progress = false;
            for activity in read.items.iter().filter(|activity| activity.ended.is_none()) {
                in_progress = true;
                // "Terminating EC2 instance: i-01234567890abcdef", and sometimes more.
                let words = activity.description.split_whitespace();
                let named = words.filter_map(|word| word.parse::<Ec2InstanceId>().ok());
                for id in named.filter(|id| ids.contains(id)) {
                    since.entry(id).or_insert(activity.began.min(now));
                }
            }
            page = read.next;
            if page.is_none() || !in_progress || since.len() == ids.len() {
                break;
            }
        }
        for id in ids {
            since.entry(id.clone()).or_insert(now);
        }
        since
    }

    async fn in_time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let until = self.until.min(self.clock.now() + PATIENCE);
        within(self.clock, until, operation, &format!("group {}", self.name), call).await
    }
}
