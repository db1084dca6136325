//! The tasks on the hosts, in ECS's eyes, as a history goes on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{Entry, Occurrence};

/// The container instances that are not INACTIVE, and what on them has not STOPPED.
///
/// By ECS's `lastStatus`: where a host was lost while its agent was disconnected, tasks stay as
/// they were.
#[derive(Debug, Default)]
pub(super) struct Occupancy<'a> {
    container_instances: BTreeMap<&'a ContainerInstanceArn, Occupied<'a>>,
    of_ec2_instances: BTreeMap<&'a Ec2InstanceId, Vec<&'a ContainerInstanceArn>>,
    homes: BTreeMap<&'a TaskArn, &'a ContainerInstanceArn>,
}

impl Occupied<'_> {
    pub(super) fn is_ghost(&self) -> bool {
        self.ghost
    }

    /// Returns whether its agent is connected, and has been since then or longer.
    pub(super) fn agent_connected_since(&self, time: DateTime<Utc>) -> bool {
        self.agent_connected && self.agent_changed <= time
    }

    /// Returns whether it was a ghost at any time since.
    pub(super) fn was_ghost_since(&self, time: DateTime<Utc>) -> bool {
        self.ghost || self.ghost_until.is_some_and(|until| until >= time)
    }
}

/// A container instance.
#[derive(Debug)]
pub(super) struct Occupied<'a> {
    pub(super) ec2_instance_id: &'a Ec2InstanceId,
    pub(super) registered: DateTime<Utc>,
    pub(super) status: ContainerInstanceStatus,
    agent_connected: bool,
    /// When its agent came or went.
    agent_changed: DateTime<Utc>,
    /// True if it is a ghost: disconnected, and older than a connected registration of its EC2
    /// instance.
    ghost: bool,
    /// When it last was one.
    ghost_until: Option<DateTime<Utc>>,
    /// The tasks that have not STOPPED, and when each was placed.
    pub(super) unfinished: BTreeMap<&'a TaskArn, DateTime<Utc>>,
    /// How many tasks were ever placed there.
    pub(super) ever: usize,
}

impl<'a> Occupancy<'a> {
    /// Takes in an entry; the EC2 instance on which something changed by it, if any.
    pub(super) fn see(&mut self, entry: &'a Entry) -> Option<&'a Ec2InstanceId> {
        match &entry.what {
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                self.register(container_instance, ec2_instance_id, entry.at, true);
                self.note_ghosts(ec2_instance_id, entry.at);
                Some(ec2_instance_id)
            }
            Occurrence::GhostLeft { container_instance, ec2_instance_id, registered_at, .. } => {
                self.register(container_instance, ec2_instance_id, *registered_at, false);
                self.note_ghosts(ec2_instance_id, entry.at);
                Some(ec2_instance_id)
            }
            Occurrence::ContainerInstanceStatus { container_instance, status } => {
                if *status == ContainerInstanceStatus::Inactive {
                    let gone = self.container_instances.remove(container_instance)?;
                    let others = self.of_ec2_instances.entry(gone.ec2_instance_id).or_default();
                    others.retain(|arn| *arn != container_instance);
                    self.note_ghosts(gone.ec2_instance_id, entry.at);
                    return Some(gone.ec2_instance_id);
                }
                let occupied = self.container_instances.get_mut(container_instance)?;
                occupied.status = status.clone();
                Some(occupied.ec2_instance_id)
            }
            Occurrence::AgentConnected { container_instance, connected } => {
                let occupied = self.container_instances.get_mut(container_instance)?;
                (occupied.agent_connected, occupied.agent_changed) = (*connected, entry.at);
                let of = occupied.ec2_instance_id;
                self.note_ghosts(of, entry.at);
                Some(of)
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                let occupied = self.container_instances.get_mut(container_instance)?;
                occupied.unfinished.insert(task, entry.at);
                occupied.ever += 1;
                self.homes.insert(task, container_instance);
                Some(occupied.ec2_instance_id)
            }
            Occurrence::TaskStatus { task, status } => {
                let occupied = self.container_instances.get_mut(*self.homes.get(task)?)?;
                if *status == LastStatus::Stopped {
                    occupied.unfinished.remove(task);
                    self.homes.remove(task);
                }
                Some(occupied.ec2_instance_id)
            }
            _ => None,
        }
    }

    fn register(
        &mut self,
        arn: &'a ContainerInstanceArn,
        ec2_instance_id: &'a Ec2InstanceId,
        registered: DateTime<Utc>,
        agent_connected: bool,
    ) {
        self.of_ec2_instances.entry(ec2_instance_id).or_default().push(arn);
        let occupied = Occupied {
            ec2_instance_id,
            registered,
            status: ContainerInstanceStatus::Active,
            agent_connected,
            agent_changed: registered,
            ghost: false,
            ghost_until: None,
            unfinished: BTreeMap::new(),
            ever: 0,
        };
        self.container_instances.insert(arn, occupied);
    }

    /// Works out anew which registrations of an EC2 instance are ghosts.
    fn note_ghosts(&mut self, id: &Ec2InstanceId, now: DateTime<Utc>) {
        let newest = self.of(id).filter(|it| it.agent_connected).map(|it| it.registered).max();
        let arns = self.of_ec2_instances.get(id).cloned().unwrap_or_default();
        for arn in arns {
            let Some(occupied) = self.container_instances.get_mut(arn) else { continue };
            let ghost = !occupied.agent_connected && newest.is_some_and(|at| occupied.registered < at);
            if occupied.ghost && !ghost {
                occupied.ghost_until = Some(now);
            }
            occupied.ghost = ghost;
        }
    }

    /// The container instances of an EC2 instance.
    pub(super) fn of(&self, id: &Ec2InstanceId) -> impl Iterator<Item = &Occupied<'a>> {
        let arns = self.of_ec2_instances.get(id).into_iter().flatten();
        arns.filter_map(|arn| self.container_instances.get(arn))
    }

    /// How many container instances there are.
    pub(super) fn len(&self) -> usize {
        self.container_instances.len()
    }

    /// The EC2 instance of a container instance.
    pub(super) fn ec2_instance(&self, arn: &ContainerInstanceArn) -> Option<&'a Ec2InstanceId> {
        self.container_instances.get(arn).map(|occupied| occupied.ec2_instance_id)
    }
}
