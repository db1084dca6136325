//! Lifecycle hooks and actions, and groups.

use std::time::Duration;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::drain_timeout_of;
use fleetkeeper_core::lifecycle::{
    AutoScalingGroup, GroupInstance, InstanceRefreshStatus, LifecycleAction, LifecycleActionId,
    LifecycleActionResult, LifecycleActionState, LifecycleHook, ScalingActivity,
};
use fleetkeeper_core::ports::{
    AutoScalingGroups, CallError, GroupScaling, LifecycleActions, Page, PageToken,
};

use super::SimulatedAws;
use super::error::call_error;
use crate::world::auto_scaling::describe::{DescribedGroup, DescribedInstance};
use crate::world::auto_scaling::hook::LifecycleTransition;
use crate::world::auto_scaling::lifecycle_action::{ActionReference, NO_ACTIVE_ACTION};
use crate::world::{ApiError, Operation, World};

impl LifecycleActions for SimulatedAws {
    async fn describe_termination_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, CallError> {
        let hooks = self.call(Operation::DescribeLifecycleHooks, group, |world| {
            world.describe_lifecycle_hooks(group, &[])
        });
        let on_terminations = hooks.await?.into_iter();
        let on_terminations = on_terminations
            .filter(|hook| hook.transition == LifecycleTransition::InstanceTerminating)
            .map(|hook| LifecycleHook {
                heartbeat_timeout: Duration::from_secs(hook.heartbeat_timeout_seconds.into()),
                global_timeout: Duration::from_secs(hook.global_timeout_seconds().into()),
                drain_timeout: drain_timeout_of(hook.notification_metadata.as_deref()),
                name: hook.name,
            });
        Ok(on_terminations.collect())
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError> {
        let operation = Operation::RecordLifecycleActionHeartbeat;
        let answer = self.ask(operation, |world| world.record_lifecycle_action_heartbeat(reference(action)));
        state(answer.await).map_err(|error| call_error(operation, &action.group, error))
    }

    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError> {
        let operation = Operation::CompleteLifecycleAction;
        let result = match result {
            LifecycleActionResult::Continue => "CONTINUE",
            LifecycleActionResult::Abandon => "ABANDON",
        };
        let answer = self.ask(operation, |world| world.complete_lifecycle_action(reference(action), result));
        state(answer.await).map_err(|error| call_error(operation, &action.group, error))
    }
}

impl AutoScalingGroups for SimulatedAws {
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        // Without names AWS describes every group of the account.
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = names.join(", ");
        let groups = self.call(Operation::DescribeAutoScalingGroups, &wanted, |world| {
            Ok(world.describe_auto_scaling_groups(names))
        });
        Ok(groups.await?.into_iter().map(described_group).collect())
    }

    async fn describe_scaling_activities(
        &self,
        group: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        let token = page.map(|token| token.0.as_str());
        let activities = self.call(Operation::DescribeScalingActivities, group, |world| {
            world.describe_scaling_activities(group, None, token)
        });
        let Page { items, next } = activities.await?;
        let items = items.into_iter().map(|activity| ScalingActivity {
            description: activity.description,
            began: activity.began_at,
            ended: activity.ended_at,
        });
        Ok(Page { items: items.collect(), next })
    }
}

impl GroupScaling for SimulatedAws {
    async fn set_desired_capacity(&self, group: &str, desired: u32) -> Result<(), CallError> {
        let set = |world: &mut World| world.set_desired_capacity(group, desired);
        self.call(Operation::SetDesiredCapacity, group, set).await
    }

    async fn terminate_and_decrement(&self, group: &str, id: &Ec2InstanceId) -> Result<(), CallError> {
        let terminate = |world: &mut World| world.terminate_instance_by_id(id, true).map(|_| ());
        let resource = format!("{group}: {id}");
        self.call(Operation::TerminateInstanceInAutoScalingGroup, &resource, terminate).await
    }

    async fn newest_instance_refresh(&self, group: &str) -> Result<Option<InstanceRefreshStatus>, CallError> {
        let refreshes = self.call(Operation::DescribeInstanceRefreshes, group, |world| {
            world.describe_instance_refreshes(group, None, None)
        });
        let newest = refreshes.await?.items.into_iter().next();
        Ok(newest.map(|newest| InstanceRefreshStatus(newest.status.to_owned())))
    }
}

fn described_group(group: DescribedGroup) -> AutoScalingGroup {
    let instance = |instance: DescribedInstance| GroupInstance {
        ec2_instance_id: instance.id,
        lifecycle_state: instance.state.as_str().to_owned(),
        availability_zone: instance.zone,
        instance_type: instance.instance_type,
        weight: instance.weighted_capacity.unwrap_or(1),
        protected: instance.protected_from_scale_in,
        launch_template_version: Some(instance.launch_template_version),
    };
    AutoScalingGroup {
        name: group.name,
        minimum: group.min_size,
        maximum: group.max_size,
        desired: group.desired_capacity,
        mixed: group.mixed_instances.is_some(),
        suspended: group.suspended_processes.into_iter().map(|it| it.as_str().to_owned()).collect(),
        instances: group.instances.into_iter().map(instance).collect(),
        has_load_balancer: group.has_load_balancer,
        has_warm_pool: group.has_warm_pool,
    }
}

fn reference(action: &LifecycleAction) -> ActionReference<'_> {
    let (token, instance_id) = match &action.id {
        LifecycleActionId::Token(token) => (Some(token.as_str()), None),
        LifecycleActionId::Instance(id) => (None, Some(id.as_str())),
    };
    ActionReference { group: &action.group, hook: &action.hook, token, instance_id }
}

/// An action that is over is an answer to a port's caller, and an error to AWS.
fn state(answer: Result<(), ApiError>) -> Result<LifecycleActionState, ApiError> {
    match answer {
        Ok(()) => Ok(LifecycleActionState::Active),
        Err(error) if error.message.starts_with(NO_ACTIVE_ACTION) => Ok(LifecycleActionState::Gone),
        Err(error) => Err(error),
    }
}
