//! How the world picks among the hosts that a task may be placed on.
//!
//! ECS's strategies are best effort, and services that state none are spread. A property that holds
//! under only one of these modes holds by luck.

use crate::world::World;
use crate::world::chance::Chance;

/// How the world picks among the hosts that have room for a task. It holds for all services and
/// standalone tasks, whatever `placementStrategy` they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacementMode {
    /// The host with the fewest tasks, the first by ARN of several. It draws nothing.
    FewestTasks,
    /// The zone with the fewest tasks of the service, and any host there: what services do by
    /// default.
    SpreadOverZones,
    /// The host that has the least CPU left.
    BinpackCpu,
    /// The host that has the least memory left.
    BinpackMemory,
    /// Any host.
    Random,
}

/// The mode, and what is drawn.
#[derive(Debug, Clone)]
pub(crate) struct PlacementChoice {
    pub(crate) mode: PlacementMode,
    pub(crate) chance: Chance,
}

impl Default for PlacementChoice {
    fn default() -> Self {
        Self { mode: PlacementMode::FewestTasks, chance: Chance::new(0) }
    }
}

impl World {
    /// From now on tasks are placed by this mode, and one seed decides what is drawn.
    pub fn place_by(&mut self, mode: PlacementMode, seed: u64) {
        self.placement = PlacementChoice { mode, chance: Chance::new(seed) };
    }
}
