//! Agents that disconnect and connect again on their own. AWS documents that healthy ones do so
//! several times an hour, and that each time sends an event. A disconnected agent is not yet a lost
//! host.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;

use crate::world::agenda::Transition;
use crate::world::chance::Chance;
use crate::world::{ApiError, World};

/// How agents flap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlappingAgents {
    /// From one disconnection of an agent to its next.
    pub every_seconds: u32,
    /// How long it stays disconnected; shorter than that.
    pub for_seconds: u32,
    /// From when on no agent disconnects any more.
    pub until: DateTime<Utc>,
    /// When in its turn each host's agent flaps: another seed, other times.
    pub seed: u64,
}

/// How a cluster's agents flap, and what spreads them.
#[derive(Debug, Clone)]
pub(crate) struct Flapping {
    settings: FlappingAgents,
    chance: Chance,
}

impl World {
    /// From now on the agents of a cluster's hosts flap, those of hosts to come, too. Each begins
    /// at a time of its own within the first turn. A second call changes how those flap that still
    /// do.
    pub fn flap_agents(&mut self, cluster: &str, settings: FlappingAgents) -> Result<(), ApiError> {
        let settings = FlappingAgents { every_seconds: settings.every_seconds.max(1), ..settings };
        let found = self.cluster_mut(cluster)?;
        let first = found.flapping.is_none();
        found.flapping = Some(Flapping { settings, chance: Chance::new(settings.seed) });
        let known: Vec<ContainerInstanceArn> = found.container_instances.keys().cloned().collect();
        // Those that flap already go on from their next time, in the new way.
        for arn in known.into_iter().filter(|_| first) {
            self.begin_flapping(cluster, &arn);
        }
        Ok(())
    }

    /// A host's agent begins to flap, if its cluster's do.
    pub(crate) fn begin_flapping(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let found = self.clusters.get_mut(cluster);
        let Some(flapping) = found.and_then(|cluster| cluster.flapping.as_mut()) else { return };
        let turn = u64::from(flapping.settings.every_seconds);
        let offset = u32::try_from(flapping.chance.below(turn)).unwrap_or(0);
        self.flap_later(cluster, arn, offset, false);
    }

    fn flap_later(&mut self, cluster: &str, arn: &ContainerInstanceArn, seconds: u32, connected: bool) {
        let flap =
            Transition::AgentFlap { cluster: cluster.to_owned(), container_instance: arn.clone(), connected };
        self.agenda.enter(self.after(seconds), flap);
    }

    /// An agent disconnects or connects on its own. One that somebody else disconnected is left
    /// alone.
    pub(crate) fn flap(&mut self, cluster: &str, arn: &ContainerInstanceArn, connected: bool) {
        let flapping = self.clusters.get(cluster).and_then(|cluster| cluster.flapping.as_ref());
        let Some(FlappingAgents { every_seconds, for_seconds, until, .. }) =
            flapping.map(|flapping| flapping.settings)
        else {
            return;
        };
        let now = self.now;
        let Some(instance) = self.container_instance_mut(cluster, arn).filter(|found| !found.host_gone)
        else {
            return;
        };
        if connected {
            if std::mem::take(&mut instance.flapped) {
                self.connect_agent(cluster, arn, true);
            }
            return;
        }
        if until <= now {
            return;
        }
        if instance.agent_connected {
            instance.flapped = true;
            self.connect_agent(cluster, arn, false);
            self.flap_later(cluster, arn, for_seconds.min(every_seconds - 1), true);
        }
        self.flap_later(cluster, arn, every_seconds, false);
    }
}
