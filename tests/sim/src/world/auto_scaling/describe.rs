//! `DescribeAutoScalingGroups`.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::group::Group;
use super::instance::LifecycleState;
use crate::world::World;

/// A group as `DescribeAutoScalingGroups` tells of it.
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
    /// Its Availability Zones.
    pub zones: Vec<String>,
    /// Whether it is behind a load balancer: it has a target group.
    pub has_load_balancer: bool,
    /// Its instances, without those of its warm pool.
    pub instances: Vec<DescribedInstance>,
}

/// An instance of a group as `DescribeAutoScalingGroups` tells of it.
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
}

impl World {
    /// `DescribeAutoScalingGroups`: all groups, or those named; a name that no group has is passed over. All of them on
    /// one page.
    #[must_use]
    pub fn describe_auto_scaling_groups(&self, names: &[String]) -> Vec<DescribedGroup> {
        let groups = self.groups.values();
        let wanted = groups.filter(|group| names.is_empty() || names.contains(&group.settings.name));
        wanted.map(Group::described).collect()
    }
}

impl Group {
    fn described(&self) -> DescribedGroup {
        let instances = self.instances.iter().filter(|(_, instance)| !instance.state.is_of_warm_pool());
        let instances = instances.map(|(id, instance)| DescribedInstance {
            id: id.clone(),
            instance_type: instance.instance_type.name.clone(),
            zone: instance.zone.clone(),
            state: instance.state,
        });
        DescribedGroup {
            name: self.settings.name.clone(),
            min_size: self.settings.min_size,
            max_size: self.settings.max_size,
            desired_capacity: self.desired_capacity,
            zones: self.settings.zones.clone(),
            has_load_balancer: self.settings.connection_draining_seconds.is_some(),
            instances: instances.collect(),
        }
    }
}
