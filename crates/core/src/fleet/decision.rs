//! The decision about a cluster's groups, with its reasons.

use std::fmt;

use serde::Serialize;

use crate::task::TaskDefinitionArn;

/// The decision about a cluster's groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Tasks that services want and that neither run nor start, those that run on DRAINING hosts
    /// included.
    pub waiting_tasks: u64,
    /// Tasks that fit on no host of any group, however empty except for its daemons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unplaceable: Vec<Unplaceable>,
    /// Services whose tasks cannot be decided upon: none of them is waited for, and no host with
    /// one of them is removable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<NotUnderstood>,
    /// The groups, in the order of preference.
    pub groups: Vec<GroupDecision>,
}

/// Tasks that fit on no host of any group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unplaceable {
    /// Their service.
    pub service: String,
    /// The task definition of its tasks.
    #[serde(serialize_with = "as_text")]
    pub task_definition: TaskDefinitionArn,
    /// The resources or attributes that the closest host lacks.
    pub lacks: String,
}

/// A service whose tasks cannot be decided upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotUnderstood {
    /// The service.
    pub service: String,
    /// What is not understood: an expression, a constraint, a task definition.
    pub what: String,
    /// Why.
    pub why: String,
}

/// The decision about one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDecision {
    /// Its name.
    pub group: String,
    /// Its hosts.
    #[serde(flatten)]
    pub hosts: GroupHosts,
    /// The hosts to add.
    pub missing: Missing,
    /// The hosts that can be removed.
    pub removable: Removable,
}

/// A group's hosts, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupHosts {
    /// ACTIVE, their agent connected.
    pub active_hosts: u64,
    /// DRAINING.
    pub draining_hosts: u64,
    /// ACTIVE, their agent not connected.
    pub disconnected_hosts: u64,
    /// In the group and not in the cluster.
    pub unjoined_hosts: u64,
}

/// The hosts to add to a group, in capacity units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The same in capacity units. None where no figure may be published.
    pub units: Option<u64>,
    /// Why.
    pub reason: MissingReason,
}

/// Why the hosts are missing, or why no figure is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum MissingReason {
    /// Every waiting task that the group can take has room, and the headroom.
    HasRoom,
    /// Tasks wait for which there is no room, or the headroom has none.
    #[serde(rename_all = "camelCase")]
    NoRoom {
        /// The service of the first of them.
        service: String,
        /// How many tasks wait for hosts of this group; 0 where the headroom alone does.
        waiting_tasks: u64,
    },
    /// Tasks wait for hosts of this group, which is at its maximum.
    #[serde(rename_all = "camelCase")]
    AtMaximum {
        /// The service of the first of them.
        service: String,
    },
    /// No host shows what the group's hosts are like. One is launched to learn it.
    FromZero,
    /// Hosts have not joined the cluster for ten minutes: further ones would not either.
    #[serde(rename_all = "camelCase")]
    HostsDoNotJoin {
        /// The first of them.
        instance: String,
    },
    /// The group's hosts that were launched last are too small for the tasks that wait.
    #[serde(rename_all = "camelCase")]
    NewHostsTooSmall {
        /// The service of the first of the tasks.
        service: String,
    },
    /// ECS scales the group itself.
    #[serde(rename_all = "camelCase")]
    ScaledByEcs {
        /// The capacity provider.
        capacity_provider: String,
    },
}

/// The hosts that can be removed from a group, whichever of them Auto Scaling picks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removable {
    /// As many hosts.
    pub hosts: u64,
    /// The same in capacity units: never more than as many hosts weigh.
    pub units: u64,
    /// The reasons that keep the group from shrinking by one more host: of some of the hosts, where
    /// they are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<Held>,
}

/// A reason that holds hosts back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The EC2 instance; none where it is no single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Why.
    pub reason: HeldReason,
}

/// Why a host cannot be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum HeldReason {
    /// Tasks run there that no service replaces.
    StandaloneTasks,
    /// A task there is protected from being scaled in.
    ProtectedTask,
    /// It has the attribute `fleetkeeper.keep`.
    Kept,
    /// It is the last host of its Availability Zone, over which a service with a task there
    /// spreads.
    #[serde(rename_all = "camelCase")]
    LastInZone {
        /// The service.
        service: String,
    },
    /// A task could be left unplaced.
    #[serde(rename_all = "camelCase")]
    Unplaced {
        /// Its service.
        service: String,
    },
    /// A task there, or one that waits, is under a constraint that is not understood.
    #[serde(rename_all = "camelCase")]
    ConstraintNotUnderstood {
        /// Its service.
        service: String,
    },
    /// Its tasks were not read, or not all of them.
    TasksNotRead,
    /// The group is at its minimum.
    AtMinimum,
    /// It is protected from scale-in.
    ProtectedFromScaleIn,
    /// Its tasks take more than all other hosts together have free.
    NoRoom,
    /// Its agent is not connected: nobody knows what runs there.
    AgentDisconnected,
    /// A service with a task there is being deployed.
    #[serde(rename_all = "camelCase")]
    ServiceBeingDeployed {
        /// The service.
        service: String,
    },
    /// ECS scales the group itself.
    ScaledByEcs,
}

impl fmt::Display for HeldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandaloneTasks => f.write_str("standalone-tasks"),
            Self::ProtectedTask => f.write_str("protected-task"),
            Self::Kept => f.write_str("kept"),
            Self::LastInZone { service } => write!(f, "last-in-zone for {service}"),
            Self::Unplaced { service } => write!(f, "a task of {service} would be unplaced"),
            Self::ConstraintNotUnderstood { service } => write!(f, "constraint of {service} not understood"),
            Self::TasksNotRead => f.write_str("tasks-not-read"),
            Self::AtMinimum => f.write_str("at-minimum"),
            Self::ProtectedFromScaleIn => f.write_str("protected-from-scale-in"),
            Self::NoRoom => f.write_str("no-room"),
            Self::AgentDisconnected => f.write_str("agent-disconnected"),
            Self::ServiceBeingDeployed { service } => write!(f, "{service} is being deployed"),
            Self::ScaledByEcs => f.write_str("scaled-by-ecs"),
        }
    }
}

fn as_text<S: serde::Serializer>(definition: &TaskDefinitionArn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&definition.0)
}
