//! Policies: they add hosts to a group, and remove them.

use std::fmt::Write;

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
    /// A capacity provider with managed scaling and managed draining.
    CapacityProvider {
        /// Its target capacity, in percent.
        target: u32,
        /// With managed termination protection it removes empty hosts alone; without it, those that
        /// the group's termination policy chooses.
        protects: bool,
    },
    /// Fleetkeeper's metrics, alarms and step policies.
    Fleetkeeper {
        /// `HEADROOM`.
        headroom: String,
        /// Its alarms and policies.
        tuning: Tuning,
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

/// The settings of Fleetkeeper's alarms and policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// `ScaleOutSeconds`.
    pub scale_out_seconds: u32,
    /// `ScaleInMinutes`.
    pub scale_in_minutes: u32,
    /// The warm-up of the policy that adds hosts, in seconds.
    pub warmup_seconds: u32,
}

impl Default for Tuning {
    /// As in the template.
    fn default() -> Self {
        let shipped = FleetkeeperScaling::new(CLUSTER, GROUP);
        Self {
            scale_out_seconds: shipped.scale_out_seconds,
            scale_in_minutes: shipped.scale_in_minutes,
            warmup_seconds: shipped.instance_warmup_seconds,
        }
    }
}

impl Tuning {
    /// The settings that differ from the template's.
    fn differences(self) -> String {
        let shipped = Self::default();
        let mut said = String::new();
        for (name, own, usual, unit) in [
            ("out", self.scale_out_seconds, shipped.scale_out_seconds, "s"),
            ("in", self.scale_in_minutes, shipped.scale_in_minutes, "min"),
            ("warm-up", self.warmup_seconds, shipped.warmup_seconds, "s"),
        ] {
            if own != usual {
                let _ = write!(said, " {name} {own} {unit}");
            }
        }
        said
    }
}

impl Policy {
    /// Fleetkeeper as the template deploys it, except for its headroom.
    #[must_use]
    pub fn fleetkeeper(headroom: &str) -> Self {
        Self::Fleetkeeper { headroom: headroom.to_owned(), tuning: Tuning::default() }
    }

    /// The same with other alarms and policies, where they are Fleetkeeper's.
    #[must_use]
    pub fn tuned(self, tuning: Tuning) -> Self {
        match self {
            Self::Fleetkeeper { headroom, .. } => Self::Fleetkeeper { headroom, tuning },
            other => other,
        }
    }

    /// A capacity provider with managed scaling to this target, and managed termination protection.
    #[must_use]
    pub fn capacity_provider(target: u32) -> Self {
        Self::CapacityProvider { target, protects: true }
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
            Self::capacity_provider(100),
            Self::CapacityProvider { target: 100, protects: false },
            Self::capacity_provider(90),
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
            Self::CapacityProvider { target, protects: true } => format!("capacity provider {target}"),
            Self::CapacityProvider { target, .. } => format!("capacity provider {target} unprotected"),
            Self::Fleetkeeper { headroom, tuning } => {
                format!("Fleetkeeper {headroom}{}", tuning.differences())
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
            Self::CapacityProvider { target, protects: true } => Some(ManagedScaling::to(*target)),
            Self::CapacityProvider { target, .. } => Some(ManagedScaling::to(*target).without_protection()),
            _ => None,
        }
    }

    /// Returns whether the functions run.
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

    /// Returns whether the calculator acts on the group itself.
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
            Self::Fleetkeeper { tuning, .. } => world.deploy_scaling(&FleetkeeperScaling {
                scale_out_seconds: tuning.scale_out_seconds,
                scale_in_minutes: tuning.scale_in_minutes,
                instance_warmup_seconds: tuning.warmup_seconds,
                ..scaling
            }),
            Self::Book => {
                let scaling = scaling.by(ScalingSignals::Book);
                let simple = |name, adjustment| SimpleScalingPolicy::new(name, adjustment).cooldown(COOLDOWN);
                world.put_simple_scaling_policy(GROUP, simple(OUT, 1))?;
                world.put_simple_scaling_policy(GROUP, simple(IN, -1))?;
                // One period each, as in the book; the statistics are those that its text argues
                // for.
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
