//! Capacity providers: a name for a group, whose container instances carry it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fleetkeeper_core::ports::{Answer, PageToken};

use super::describe::missing;
use crate::world::auto_scaling::notice::group_arn;
use crate::world::{ACCOUNT, ApiError, REGION, World};

/// A capacity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// True if it was created with the group's name instead of its ARN: AWS takes and shows both.
    pub named_by_name: bool,
    /// True if ECS manages the group's scaling.
    pub managed_scaling: bool,
    /// How ECS scales the group. A world can show managed scaling without playing it.
    pub scaling: Option<ManagedScaling>,
    /// How soon ECS reacts, where it drains the group's instances.
    pub managed_draining: Option<TimeDelta>,
}

impl CapacityProvider {
    /// A provider without managed scaling, created with the group's ARN.
    #[must_use]
    pub fn new(name: &str, group: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            named_by_name: false,
            managed_scaling: false,
            scaling: None,
            managed_draining: None,
        }
    }

    /// Created with the group's name.
    #[must_use]
    pub fn named_by_name(mut self) -> Self {
        self.named_by_name = true;
        self
    }

    /// With managed scaling ENABLED, as `DescribeCapacityProviders` shows it.
    #[must_use]
    pub fn managing_scaling(mut self) -> Self {
        self.managed_scaling = true;
        self
    }

    /// With managed scaling, which the world plays.
    #[must_use]
    pub fn scaling(mut self, scaling: ManagedScaling) -> Self {
        self.managed_scaling = true;
        self.scaling = Some(scaling);
        self
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:ecs:{REGION}:{ACCOUNT}:capacity-provider/{}", self.name)
    }

    /// The value of `autoScalingGroupArn`.
    #[must_use]
    pub fn group_arn(&self) -> String {
        if self.named_by_name { self.group.clone() } else { group_arn(GROUP_ID, &self.group) }
    }
}

/// Capacity providers on a page, at most and by default.
const PROVIDERS_MAX: usize = 10;

/// The id in the groups' ARNs.
const GROUP_ID: &str = "00000000-0000-4000-8000-000000000000";

/// How ECS scales a provider's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManagedScaling {
    /// The share of the instances that tasks should use, in percent.
    pub target_capacity: u32,
    /// The fewest instances of a scale-out.
    pub minimum_step: u64,
    /// The most instances of a scale-out.
    pub maximum_step: u64,
    /// Seconds in service before an instance counts as warm. Until then, nothing is scaled.
    pub instance_warmup_seconds: u32,
    /// True with managed termination protection: only empty instances are removed.
    pub protects: bool,
}

impl ManagedScaling {
    /// AWS's defaults for a target capacity, with managed termination protection.
    #[must_use]
    pub const fn to(target_capacity: u32) -> Self {
        Self {
            target_capacity,
            minimum_step: 1,
            maximum_step: 10_000,
            instance_warmup_seconds: 300,
            protects: true,
        }
    }

    /// Without managed termination protection: the group's termination policy chooses.
    #[must_use]
    pub const fn without_protection(mut self) -> Self {
        self.protects = false;
        self
    }
}

impl World {
    /// `CreateCapacityProvider`. Container instances that have registered before carry no
    /// provider's name.
    pub fn create_capacity_provider(&mut self, provider: CapacityProvider) -> Result<(), ApiError> {
        self.group(&provider.group)?;
        self.begin_managed_scaling(&provider);
        self.begin_managed_draining(&provider);
        self.capacity_providers.insert(provider.name.clone(), provider);
        Ok(())
    }

    /// `DescribeCapacityProviders`, one page of at most ten: of all, or of those named by name or
    /// ARN.
    pub fn describe_capacity_providers(
        &self,
        named: &[String],
        max_results: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<(Answer<CapacityProvider>, Option<PageToken>), ApiError> {
        let mut answer = Answer { items: Vec::new(), failures: Vec::new() };
        let all = self.capacity_providers.keys().cloned().collect();
        let wanted: BTreeSet<String> = if named.is_empty() { all } else { named.iter().cloned().collect() };
        let size = match max_results.map(usize::try_from) {
            None => PROVIDERS_MAX,
            Some(Ok(size)) if (1..=PROVIDERS_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::invalid_parameter("maxResults must be between 1 and 10.")),
        };
        let after = next_token.map(|token| token.strip_prefix("after:").unwrap_or(token));
        let rest = wanted.into_iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        let mut page: Vec<String> = rest.take(size + 1).collect();
        let more = page.len() > size;
        page.truncate(size);
        for name in &page {
            match self.capacity_providers.get(name.rsplit('/').next().unwrap_or(name)) {
                Some(found) => answer.items.push(found.clone()),
                None => answer.failures.push(missing(CapacityProvider::new(name, "").arn())),
            }
        }
        let next = page.last().filter(|_| more).map(|last| PageToken(format!("after:{last}")));
        Ok((answer, next))
    }

    /// The provider of a group, if it has one.
    pub(crate) fn capacity_provider_of(&self, group: &str) -> Option<String> {
        let mut providers = self.capacity_providers.values();
        providers.find(|provider| provider.group == group).map(|provider| provider.name.clone())
    }
}
