//! The groups' port: their instances, and what they did and are doing.

use aws_sdk_autoscaling::types::{Activity as SdkActivity, Instance as SdkInstance};
use fleetkeeper_core::lifecycle::{AutoScalingGroup, GroupInstance, ScalingActivity};
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, Page, PageToken};

use super::AutoScaling;
use crate::call_error::call_error;
use crate::timestamp::time;

impl AutoScalingGroups for AutoScaling {
    async fn describe_group(&self, group: &str) -> Result<Option<AutoScalingGroup>, CallError> {
        let answer = self
            .client
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(group)
            .send()
            .await
            .map_err(|error| call_error("autoscaling:DescribeAutoScalingGroups", named(group), error))?;
        let mut groups = answer.auto_scaling_groups().iter();
        let found = groups.find(|found| found.auto_scaling_group_name() == Some(group));
        Ok(found.map(|found| AutoScalingGroup {
            instances: found.instances().iter().filter_map(group_instance).collect(),
            has_load_balancer: !(found.load_balancer_names().is_empty()
                && found.target_group_arns().is_empty()
                && found.traffic_sources().is_empty()),
        }))
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

/// An instance whose id is none of EC2's could not be asked for anywhere: it is passed over.
fn group_instance(instance: &SdkInstance) -> Option<GroupInstance> {
    Some(GroupInstance {
        ec2_instance_id: instance.instance_id()?.parse().ok()?,
        lifecycle_state: instance.lifecycle_state()?.as_str().to_owned(),
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
