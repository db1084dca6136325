//! EC2 Auto Scaling.

use super::{CallError, Page, PageToken};
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{
    AutoScalingGroup, InstanceRefreshStatus, LifecycleAction, LifecycleActionResult, LifecycleActionState,
    LifecycleHook, ScalingActivity,
};

/// EC2 Auto Scaling's lifecycle hooks and actions.
pub trait LifecycleActions {
    /// `DescribeLifecycleHooks` of one group: all its hooks on terminations (a group has at most 50
    /// hooks, and the call has no pages).
    async fn describe_termination_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, CallError>;

    /// `RecordLifecycleActionHeartbeat`: starts the heartbeat timeout anew.
    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError>;

    /// `CompleteLifecycleAction`.
    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError>;
}

/// The most groups that one `DescribeAutoScalingGroups` takes, and describes on one page without
/// `MaxRecords` (API reference).
pub const GROUPS_MAX: usize = 50;

/// EC2 Auto Scaling's groups.
pub trait AutoScalingGroups {
    /// `DescribeAutoScalingGroups` of at most [`GROUPS_MAX`] groups by name. A group that does not
    /// exist is not in the answer.
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError>;

    /// `DescribeAutoScalingGroups` of one group; none if there is no such group.
    async fn describe_group(&self, group: &str) -> Result<Option<AutoScalingGroup>, CallError> {
        let described = self.describe_groups(&[group.to_owned()]).await?;
        Ok(described.into_iter().find(|found| found.name == group))
    }

    /// `DescribeScalingActivities` of one group, one page, newest first, those in progress before
    /// all others.
    async fn describe_scaling_activities(
        &self,
        group: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError>;
}

/// Direct scaling's calls on EC2 Auto Scaling.
pub trait GroupScaling {
    /// `SetDesiredCapacity` in the group's capacity units, without `HonorCooldown`. The number is
    /// absolute: a request that is sent twice changes nothing more.
    async fn set_desired_capacity(&self, group: &str, desired: u32) -> Result<(), CallError>;

    /// `TerminateInstanceInAutoScalingGroup` of one instance with `ShouldDecrementDesiredCapacity`.
    /// The group is named in errors only: the request has the instance alone.
    ///
    /// An implementation sends it once. AWS does not document whether a second request for an
    /// instance that is already terminating decrements again.
    async fn terminate_and_decrement(&self, group: &str, id: &Ec2InstanceId) -> Result<(), CallError>;

    /// The status of the newest refresh in `DescribeInstanceRefreshes` of one group; none where the
    /// group had none in six weeks. A group has at most one refresh under way, and AWS lists the
    /// newest first.
    async fn newest_instance_refresh(&self, group: &str) -> Result<Option<InstanceRefreshStatus>, CallError>;
}
