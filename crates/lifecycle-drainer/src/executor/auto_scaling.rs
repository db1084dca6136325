//! The calls on Auto Scaling, and what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{CompleteReason, OnDrainTimeout};
use fleetkeeper_core::lifecycle::{LifecycleAction, LifecycleActionResult};
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, LifecycleActions};

use super::Executor;
use crate::calls::each;
use crate::ports::Ports;

/// Pages of activities that are read: those in progress come first, a hundred a page.
const ACTIVITY_PAGES: usize = 60;

impl<P: Ports> Executor<'_, P> {
    pub(super) async fn auto_scaling<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        self.calls.auto_scaling(operation, &format!("group {}", self.group), call).await
    }

    pub(super) async fn read_group(&mut self) {
        let began = self.calls.now();
        let call = self.calls.ports.auto_scaling().describe_group(self.group);
        let answer = self.auto_scaling("autoscaling:DescribeAutoScalingGroups", call).await;
        self.drains.group_read(answer, began, self.calls.now());
    }

    /// Since when instances are being terminated, as far as the group's activities say.
    pub(super) async fn activities(
        &self,
        of: &BTreeSet<Ec2InstanceId>,
    ) -> Result<BTreeMap<Ec2InstanceId, DateTime<Utc>>, Arc<CallError>> {
        let (mut since, mut page): (BTreeMap<_, _>, Option<_>) = (BTreeMap::new(), None);
        for _ in 0..ACTIVITY_PAGES {
            let call = self.calls.ports.auto_scaling().describe_scaling_activities(self.group, page.as_ref());
            let read = self.auto_scaling("autoscaling:DescribeScalingActivities", call).await?;
            let in_progress: Vec<_> = read.items.iter().filter(|activity| activity.ended.is_none()).collect();
            for activity in &in_progress {
                // "Terminating EC2 instance: i-01234567890abcdef", at times with a full stop and
                // more.
                let words = activity.description.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
                let named = words.filter_map(|word| word.parse::<Ec2InstanceId>().ok());
                for id in named.filter(|id| of.contains(id)) {
                    since.entry(id).or_insert(activity.began);
                }
            }
            page = read.next;
            if page.is_none() || in_progress.is_empty() || since.len() == of.len() {
                break;
            }
        }
        Ok(since)
    }

    pub(super) async fn heartbeat(&mut self, due: Vec<(Ec2InstanceId, LifecycleAction)>) {
        let this = &*self;
        let answers = each(due, |(id, action)| async move {
            let began = this.calls.now();
            let call = this.calls.ports.auto_scaling().record_heartbeat(&action);
            let answer = this.auto_scaling("autoscaling:RecordLifecycleActionHeartbeat", call).await;
            (id, answer, began)
        });
        for (id, answer, began) in answers.await {
            self.drains.heartbeat_answered(&id, answer, began, self.calls.now());
        }
    }

    pub(super) async fn complete(&mut self, due: Vec<(Ec2InstanceId, LifecycleAction, CompleteReason)>) {
        let this = &*self;
        let answers = each(due, |(id, action, reason)| async move {
            let result = match reason {
                CompleteReason::TimeUp(OnDrainTimeout::Abandon) => LifecycleActionResult::Abandon,
                _ => LifecycleActionResult::Continue,
            };
            let call = this.calls.ports.auto_scaling().complete(&action, result);
            let answer = this.auto_scaling("autoscaling:CompleteLifecycleAction", call).await;
            (id, reason, answer)
        });
        for (id, reason, answer) in answers.await {
            self.drains.completion_answered(&id, reason, answer, self.calls.now());
        }
    }
}
