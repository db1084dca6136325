//! The AWS operations that the world answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operation, as the history, the call counts and the fault script name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// `ecs:ListContainerInstances`
    ListContainerInstances,
    /// `ecs:DescribeContainerInstances`
    DescribeContainerInstances,
    /// `ecs:UpdateContainerInstancesState`
    UpdateContainerInstancesState,
    /// `ecs:ListTasks`
    ListTasks,
    /// `ecs:DescribeTasks`
    DescribeTasks,
    /// `ecs:StopTask`
    StopTask,
    /// `ecs:DescribeTaskDefinition`
    DescribeTaskDefinition,
    /// `ecs:ListServices`
    ListServices,
    /// `ecs:DescribeServices`
    DescribeServices,
    /// `ecs:GetTaskProtection`
    GetTaskProtection,
    /// `ecs:DescribeCapacityProviders`
    DescribeCapacityProviders,
    /// `autoscaling:DescribeLifecycleHooks`
    DescribeLifecycleHooks,
    /// `autoscaling:RecordLifecycleActionHeartbeat`
    RecordLifecycleActionHeartbeat,
    /// `autoscaling:CompleteLifecycleAction`
    CompleteLifecycleAction,
    /// `autoscaling:DescribeAutoScalingGroups`
    DescribeAutoScalingGroups,
    /// `autoscaling:DescribeScalingActivities`
    DescribeScalingActivities,
    /// `autoscaling:SetDesiredCapacity`
    SetDesiredCapacity,
    /// `autoscaling:TerminateInstanceInAutoScalingGroup`
    TerminateInstanceInAutoScalingGroup,
    /// `autoscaling:DescribeInstanceRefreshes`
    DescribeInstanceRefreshes,
    /// `sns:Publish`
    Publish,
    /// `cloudwatch:PutMetricData`
    PutMetricData,
}

/// The AWS service that an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsService {
    /// Elastic Container Service.
    Ecs,
    /// EC2 Auto Scaling.
    AutoScaling,
    /// Simple Notification Service.
    Sns,
    /// CloudWatch.
    CloudWatch,
}

impl Operation {
    /// All of them: what the functions call, in the order in which seeds draw from them.
    pub const ALL: [Self; 21] = [
        Self::ListContainerInstances,
        Self::DescribeContainerInstances,
        Self::UpdateContainerInstancesState,
        Self::ListTasks,
        Self::DescribeTasks,
        Self::DescribeLifecycleHooks,
        Self::RecordLifecycleActionHeartbeat,
        Self::CompleteLifecycleAction,
        Self::DescribeAutoScalingGroups,
        Self::DescribeScalingActivities,
        Self::StopTask,
        Self::DescribeTaskDefinition,
        Self::ListServices,
        Self::DescribeServices,
        Self::GetTaskProtection,
        Self::Publish,
        Self::PutMetricData,
        Self::DescribeCapacityProviders,
        Self::SetDesiredCapacity,
        Self::TerminateInstanceInAutoScalingGroup,
        Self::DescribeInstanceRefreshes,
    ];

    /// Those that direct scaling alone calls.
    pub const OF_DIRECT_SCALING: [Self; 3] = [
        Self::SetDesiredCapacity,
        Self::TerminateInstanceInAutoScalingGroup,
        Self::DescribeInstanceRefreshes,
    ];

    /// The operation as IAM writes it: `ecs:ListTasks`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListContainerInstances => "ecs:ListContainerInstances",
            Self::DescribeContainerInstances => "ecs:DescribeContainerInstances",
            Self::UpdateContainerInstancesState => "ecs:UpdateContainerInstancesState",
            Self::ListTasks => "ecs:ListTasks",
            Self::DescribeTasks => "ecs:DescribeTasks",
            Self::StopTask => "ecs:StopTask",
            Self::DescribeTaskDefinition => "ecs:DescribeTaskDefinition",
            Self::ListServices => "ecs:ListServices",
            Self::DescribeServices => "ecs:DescribeServices",
            Self::GetTaskProtection => "ecs:GetTaskProtection",
            Self::DescribeCapacityProviders => "ecs:DescribeCapacityProviders",
            Self::DescribeLifecycleHooks => "autoscaling:DescribeLifecycleHooks",
            Self::RecordLifecycleActionHeartbeat => "autoscaling:RecordLifecycleActionHeartbeat",
            Self::CompleteLifecycleAction => "autoscaling:CompleteLifecycleAction",
            Self::DescribeAutoScalingGroups => "autoscaling:DescribeAutoScalingGroups",
            Self::DescribeScalingActivities => "autoscaling:DescribeScalingActivities",
            Self::SetDesiredCapacity => "autoscaling:SetDesiredCapacity",
            Self::TerminateInstanceInAutoScalingGroup => "autoscaling:TerminateInstanceInAutoScalingGroup",
            Self::DescribeInstanceRefreshes => "autoscaling:DescribeInstanceRefreshes",
            Self::Publish => "sns:Publish",
            Self::PutMetricData => "cloudwatch:PutMetricData",
        }
    }

    /// Returns whether its effect cannot be undone. A heartbeat only puts off an end.
    pub(crate) const fn is_final(self) -> bool {
        matches!(
            self,
            Self::UpdateContainerInstancesState
                | Self::StopTask
                | Self::CompleteLifecycleAction
                | Self::Publish
                | Self::PutMetricData
                | Self::SetDesiredCapacity
                | Self::TerminateInstanceInAutoScalingGroup
        )
    }

    /// Returns whether it reads a cluster's resources.
    #[must_use]
    pub const fn reads_cluster_resources(self) -> bool {
        matches!(
            self,
            Self::ListContainerInstances
                | Self::DescribeContainerInstances
                | Self::ListTasks
                | Self::DescribeTasks
        )
    }

    /// Returns whether it is on several resources, each of which may fail separately.
    #[must_use]
    pub const fn is_on_several(self) -> bool {
        matches!(
            self,
            Self::DescribeContainerInstances
                | Self::UpdateContainerInstancesState
                | Self::DescribeTasks
                | Self::DescribeServices
                | Self::GetTaskProtection
        )
    }

    /// The service that answers it.
    #[must_use]
    pub const fn service(self) -> AwsService {
        match self {
            Self::ListContainerInstances
            | Self::DescribeContainerInstances
            | Self::UpdateContainerInstancesState
            | Self::ListTasks
            | Self::DescribeTasks
            | Self::StopTask
            | Self::DescribeTaskDefinition
            | Self::ListServices
            | Self::DescribeServices
            | Self::GetTaskProtection
            | Self::DescribeCapacityProviders => AwsService::Ecs,
            Self::DescribeLifecycleHooks
            | Self::RecordLifecycleActionHeartbeat
            | Self::CompleteLifecycleAction
            | Self::DescribeAutoScalingGroups
            | Self::DescribeScalingActivities
            | Self::SetDesiredCapacity
            | Self::TerminateInstanceInAutoScalingGroup
            | Self::DescribeInstanceRefreshes => AwsService::AutoScaling,
            Self::Publish => AwsService::Sns,
            Self::PutMetricData => AwsService::CloudWatch,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
