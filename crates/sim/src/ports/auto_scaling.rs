//! Lifecycle hooks and actions.

use std::time::Duration;

use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionId, LifecycleActionResult, LifecycleActionState, LifecycleHook,
};
use fleetkeeper_core::ports::{CallError, LifecycleActions};

use super::SimulatedAws;
use super::error::call_error;
use crate::world::auto_scaling::lifecycle_action::{ActionReference, NO_ACTIVE_ACTION};
use crate::world::{ApiError, Operation};

impl LifecycleActions for SimulatedAws {
    async fn describe_hook(&self, action: &LifecycleAction) -> Result<Option<LifecycleHook>, CallError> {
        let hooks = self.call(Operation::DescribeLifecycleHooks, &action.group, |world| {
            world.describe_lifecycle_hooks(&action.group, std::slice::from_ref(&action.hook))
        });
        Ok(hooks.await?.first().map(|hook| LifecycleHook {
            heartbeat_timeout: Duration::from_secs(hook.heartbeat_timeout_seconds.into()),
            global_timeout: Duration::from_secs(hook.global_timeout_seconds().into()),
        }))
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
