//! Auto Scaling: groups, and what they did and are doing.

use super::form::{Form, max_records, members, required};
use super::xml;
use crate::shared::{Called, SharedWorld};
use crate::world::auto_scaling::activity::ScalingActivity;
use crate::world::auto_scaling::describe::{DescribedGroup, DescribedInstance};
use crate::world::auto_scaling::processes::ScalingProcess;
use crate::world::auto_scaling::termination_policy::TerminationPolicy;
use crate::world::ecs::capacity_provider::CapacityProvider;
use crate::world::ecs::event::iso;
use crate::world::{ACCOUNT, ApiError, Operation, REGION};

/// `DefaultCooldown`, in seconds, of groups that set none.
const DEFAULT_COOLDOWN: u32 = 300;

/// The world's groups were there before it began.
const CREATED: &str = "2026-01-01T00:00:00.000Z";

pub(super) fn describe_auto_scaling_groups(
    world: &SharedWorld,
    form: &Form,
) -> Result<Called<String>, ApiError> {
    let names = members(form, "AutoScalingGroupNames");
    let max_records = max_records(form)?;
    let token = form.get("NextToken").map(String::as_str);
    let with_instances = form.get("IncludeInstances").is_none_or(|wanted| wanted != "false");
    Ok(world.call(None, Operation::DescribeAutoScalingGroups, |world| {
        let page = world.describe_auto_scaling_groups_page(&names, max_records, token)?;
        Ok(xml::page("AutoScalingGroups", &page, |it| group(it, with_instances)))
    }))
}

pub(super) fn describe_scaling_activities(
    world: &SharedWorld,
    form: &Form,
) -> Result<Called<String>, ApiError> {
    let group = required(form, "AutoScalingGroupName")?;
    let max_records = max_records(form)?;
    let token = form.get("NextToken").map(String::as_str);
    Ok(world.call(None, Operation::DescribeScalingActivities, |world| {
        let page = world.describe_scaling_activities(group, max_records, token)?;
        Ok(xml::page("Activities", &page, |it| activity(group, it)))
    }))
}

/// The world's figures of a group, and the members that AWS requires beside (botocore,
/// `AutoScalingGroup`).
fn group(group: &DescribedGroup, with_instances: bool) -> String {
    let zones: String = group.zones.iter().map(|zone| xml::element("member", zone)).collect();
    let shown = group.instances.iter().filter(|_| with_instances);
    let instances: String = shown.map(instance).collect();
    let target_groups = if group.has_load_balancer { target_group(&group.name) } else { String::new() };
    let suspended: String = group.suspended_processes.iter().map(|it| suspended(*it)).collect();
    let elements = [
        xml::element("AutoScalingGroupName", &group.name),
        xml::element("AutoScalingGroupARN", &CapacityProvider::new("", &group.name).group_arn()),
        xml::element("DefaultCooldown", &DEFAULT_COOLDOWN.to_string()),
        xml::element("HealthCheckType", "EC2"),
        xml::element("CreatedTime", CREATED),
        format!("<TerminationPolicies>{}</TerminationPolicies>", termination_policy(group)),
        xml::element("MinSize", &group.min_size.to_string()),
        xml::element("MaxSize", &group.max_size.to_string()),
        xml::element("DesiredCapacity", &group.desired_capacity.to_string()),
        format!("<AvailabilityZones>{zones}</AvailabilityZones>"),
        format!("<TargetGroupARNs>{target_groups}</TargetGroupARNs>"),
        format!("<Instances>{instances}</Instances>"),
        format!("<SuspendedProcesses>{suspended}</SuspendedProcesses>"),
        xml::element("NewInstancesProtectedFromScaleIn", &group.new_instances_protected.to_string()),
        group.mixed_instances.as_deref().map(mixed_instances_policy).unwrap_or_default(),
        group.has_warm_pool.then(warm_pool).unwrap_or_default(),
    ];
    format!("<member>{}</member>", elements.concat())
}

