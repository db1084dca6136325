//! `DescribeLifecycleHooks`, `RecordLifecycleActionHeartbeat` and `CompleteLifecycleAction`.

use super::hook::{ActionResult, LifecycleHook};
use crate::world::history::{ActionEnd, Occurrence};
use crate::world::{ApiError, World};

/// How a call says which action it means. AWS takes either of the last two.
#[derive(Debug, Clone, Copy, Default)]
pub struct ActionReference<'a> {
    /// The group's name.
    pub group: &'a str,
    /// The hook's name.
    pub hook: &'a str,
    /// The action's token: this very action.
    pub token: Option<&'a str>,
    /// The instance: whichever action of this hook it waits on.
    pub instance_id: Option<&'a str>,
}

/// How AWS says that an action is over, or never was. The code is that of bad parameters, too.
pub const NO_ACTIVE_ACTION: &str = "No active Lifecycle Action found";

impl World {
    /// `DescribeLifecycleHooks`: all of a group's hooks, or those named; a name that it does not
    /// have is passed over.
    pub fn describe_lifecycle_hooks(
        &self,
        group: &str,
        names: &[String],
    ) -> Result<Vec<LifecycleHook>, ApiError> {
        let hooks = self.group(group)?.hooks.values();
        Ok(hooks.filter(|hook| names.is_empty() || names.contains(&hook.name)).cloned().collect())
    }

    /// `RecordLifecycleActionHeartbeat`: the heartbeat timeout starts anew, within the global one.
    pub fn record_lifecycle_action_heartbeat(&mut self, action: ActionReference<'_>) -> Result<(), ApiError> {
        let token = self.active_action(action)?;
        let now = self.now;
        let group = self.group_mut(action.group)?;
        let (Some(active), Some(hook)) = (group.actions.get_mut(&token), group.hooks.get(action.hook)) else {
            return Err(no_active_action(action));
        };
        active.restart_timer(hook, now);
        let (deadline, instance) = (active.deadline, active.instance.clone());
        self.watch_deadline(action.group, &token, deadline);
        self.record(Occurrence::ActionHeartbeat {
            group: action.group.to_owned(),
            hook: action.hook.to_owned(),
            instance,
            token,
            deadline,
        });
        Ok(())
    }

    /// `CompleteLifecycleAction`. The result is a free text in the API, and one of two words in the
    /// service.
    pub fn complete_lifecycle_action(
        &mut self,
        action: ActionReference<'_>,
        result: &str,
    ) -> Result<(), ApiError> {
        let result = match result {
            "CONTINUE" => ActionResult::Continue,
            "ABANDON" => ActionResult::Abandon,
            other => {
                return Err(ApiError::validation(format!("Invalid lifecycle action result: {other}")));
            }
        };
        let token = self.active_action(action)?;
        self.end_action(action.group, &token, ActionEnd::Completed(result));
        Ok(())
    }

    /// The actions that are open on hooks of a name: their groups and tokens.
    #[must_use]
    pub fn open_actions(&self, hook: &str) -> Vec<(String, String)> {
        let actions = self.groups.iter().flat_map(|(name, group)| {
            let open = group.actions.iter().filter(|(_, action)| action.hook == hook);
            open.map(|(token, _)| (name.clone(), token.clone()))
        });
        actions.collect()
    }

    /// A fault: until it is taken back, calls find no action.
    pub(crate) fn deny_actions(&mut self, denied: bool) {
        self.actions_denied = denied;
    }

    fn active_action(&self, wanted: ActionReference<'_>) -> Result<String, ApiError> {
        if wanted.token.is_none() && wanted.instance_id.is_none() {
            let said = "Either LifecycleActionToken or InstanceId must be specified.";
            return Err(ApiError::validation(said));
        }
        let mut actions = self.group(wanted.group)?.actions.iter().filter(|_| !self.actions_denied);
        let found = actions.find(|(token, action)| {
            action.hook == wanted.hook
                && wanted.token.is_none_or(|wanted| wanted == token.as_str())
                && wanted.instance_id.is_none_or(|id| id == action.instance.as_str())
        });
        found.map(|(token, _)| token.clone()).ok_or_else(|| no_active_action(wanted))
    }
}

fn no_active_action(wanted: ActionReference<'_>) -> ApiError {
    ApiError::validation(match (wanted.token, wanted.instance_id) {
        (Some(token), _) => format!("{NO_ACTIVE_ACTION} with token {token}"),
        (None, id) => format!("{NO_ACTIVE_ACTION} with instance ID {}", id.unwrap_or_default()),
    })
}
