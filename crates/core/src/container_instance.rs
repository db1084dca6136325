//! ECS container instances: an EC2 instance as its cluster sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// CPU units, 1,024 to a vCPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuUnits(pub u64);

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mib(pub u64);

/// A static host port, TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port(pub u16);

/// An EC2 instance id: `i-` and 8 or 17 lower-case hexadecimal digits.
///
/// Nothing else is let through, because the id goes into a filter expression of ECS's cluster query
/// language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ec2InstanceId(String);

/// A text that is not an EC2 instance id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: an EC2 instance id (i- and 8 or 17 lower-case hexadecimal digits)")]
pub struct NotAnEc2InstanceId(String);

impl Ec2InstanceId {
    /// The id as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ec2InstanceId {
    type Err = NotAnEc2InstanceId;

    fn from_str(text: &str) -> Result<Self, NotAnEc2InstanceId> {
        let digits = text.strip_prefix("i-").unwrap_or_default();
        let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(digits.len(), 8 | 17) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnEc2InstanceId(text.to_owned()))
        }
    }
}

impl fmt::Display for Ec2InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container instance's ARN, old format or new. It is never taken apart: the old one does not
/// name the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerInstanceArn(pub String);

impl AsRef<str> for ContainerInstanceArn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerInstanceArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container instance's status (API reference, `ContainerInstance`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerInstanceStatus {
    /// Waiting for its trunk network interface; takes no tasks yet and can't be set DRAINING.
    Registering,
    /// Its trunk network interface could not be had; never takes tasks.
    RegistrationFailed,
    /// Takes tasks while its agent is connected.
    Active,
    /// Takes no new tasks; ECS moves its services' tasks elsewhere.
    Draining,
    /// Giving back its trunk network interface; takes no tasks and can't be set DRAINING.
    Deregistering,
    /// No longer in the cluster.
    Inactive,
    /// A status that AWS added since; nothing is known of it.
    Other(String),
}

impl From<&str> for ContainerInstanceStatus {
    fn from(text: &str) -> Self {
        match text {
            "REGISTERING" => Self::Registering,
            "REGISTRATION_FAILED" => Self::RegistrationFailed,
            "ACTIVE" => Self::Active,
            "DRAINING" => Self::Draining,
            "DEREGISTERING" => Self::Deregistering,
            "INACTIVE" => Self::Inactive,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for ContainerInstanceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registering => "REGISTERING",
            Self::RegistrationFailed => "REGISTRATION_FAILED",
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Deregistering => "DEREGISTERING",
            Self::Inactive => "INACTIVE",
            Self::Other(other) => other,
        })
    }
}

/// The resources of a container instance, in total (registered) or free (remaining).
///
/// Ports are listed the other way round: ECS lists those *in use* under remaining, and those that
/// the agent keeps for itself under registered. So both sets name ports that are *not* free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU units.
    pub cpu: CpuUnits,
    /// Memory, less what the agent keeps back.
    pub memory: Mib,
    /// TCP ports that are taken.
    pub tcp_ports_taken: BTreeSet<Port>,
    /// UDP ports that are taken.
    pub udp_ports_taken: BTreeSet<Port>,
    /// GPUs.
    pub gpus: u32,
}

/// The attributes of a container instance by name. A capability has no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub BTreeMap<String, Option<String>>);

impl Attributes {
    /// Returns whether the instance has an attribute of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value of an attribute; none where there is no such attribute, or it has no value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }
}

/// A container instance, from `DescribeContainerInstances`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInstance {
    /// Its ARN.
    pub arn: ContainerInstanceArn,
    /// The EC2 instance below it, as AWS wrote it: for ECS Anywhere an SSM id (`mi-...`), hence a
    /// plain text.
    pub ec2_instance_id: String,
    /// Its status.
    pub status: ContainerInstanceStatus,
    /// True if its agent is connected. ECS places no tasks on an instance whose agent is
    /// disconnected, and learns nothing of those there.
    pub agent_connected: bool,
    /// Tasks whose *desired* status is RUNNING: one that is still stopping is no longer among them.
    pub running_tasks: u32,
    /// Tasks in PENDING.
    pub pending_tasks: u32,
    /// Totals since the agent registered.
    pub registered: Resources,
    /// The resources that no task has reserved.
    pub remaining: Resources,
    /// Its attributes: what ECS, its agent and its owners say of it.
    pub attributes: Attributes,
    /// The capacity provider that it belongs to. An instance that registered before its group
    /// became one has none (developer guide, "Capacity providers").
    pub capacity_provider: Option<String>,
    /// Network interfaces that its tasks hold, where they were counted. ECS shows them only in its
    /// tasks.
    pub network_interfaces: Option<u32>,
    /// When its agent registered it, where ECS gives that.
    pub registered_at: Option<DateTime<Utc>>,
    /// Goes up with each change that ECS sends an event of; `detail.version` of that event.
    pub version: u64,
}

