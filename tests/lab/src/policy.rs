//! What adds hosts to a group, and removes them.

use fleetkeeper_sim::world::ApiError;
use fleetkeeper_sim::{
    AlarmState, FleetkeeperScaling, ManagedScaling, ScalingSignals, SimpleScalingPolicy, World,
};

use crate::stage::{CLUSTER, GROUP};

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// The book's: `ContainerCapacity` and `IdleHostCapacity`, one host at a time, cooldown 600 s.
    Book,
    /// A capacity provider with managed scaling and managed termination protection.
    CapacityProvider {
        /// Its target capacity, in percent.
        target: u32,
    },
    /// Fleetkeeper's metrics, alarms and step policies.
    Fleetkeeper {
        /// `HEADROOM`.
        headroom: String,
        /// `ScaleOutMinutes`.
        scale_out_minutes: u32,
        /// `ScaleInMinutes`.
        scale_in_minutes: u32,
    },
    /// Fleetkeeper with `SCALING=direct`: it acts on the group itself.
    Direct {
        /// `HEADROOM`.
        headroom: String,
        /// `SCALE_IN_MINUTES`.
        scale_in_minutes: u32,
        /// `MAX_DRAINING_HOSTS`.
        max_draining: String,
        /// How many stopped hosts wait in the group's warm pool at first.
        warm_pool: u32,
    },
}

impl Policy {
    /// Fleetkeeper as the template deploys it, except for its headroom.
    #[must_use]
    pub fn fleetkeeper(headroom: &str) -> Self {
        Self::Fleetkeeper { headroom: headroom.to_owned(), scale_out_minutes: 1, scale_in_minutes: 5 }
    }

    /// Direct scaling with the defaults, except for its headroom.
    #[must_use]
    pub fn direct(headroom: &str) -> Self {
        Self::Direct {
            headroom: headroom.to_owned(),
            scale_in_minutes: 5,
            max_draining: "10%".to_owned(),
            warm_pool: 0,
        }
    }

    /// Those that the laboratory compares.
    #[must_use]
    pub fn compared() -> Vec<Self> {
        vec![
            Self::Book,
            Self::CapacityProvider { target: 100 },
            Self::CapacityProvider { target: 90 },
            Self::fleetkeeper("one"),
            Self::fleetkeeper("10%"),
            Self::direct("one"),
            Self::direct("10%"),
            Self::direct("none"),
        ]
    }

    /// Its name in tables.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Book => "book".to_owned(),
            Self::CapacityProvider { target } => format!("capacity provider {target}"),
            Self::Fleetkeeper { headroom, scale_out_minutes, scale_in_minutes } => {
                let minutes = match (scale_out_minutes, scale_in_minutes) {
                    (1, 5) => String::new(),
                    (out, remove) => format!(" {out}/{remove} min"),
                };
                format!("Fleetkeeper {headroom}{minutes}")
            }
            Self::Direct { headroom, scale_in_minutes, max_draining, warm_pool } => {
                let minutes = match scale_in_minutes {
                    5 => String::new(),
                    minutes => format!(" {minutes} min"),
                };
                let draining = if max_draining == "10%" { "" } else { &format!(" {max_draining} at once") };
                let pool = if *warm_pool > 0 { " warm pool" } else { "" };
                format!("Fleetkeeper direct {headroom}{minutes}{draining}{pool}")
            }
        }
    }

    /// How ECS scales the group, if it does.
    #[must_use]
    pub fn managed_scaling(&self) -> Option<ManagedScaling> {
        match self {
            Self::CapacityProvider { target } => Some(ManagedScaling::to(*target)),
            _ => None,
        }
    }

    /// Whether the functions run.
    #[must_use]
    pub fn has_functions(&self) -> bool {
        self.managed_scaling().is_none()
    }

    /// `HEADROOM`, where the calculator works for the group.
    #[must_use]
    pub fn headroom(&self) -> Option<&str> {
        match self {
            Self::Fleetkeeper { headroom, .. } | Self::Direct { headroom, .. } => Some(headroom),
            _ => None,
        }
    }

    /// Whether the calculator acts on the group itself.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Direct { .. })
    }

    /// How many stopped hosts wait in a warm pool at first.
    #[must_use]
    pub fn warm_pool(&self) -> u32 {
        match self {
            Self::Direct { warm_pool, .. } => *warm_pool,
            _ => 0,
        }
    }

    /// The calculator's variables for scaling.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let Self::Direct { scale_in_minutes, max_draining, .. } = self else { return None };
        match name {
            "SCALING" => Some("direct".to_owned()),
            "SCALE_IN_MINUTES" => Some(scale_in_minutes.to_string()),
            "MAX_DRAINING_HOSTS" => Some(max_draining.clone()),
            _ => None,
        }
    }

    /// Puts its alarms and policies in place. The alarms look some data points further back than
    /// their evaluation periods.
    pub(crate) fn deploy(&self, world: &mut World, extra_points: u32) -> Result<(), ApiError> {
        let scaling = FleetkeeperScaling::new(CLUSTER, GROUP).looking_back(extra_points);
        match self {
            Self::CapacityProvider { .. } | Self::Direct { .. } => Ok(()),
            Self::Fleetkeeper { scale_out_minutes, scale_in_minutes, .. } => {
                world.deploy_scaling(&FleetkeeperScaling {
                    scale_out_minutes: *scale_out_minutes,
                    scale_in_minutes: *scale_in_minutes,
                    ..scaling
                })
            }
            Self::Book => {
                let scaling = scaling.by(ScalingSignals::Book);
                let simple = |name, adjustment| SimpleScalingPolicy::new(name, adjustment).cooldown(COOLDOWN);
                world.put_simple_scaling_policy(GROUP, simple(OUT, 1))?;
                world.put_simple_scaling_policy(GROUP, simple(IN, -1))?;
                // One period each, as in the book; the statistics are those that its text argues for.
                let (out, remove) = (scaling.scale_out_alarm(), scaling.scale_in_alarm().periods(1, 60));
                for (mut alarm, policy) in [(out, OUT), (remove, IN)] {
                    alarm.actions.clear();
                    world.put_metric_alarm(alarm.executing(AlarmState::Alarm, GROUP, policy))?;
                }
                Ok(())
            }
        }
    }
}

/// The book's cooldown, in seconds.
const COOLDOWN: u32 = 600;

/// The names of the book's policies.
const OUT: &str = "ScaleOut";
const IN: &str = "ScaleIn";
