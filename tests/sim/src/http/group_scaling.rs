//! Auto Scaling: what direct scaling asks of groups.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::auto_scaling_groups::activity_members;
use super::form::{Form, max_records, required};
use super::xml;
use crate::shared::{Called, SharedWorld};
use crate::world::auto_scaling::instance_refresh::DescribedRefresh;
use crate::world::ecs::event::iso;
use crate::world::{ApiError, Operation};

pub(super) fn set_desired_capacity(world: &SharedWorld, form: &Form) -> Result<Called<String>, ApiError> {
    let group = required(form, "AutoScalingGroupName")?;
    let desired = required(form, "DesiredCapacity")?.parse::<u32>();
    let desired = desired.map_err(|_| ApiError::validation("DesiredCapacity must be a number."))?;
    let honors_cooldown = boolean(form, "HonorCooldown")?.unwrap_or(false);
    Ok(world.call(None, Operation::SetDesiredCapacity, |world| {
        let set = if honors_cooldown {
            world.set_desired_capacity_after_cooldown(group, desired)
        } else {
            world.set_desired_capacity(group, desired)
        };
        set.map(|()| String::new())
    }))
}

pub(super) fn terminate_instance(world: &SharedWorld, form: &Form) -> Result<Called<String>, ApiError> {
    let id = required(form, "InstanceId")?;
    let decrement = boolean(form, "ShouldDecrementDesiredCapacity")?;
    let decrement = decrement.ok_or_else(|| {
        ApiError::validation("1 validation error detected: shouldDecrementDesiredCapacity must not be null")
    })?;
    // A text that is no instance id belongs to no instance.
    let unknown = format!("Instance Id not found - No managed instance found for instance ID: {id}");
    let id: Ec2InstanceId = id.parse().map_err(|_| ApiError::validation(unknown))?;
    Ok(world.call(None, Operation::TerminateInstanceInAutoScalingGroup, |world| {
        let group = world.group_of(&id).map(|group| group.settings.name.clone()).unwrap_or_default();
        let activity = world.terminate_instance_by_id(&id, decrement)?;
        Ok(format!("<Activity>{}</Activity>", activity_members(&group, &activity)))
    }))
}

pub(super) fn describe_instance_refreshes(
    world: &SharedWorld,
    form: &Form,
) -> Result<Called<String>, ApiError> {
    let group = required(form, "AutoScalingGroupName")?;
    let max_records = max_records(form)?;
    let token = form.get("NextToken").map(String::as_str);
    Ok(world.call(None, Operation::DescribeInstanceRefreshes, |world| {
        let page = world.describe_instance_refreshes(group, max_records, token)?;
        Ok(xml::page("InstanceRefreshes", &page, |it| refresh(group, it)))
    }))
}

fn refresh(group: &str, refresh: &DescribedRefresh) -> String {
    let DescribedRefresh { instances, instances_to_update, .. } = refresh;
    let done = ((instances - instances_to_update) * 100).checked_div(*instances).unwrap_or(100);
    let mut elements = vec![
        xml::element("InstanceRefreshId", &format!("00000000-0000-4000-9000-{:012x}", refresh.number)),
        xml::element("AutoScalingGroupName", group),
        xml::element("Status", refresh.status),
        xml::element("StartTime", &iso(refresh.began_at)),
        xml::element("PercentageComplete", &done.to_string()),
        xml::element("InstancesToUpdate", &instances_to_update.to_string()),
    ];
    if let Some(ended) = refresh.ended_at {
        elements.push(xml::element("EndTime", &iso(ended)));
    }
    format!("<member>{}</member>", elements.concat())
}

fn boolean(form: &Form, name: &str) -> Result<Option<bool>, ApiError> {
    let value = form.get(name).map(|value| value.parse()).transpose();
    value.map_err(|_| ApiError::validation(format!("{name} must be true or false.")))
}