impl ContainerInstance {
    /// Returns whether ECS would place a task of launch type EC2 here: ACTIVE, with its agent
    /// connected, and an EC2 instance.
    #[must_use]
    pub fn takes_tasks(&self) -> bool {
        self.status == ContainerInstanceStatus::Active && self.agent_connected && !self.is_external()
    }

    /// Returns whether an agent that lost its state left it behind: its EC2 instance has registered
    /// anew since, and is connected. The latest of such registrations registered at `newest`.
    /// Nothing runs under a ghost any more, whatever ECS counts.
    #[must_use]
    pub fn is_ghost(&self, newest: Option<DateTime<Utc>>) -> bool {
        let is_older = newest.zip(self.registered_at).is_some_and(|(newest, at)| at < newest);
        !self.agent_connected && is_older
    }

    /// Its EC2 instance type (attribute `ecs.instance-type`), where ECS gives it.
    #[must_use]
    pub fn instance_type(&self) -> Option<&str> {
        self.attributes.value("ecs.instance-type")
    }

    /// Returns whether the instance has a trunk network interface (attribute
    /// `ecs.awsvpc-trunk-id`), and so room for more awsvpc tasks.
    #[must_use]
    pub fn is_trunked(&self) -> bool {
        self.attributes.has("ecs.awsvpc-trunk-id")
    }

    /// Returns whether the instance is outside EC2 (ECS Anywhere). ECS places only tasks of launch
    /// type EXTERNAL there.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.ec2_instance_id.starts_with("mi-")
    }

    /// Its running and pending tasks.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        u64::from(self.running_tasks) + u64::from(self.pending_tasks)
    }
}

#[cfg(test)]
impl ContainerInstance {
    /// The same of an instance type, with a trunk network interface or without.
    pub(crate) fn of_type(mut self, instance_type: &str, trunked: bool) -> Self {
        let with = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        let trunk = trunked.then(|| with("ecs.awsvpc-trunk-id", "eni-1"));
        self.attributes.0.extend([with("ecs.instance-type", instance_type)].into_iter().chain(trunk));
        self
    }

    /// An empty one that takes tasks.
    pub(crate) fn empty(cpu: u64, memory: u64) -> Self {
        let all = Resources { cpu: CpuUnits(cpu), memory: Mib(memory), ..Resources::default() };
        Self {
            arn: ContainerInstanceArn(
                "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/1".to_owned(),
            ),
            ec2_instance_id: "i-00000001".to_owned(),
            status: ContainerInstanceStatus::Active,
            agent_connected: true,
            running_tasks: 0,
            pending_tasks: 0,
            registered: all.clone(),
            remaining: all,
            attributes: Attributes::default(),
            capacity_provider: None,
            network_interfaces: None,
            registered_at: None,
            version: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ec2_instance_ids_are_taken_in_both_lengths() {
        for id in ["i-f3a8506b", "i-01234567890abcdef"] {
            assert_eq!(id.parse::<Ec2InstanceId>().unwrap().as_str(), id);
        }
    }

    #[test]
    fn anything_else_is_refused_before_it_can_reach_a_filter() {
        for text in [
            "",
            "i-",
            "i-0123456789abcdef",
            "i-01234567890ABCDEF",
            "mi-01234567890abcdef",
            "i-01234567 or ec2InstanceId != i-0",
            "i-01234567890abcdeg",
            "01234567890abcdef",
        ] {
            let said = text.parse::<Ec2InstanceId>().unwrap_err().to_string();
            assert!(said.contains("is not accepted: an EC2 instance id"), "{said}");
        }
    }

    #[test]
    fn every_status_reads_back_as_it_was_written() {
        for text in [
            "REGISTERING",
            "REGISTRATION_FAILED",
            "ACTIVE",
            "DRAINING",
            "DEREGISTERING",
            "INACTIVE",
            "NEW_ONE",
        ] {
            assert_eq!(ContainerInstanceStatus::from(text).to_string(), text);
        }
    }
}
