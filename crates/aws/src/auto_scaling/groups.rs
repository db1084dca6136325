//! The groups' port: their instances, and what they did and are doing.

use aws_sdk_autoscaling::types::{
    Activity as SdkActivity, AutoScalingGroup as SdkGroup, Instance as SdkInstance,
    LaunchTemplateSpecification, SuspendedProcess,
};
use fleetkeeper_core::lifecycle::{AutoScalingGroup, GroupInstance, ScalingActivity};
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, Page, PageToken};

use super::AutoScaling;
use crate::call_error::call_error;
use crate::timestamp::time;

impl AutoScalingGroups for AutoScaling {
    async fn describe_groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        // Without names AWS describes every group of the account.
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // AWS may return fewer groups than a page can hold, and a token.
        let (mut groups, mut token) = (Vec::new(), None);
        loop {
            let answer = self
                .client
                .describe_auto_scaling_groups()
                .set_auto_scaling_group_names(Some(names.to_vec()))
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| {
                    call_error("autoscaling:DescribeAutoScalingGroups", named(&names.join(", ")), error)
                })?;
            groups.extend(answer.auto_scaling_groups().iter().map(group));
            token = answer.next_token;
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    async fn describe_scaling_activities(
        &self,
        group: &str,
        page: Option<&PageToken>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        let answer = self
            .client
            .describe_scaling_activities()
            .auto_scaling_group_name(group)
            .set_next_token(page.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| call_error("autoscaling:DescribeScalingActivities", named(group), error))?;
        Ok(Page {
            items: answer.activities().iter().filter_map(scaling_activity).collect(),
            next: answer.next_token.map(PageToken),
        })
    }
}

fn group(group: &SdkGroup) -> AutoScalingGroup {
    let suspended = group.suspended_processes().iter().filter_map(SuspendedProcess::process_name);
    AutoScalingGroup {
        name: group.auto_scaling_group_name().unwrap_or_default().to_owned(),
        minimum: units(group.min_size()),
        maximum: units(group.max_size()),
        desired: units(group.desired_capacity()),
        mixed: group.mixed_instances_policy().is_some(),
        suspended: suspended.map(str::to_owned).collect(),
        instances: group.instances().iter().filter_map(group_instance).collect(),
        has_load_balancer: !(group.load_balancer_names().is_empty()
            && group.target_group_arns().is_empty()
            && group.traffic_sources().is_empty()),
        has_warm_pool: group.warm_pool_configuration().is_some(),
    }
}

fn units(size: Option<i32>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

/// An instance whose id is none of EC2's could not be asked for anywhere: it is passed over.
fn group_instance(instance: &SdkInstance) -> Option<GroupInstance> {
    Some(GroupInstance {
        ec2_instance_id: instance.instance_id()?.parse().ok()?,
        lifecycle_state: instance.lifecycle_state()?.as_str().to_owned(),
        availability_zone: instance.availability_zone().unwrap_or_default().to_owned(),
        instance_type: instance.instance_type().unwrap_or_default().to_owned(),
        // A text, and there only in a group with weights (API reference, `Instance`).
        weight: instance.weighted_capacity().and_then(|weight| weight.parse().ok()).unwrap_or(1),
        protected: instance.protected_from_scale_in().unwrap_or(false),
        launch_template_version: instance
            .launch_template()
            .and_then(LaunchTemplateSpecification::version)
            .and_then(|version| version.parse().ok()),
    })
}

/// An activity has a time at which it began, always.
fn scaling_activity(activity: &SdkActivity) -> Option<ScalingActivity> {
    Some(ScalingActivity {
        description: activity.description().unwrap_or_default().to_owned(),
        began: time(activity.start_time()?)?,
        ended: activity.end_time().and_then(time),
    })
}

fn named(group: &str) -> String {
    format!("group {group}")
}
