//! The port of direct scaling: desired capacity, terminations, instance refreshes.

use aws_sdk_autoscaling::config::Builder;
use aws_sdk_autoscaling::config::retry::RetryConfig;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::lifecycle::InstanceRefreshStatus;
use fleetkeeper_core::ports::{CallError, GroupScaling};

use super::AutoScaling;
use crate::call_error::call_error;

impl GroupScaling for AutoScaling {
    async fn set_desired_capacity(&self, group: &str, desired: u32) -> Result<(), CallError> {
        let request = self
            .client
            .set_desired_capacity()
            .auto_scaling_group_name(group)
            .desired_capacity(i32::try_from(desired).unwrap_or(i32::MAX));
        let answer = request.send().await;
        let error = |error| call_error("autoscaling:SetDesiredCapacity", format!("group {group}"), error);
        answer.map(|_| ()).map_err(error)
    }

    async fn terminate_and_decrement(&self, group: &str, id: &Ec2InstanceId) -> Result<(), CallError> {
        let request = self
            .client
            .terminate_instance_in_auto_scaling_group()
            .instance_id(id.as_str())
            .should_decrement_desired_capacity(true);
        // The answer of a request that took effect may be lost.
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let answer = request.customize().config_override(once).send().await;
        let of = || format!("instance {id} of group {group}");
        let error = |error| call_error("autoscaling:TerminateInstanceInAutoScalingGroup", of(), error);
        answer.map(|_| ()).map_err(error)
    }

    async fn newest_instance_refresh(&self, group: &str) -> Result<Option<InstanceRefreshStatus>, CallError> {
        let request = self.client.describe_instance_refreshes().auto_scaling_group_name(group).max_records(1);
        let answer = request.send().await.map_err(|error| {
            call_error("autoscaling:DescribeInstanceRefreshes", format!("group {group}"), error)
        })?;
        let newest = answer.instance_refreshes().first();
        // One without a status may be under way.
        let status = newest.map(|it| it.status().map_or("", |status| status.as_str()).to_owned());
        Ok(status.map(InstanceRefreshStatus))
    }
}
