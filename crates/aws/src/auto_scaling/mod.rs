//! The ports over EC2 Auto Scaling: lifecycle actions here, groups in `groups`, changes of their
//! size in `scaling`.

mod groups;
mod scaling;

use std::time::Duration;

use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::config::http::HttpResponse;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};
use fleetkeeper_core::drain::drain_timeout_of;
use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionId, LifecycleActionResult, LifecycleActionState, LifecycleHook,
    TERMINATING,
};
use fleetkeeper_core::ports::{CallError, LifecycleActions};

use crate::call_error::{call_error, service_answer};

/// The message of the `ValidationError` that both calls give for an action that is no longer there.
/// Neither it nor the code is modelled, and malformed requests have the same code.
const NO_ACTIVE_ACTION: &str = "No active Lifecycle Action found";

/// EC2 Auto Scaling.
#[derive(Debug, Clone)]
pub struct AutoScaling {
    client: Client,
}

impl AutoScaling {
    /// EC2 Auto Scaling by the SDK's configuration.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl LifecycleActions for AutoScaling {
    async fn describe_termination_hooks(&self, group: &str) -> Result<Vec<LifecycleHook>, CallError> {
        let answer =
            self.client.describe_lifecycle_hooks().auto_scaling_group_name(group).send().await.map_err(
                |error| call_error("autoscaling:DescribeLifecycleHooks", format!("group {group}"), error),
            )?;
        let on_terminations =
            answer.lifecycle_hooks().iter().filter(|hook| hook.lifecycle_transition() == Some(TERMINATING));
        Ok(on_terminations
            .filter_map(|hook| {
                Some(LifecycleHook {
                    name: hook.lifecycle_hook_name()?.to_owned(),
                    heartbeat_timeout: seconds(hook.heartbeat_timeout()?)?,
                    global_timeout: seconds(hook.global_timeout()?)?,
                    drain_timeout: drain_timeout_of(hook.notification_metadata()),
                })
            })
            .collect())
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError> {
        let answer = self
            .client
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(&action.group)
            .lifecycle_hook_name(&action.hook)
            .set_lifecycle_action_token(token_of(action))
            .set_instance_id(instance_of(action))
            .send()
            .await;
        state_after("autoscaling:RecordLifecycleActionHeartbeat", action, answer)
    }

    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError> {
        let answer = self
            .client
            .complete_lifecycle_action()
            .auto_scaling_group_name(&action.group)
            .lifecycle_hook_name(&action.hook)
            .set_lifecycle_action_token(token_of(action))
            .set_instance_id(instance_of(action))
            .lifecycle_action_result(match result {
                LifecycleActionResult::Continue => "CONTINUE",
                LifecycleActionResult::Abandon => "ABANDON",
            })
            .send()
            .await;
        state_after("autoscaling:CompleteLifecycleAction", action, answer)
    }
}

fn state_after<T, E>(
    operation: &'static str,
    action: &LifecycleAction,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<LifecycleActionState, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(_) => Ok(LifecycleActionState::Active),
        Err(error) => match service_answer(&error) {
            Some(answer) if answer.code == "ValidationError" && answer.message.contains(NO_ACTIVE_ACTION) => {
                Ok(LifecycleActionState::Gone)
            }
            _ => Err(call_error(operation, hook_of(action), error)),
        },
    }
}

fn token_of(action: &LifecycleAction) -> Option<String> {
    match &action.id {
        LifecycleActionId::Token(token) => Some(token.clone()),
        LifecycleActionId::Instance(_) => None,
    }
}

fn instance_of(action: &LifecycleAction) -> Option<String> {
    match &action.id {
        LifecycleActionId::Token(_) => None,
        LifecycleActionId::Instance(id) => Some(id.to_string()),
    }
}

fn hook_of(action: &LifecycleAction) -> String {
    format!("hook {} of group {}", action.hook, action.group)
}

fn seconds(number: i32) -> Option<Duration> {
    u64::try_from(number).ok().map(Duration::from_secs)
}
