//! The capacity providers' port.

use aws_sdk_ecs::types::{CapacityProvider as SdkProvider, ManagedScalingStatus};
use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::ports::{CallError, CapacityProviders, Page, PageToken};

use super::{Ecs, owned};
use crate::call_error::call_error;

impl CapacityProviders for Ecs {
    async fn describe_capacity_providers(
        &self,
        names: &[String],
        page: Option<&PageToken>,
    ) -> Result<Page<CapacityProvider>, CallError> {
        let answer = self
            .client
            .describe_capacity_providers()
            .set_capacity_providers(Some(names.to_vec()))
            .set_next_token(page.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeCapacityProviders", names.join(", "), error))?;
        Ok(Page {
            items: answer.capacity_providers().iter().map(capacity_provider).collect(),
            next: answer.next_token.map(PageToken),
        })
    }
}

fn capacity_provider(provider: &SdkProvider) -> CapacityProvider {
    let of_group = provider.auto_scaling_group_provider();
    let scaling = of_group.and_then(|group| group.managed_scaling()?.status());
    CapacityProvider {
        name: owned(provider.name()),
        group: of_group.map(|group| group_name(group.auto_scaling_group_arn()).to_owned()),
        managed_scaling: scaling == Some(&ManagedScalingStatus::Enabled),
    }
}

/// The provider names its group by an ARN, `...:autoScalingGroupName/NAME`, or by its plain name
/// (API reference, `AutoScalingGroupProvider`).
fn group_name(arn_or_name: &str) -> &str {
    arn_or_name.split_once(":autoScalingGroupName/").map_or(arn_or_name, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_its_arn_or_its_name() {
        let arn =
            "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:a1b2:autoScalingGroupName/web/blue";
        assert_eq!((group_name(arn), group_name("web")), ("web/blue", "web"));
    }
}
