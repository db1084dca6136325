//! EC2 Auto Scaling.

use super::{CallError, Page, PageToken};
use crate::lifecycle::{
    GroupInstance, LifecycleAction, LifecycleActionResult, LifecycleActionState, LifecycleHook,
    ScalingActivity,
};

/// EC2 Auto Scaling's lifecycle hooks and actions.
pub trait LifecycleActions {
    /// `DescribeLifecycleHooks` of one hook; none if the group has no such hook any more.
    async fn describe_hook(&self, action: &LifecycleAction) -> Result<Option<LifecycleHook>, CallError>;

    /// `RecordLifecycleActionHeartbeat`: starts the heartbeat timeout anew.
    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError>;

    /// `CompleteLifecycleAction`.
    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError>;
}

/// EC2 Auto Scaling's groups.
pub trait AutoScalingGroups {
    /// `DescribeAutoScalingGroups` of one group: all its instances, those of its warm pool not among them; none if there
    /// is no such group.
    async fn describe_group(&self, group: &str) -> Result<Option<Vec<GroupInstance>>, CallError>;

    /// `DescribeScalingActivities` of one group, one page, newest first, those in progress before all others.
    async fn describe_scaling_activities(
        &self,
        group: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError>;
}
