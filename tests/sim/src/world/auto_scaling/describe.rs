//! `DescribeAutoScalingGroups`.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::{DESCRIBE_MAX, Page, PageToken};

use super::group::Group;
use super::instance::LifecycleState;
use super::lagging_groups::LaggingGroups;
use super::mixed_instances::MixedInstances;
use super::processes::ScalingProcess;
use super::termination_policy::TerminationPolicy;
use crate::world::{ApiError, World};

/// Groups on a page by default, and names in a request (API reference,
/// `DescribeAutoScalingGroups`).
const GROUPS_PAGE: usize = 50;

/// A group as `DescribeAutoScalingGroups` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Its name.
    pub name: String,
    /// The fewest instances.
    pub min_size: u32,
    /// The most instances.
    pub max_size: u32,
    /// How many it wants.
    pub desired_capacity: u32,
    /// The types of its mixed instances policy and their weights, if it has one.
    pub mixed_instances: Option<Vec<(String, Option<u32>)>>,
    /// True if scale-in protection is on for new instances.
    pub new_instances_protected: bool,
    /// Its suspended processes.
    pub suspended_processes: Vec<ScalingProcess>,
    /// Its Availability Zones.
    pub zones: Vec<String>,
    /// Which instance a scale-in takes.
    pub termination_policy: TerminationPolicy,
    /// True if it is behind a load balancer: it has a target group.
    pub has_load_balancer: bool,
    /// True if it has a warm pool.
    pub has_warm_pool: bool,
    /// Its instances, without those of its warm pool.
    pub instances: Vec<DescribedInstance>,
}

/// An instance of a group as `DescribeAutoScalingGroups` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedInstance {
    /// Its id.
    pub id: Ec2InstanceId,
    /// Its type.
    pub instance_type: String,
    /// Its Availability Zone.
    pub zone: String,
    /// Where it is in its life.
    pub state: LifecycleState,
    /// `ProtectedFromScaleIn`.
    pub protected_from_scale_in: bool,
    /// Its capacity units, in a group that has weights.
    pub weighted_capacity: Option<u32>,
    /// The version of the launch template that it was launched from.
    pub launch_template_version: u64,
}

impl World {
    /// `DescribeAutoScalingGroups`: all groups, or those named; a name that no group has is passed
    /// over. All of them on one page.
    #[must_use]
    pub fn describe_auto_scaling_groups(&self, names: &[String]) -> Vec<DescribedGroup> {
        if let Some(past) = self.lagging_groups.as_ref().and_then(LaggingGroups::serving) {
            let wanted = past.iter().filter(|group| names.is_empty() || names.contains(&group.name));
            return wanted.cloned().collect();
        }
        let groups = self.groups.values();
        let wanted = groups.filter(|group| names.is_empty() || names.contains(&group.settings.name));
        wanted.map(Group::described).collect()
    }

    /// The same in pages: 50 groups by default and 100 at most, for as many names as a page may
    /// hold.
    pub fn describe_auto_scaling_groups_page(
        &self,
        names: &[String],
        max_records: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<Page<DescribedGroup>, ApiError> {
        let size = match max_records.map(usize::try_from) {
            None => GROUPS_PAGE,
            Some(Ok(size)) if (1..=DESCRIBE_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::validation("MaxRecords must be between 1 and 100.")),
        };
        if names.len() > size.max(GROUPS_PAGE) {
            return Err(ApiError::validation(format!("The number of group names must not exceed {size}.")));
        }
        let after = match next_token.map(|token| token.strip_prefix("after:")) {
            Some(None) => return Err(ApiError::client("InvalidNextToken", "The token is not valid.")),
            after => after.flatten(),
        };
        let rest = self.describe_auto_scaling_groups(names).into_iter();
        let mut rest = rest.filter(|group| after.is_none_or(|after| group.name.as_str() > after));
        let items: Vec<DescribedGroup> = rest.by_ref().take(size.min(self.page_limit)).collect();
        let last = items.last().filter(|_| rest.next().is_some());
        let next = last.map(|last| PageToken(format!("after:{}", last.name)));
        Ok(Page { items, next })
    }
}

impl Group {
    pub(super) fn described(&self) -> DescribedGroup {
        let instances = self.instances.iter().filter(|(_, instance)| !instance.state.is_of_warm_pool());
        let instances = instances.map(|(id, instance)| DescribedInstance {
            id: id.clone(),
            instance_type: instance.instance_type.name.clone(),
            zone: instance.zone.clone(),
            state: instance.state,
            protected_from_scale_in: instance.protected_from_scale_in,
            weighted_capacity: instance.weighted_capacity,
            launch_template_version: instance.launch_template_version,
        });
        DescribedGroup {
            name: self.settings.name.clone(),
            min_size: self.settings.min_size,
            max_size: self.settings.max_size,
            desired_capacity: self.desired_capacity,
            mixed_instances: self.settings.mixed_instances.as_ref().map(MixedInstances::names),
            new_instances_protected: self.settings.new_instances_protected,
            suspended_processes: self.suspended.iter().copied().collect(),
            zones: self.settings.zones.clone(),
            termination_policy: self.settings.termination_policy.clone(),
            has_warm_pool: self.settings.warm_pool.is_some(),
            has_load_balancer: self.settings.connection_draining_seconds.is_some(),
            instances: instances.collect(),
        }
    }
}
