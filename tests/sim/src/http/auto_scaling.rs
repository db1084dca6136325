//! Auto Scaling: the Query protocol of 2011-01-01, form in, XML out.

use super::form::{Form, members, required};
use super::{Answer, auto_scaling_groups, group_scaling, xml};
use crate::shared::{Called, SharedWorld};
use crate::world::auto_scaling::hook::LifecycleHook;
use crate::world::auto_scaling::lifecycle_action::ActionReference;
use crate::world::{ACCOUNT, ApiError, Operation};

/// Answers a request; none, where a fault leaves it without.
pub(super) fn answer(world: &SharedWorld, body: &[u8], request_id: &str) -> Option<Answer> {
    let form: Form = form_urlencoded::parse(body).into_owned().collect();
    let action = form.get("Action").map_or("", String::as_str);
    let called = match call(world, action, &form) {
        Ok(called) => called,
        Err(error) => Called::Answered(Err(error)),
    };
    let (status, body) = match called {
        Called::Answered(Ok(result)) => (200, xml::answer(action, &result, request_id)),
        Called::Answered(Err(error)) => (error.status, xml::error(&error, request_id)),
        Called::Hanging => return None,
    };
    Some(Answer { status, content_type: "text/xml", error_type: None, body })
}

fn call(world: &SharedWorld, action: &str, form: &Form) -> Result<Called<String>, ApiError> {
    refuse_unknown(action, form)?;
    match (action, form.get("Version").map(String::as_str)) {
        ("DescribeLifecycleHooks", Some("2011-01-01")) => describe_lifecycle_hooks(world, form),
        ("RecordLifecycleActionHeartbeat", Some("2011-01-01")) => record_heartbeat(world, form),
        ("CompleteLifecycleAction", Some("2011-01-01")) => complete(world, form),
        ("DescribeAutoScalingGroups", Some("2011-01-01")) => {
            auto_scaling_groups::describe_auto_scaling_groups(world, form)
        }
        ("DescribeScalingActivities", Some("2011-01-01")) => {
            auto_scaling_groups::describe_scaling_activities(world, form)
        }
        ("SetDesiredCapacity", Some("2011-01-01")) => group_scaling::set_desired_capacity(world, form),
        ("TerminateInstanceInAutoScalingGroup", Some("2011-01-01")) => {
            group_scaling::terminate_instance(world, form)
        }
        ("DescribeInstanceRefreshes", Some("2011-01-01")) => {
            group_scaling::describe_instance_refreshes(world, form)
        }
        (_, version) => {
            let version = version.unwrap_or("(none)");
            let said = format!("The simulated Auto Scaling does not know {action:?} of version {version}.");
            Err(ApiError::client("InvalidAction", said))
        }
    }
}

/// Members that the world does not know are refused: an answer that overlooked them would be a
/// wrong one.
fn refuse_unknown(action: &str, form: &Form) -> Result<(), ApiError> {
    const ACTION: [&str; 4] =
        ["AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "InstanceId"];
    let known: &[&str] = match action {
        "DescribeLifecycleHooks" => &["AutoScalingGroupName", "LifecycleHookNames"],
        "RecordLifecycleActionHeartbeat" => &ACTION,
        "CompleteLifecycleAction" => &[ACTION[0], ACTION[1], ACTION[2], ACTION[3], "LifecycleActionResult"],
        "DescribeAutoScalingGroups" => {
            &["AutoScalingGroupNames", "IncludeInstances", "MaxRecords", "NextToken"]
        }
        "SetDesiredCapacity" => &["AutoScalingGroupName", "DesiredCapacity", "HonorCooldown"],
        "TerminateInstanceInAutoScalingGroup" => &["InstanceId", "ShouldDecrementDesiredCapacity"],
        "DescribeScalingActivities" | "DescribeInstanceRefreshes" => {
            &["AutoScalingGroupName", "MaxRecords", "NextToken"]
        }
        _ => return Ok(()),
    };
    let mut members = form.keys().filter_map(|key| key.split('.').next());
    match members.find(|name| !["Action", "Version"].contains(name) && !known.contains(name)) {
        Some(name) => {
            Err(ApiError::validation(format!("The simulated Auto Scaling cannot take {name} of {action}.")))
        }
        None => Ok(()),
    }
}

fn describe_lifecycle_hooks(world: &SharedWorld, form: &Form) -> Result<Called<String>, ApiError> {
    let group = required(form, "AutoScalingGroupName")?;
    let names = members(form, "LifecycleHookNames");
    Ok(world.call(None, Operation::DescribeLifecycleHooks, |world| {
        let hooks = world.describe_lifecycle_hooks(group, &names)?;
        let members: String = hooks.iter().map(|hook| member(group, hook)).collect();
        Ok(format!("<LifecycleHooks>{members}</LifecycleHooks>"))
    }))
}

fn record_heartbeat(world: &SharedWorld, form: &Form) -> Result<Called<String>, ApiError> {
    let action = reference(form)?;
    Ok(world.call(None, Operation::RecordLifecycleActionHeartbeat, |world| {
        world.record_lifecycle_action_heartbeat(action).map(|()| String::new())
    }))
}

fn complete(world: &SharedWorld, form: &Form) -> Result<Called<String>, ApiError> {
    let (action, result) = (reference(form)?, required(form, "LifecycleActionResult")?);
    Ok(world.call(None, Operation::CompleteLifecycleAction, |world| {
        world.complete_lifecycle_action(action, result).map(|()| String::new())
    }))
}

fn reference(form: &Form) -> Result<ActionReference<'_>, ApiError> {
    Ok(ActionReference {
        group: required(form, "AutoScalingGroupName")?,
        hook: required(form, "LifecycleHookName")?,
        token: form.get("LifecycleActionToken").map(String::as_str),
        instance_id: form.get("InstanceId").map(String::as_str),
    })
}

fn member(group: &str, hook: &LifecycleHook) -> String {
    let mut elements = vec![
        xml::element("AutoScalingGroupName", group),
        xml::element("LifecycleHookName", &hook.name),
        xml::element("LifecycleTransition", hook.transition.as_str()),
        xml::element("HeartbeatTimeout", &hook.heartbeat_timeout_seconds.to_string()),
        xml::element("GlobalTimeout", &hook.global_timeout_seconds().to_string()),
        xml::element("DefaultResult", hook.default_result.as_str()),
    ];
    if let Some(topic) = &hook.notification_target_arn {
        elements.push(xml::element("NotificationTargetARN", topic));
        elements.push(xml::element("RoleARN", &format!("arn:aws:iam::{ACCOUNT}:role/lifecycle-hook")));
    }
    if let Some(metadata) = &hook.notification_metadata {
        elements.push(xml::element("NotificationMetadata", metadata));
    }
    format!("<member>{}</member>", elements.concat())
}