fn termination_policy(group: &DescribedGroup) -> String {
    let name = match &group.termination_policy {
        TerminationPolicy::Default => "Default".to_owned(),
        TerminationPolicy::OldestInstance => "OldestInstance".to_owned(),
        TerminationPolicy::NewestInstance => "NewestInstance".to_owned(),
        // Only a function can name instances.
        TerminationPolicy::InOrder(_) => {
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:termination-policy:1")
        }
    };
    xml::element("member", &name)
}

fn suspended(process: ScalingProcess) -> String {
    let elements =
        [xml::element("ProcessName", process.as_str()), xml::element("SuspensionReason", "User suspended")];
    format!("<member>{}</member>", elements.concat())
}

fn mixed_instances_policy(types: &[(String, Option<u32>)]) -> String {
    let overrides = types.iter().map(|(name, weight)| {
        let weight = weight.map(|weight| xml::element("WeightedCapacity", &weight.to_string()));
        format!("<member>{}{}</member>", xml::element("InstanceType", name), weight.unwrap_or_default())
    });
    let overrides: String = overrides.collect();
    format!(
        "<MixedInstancesPolicy><LaunchTemplate><Overrides>{overrides}</Overrides></LaunchTemplate></MixedInstancesPolicy>"
    )
}

/// The default pool size (botocore, `WarmPoolConfiguration`) and what a scale-in sends there.
fn warm_pool() -> String {
    let reuse = xml::element("ReuseOnScaleIn", "true");
    let elements = [
        xml::element("MinSize", "0"),
        xml::element("PoolState", "Stopped"),
        format!("<InstanceReusePolicy>{reuse}</InstanceReusePolicy>"),
    ];
    format!("<WarmPoolConfiguration>{}</WarmPoolConfiguration>", elements.concat())
}

fn target_group(group: &str) -> String {
    let arn = format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{group}/0123456789abcdef");
    xml::element("member", &arn)
}

fn instance(instance: &DescribedInstance) -> String {
    let weight = instance.weighted_capacity;
    let weight = weight.map(|weight| xml::element("WeightedCapacity", &weight.to_string()));
    let elements = [
        xml::element("InstanceId", instance.id.as_str()),
        xml::element("InstanceType", &instance.instance_type),
        xml::element("AvailabilityZone", &instance.zone),
        xml::element("LifecycleState", instance.state.as_str()),
        xml::element("HealthStatus", "Healthy"),
        launch_template(instance.launch_template_version),
        xml::element("ProtectedFromScaleIn", &instance.protected_from_scale_in.to_string()),
        weight.unwrap_or_default(),
    ];
    format!("<member>{}</member>", elements.concat())
}

fn launch_template(version: u64) -> String {
    let elements = [
        xml::element("LaunchTemplateId", "lt-0a1b2c3d4e5f60718"),
        xml::element("LaunchTemplateName", "hosts"),
        xml::element("Version", &version.to_string()),
    ];
    format!("<LaunchTemplate>{}</LaunchTemplate>", elements.concat())
}

/// An activity, as an item of a list.
fn activity(group: &str, activity: &ScalingActivity) -> String {
    format!("<member>{}</member>", activity_members(group, activity))
}

/// The members of an activity.
pub(super) fn activity_members(group: &str, activity: &ScalingActivity) -> String {
    let mut elements = vec![
        xml::element("ActivityId", &format!("00000000-0000-4000-8000-{:012x}", activity.number)),
        xml::element("AutoScalingGroupName", group),
        xml::element("Description", &activity.description),
        xml::element("Cause", &format!("At {} the group's capacity was adjusted.", iso(activity.began_at))),
        xml::element("StartTime", &iso(activity.began_at)),
        xml::element("StatusCode", activity.status_code),
        xml::element("Progress", &activity.progress.to_string()),
    ];
    if let Some(ended) = activity.ended_at {
        elements.push(xml::element("EndTime", &iso(ended)));
    }
    elements.concat()
}
