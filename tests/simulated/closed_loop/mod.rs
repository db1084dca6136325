//! Closed loops: the shipped calculator each minute, the template's alarms and policies of each
//! group, and simulated ECS and Auto Scaling, whatever host ECS picks.
//!
//! | module | purpose |
//! | --- | --- |
//! | `reported` | situations that people reported of groups that grew or shrank wrongly |
//! | `pace` | how fast a cluster follows what its services want |

mod pace;
mod reported;

use std::time::Duration;

use capacity_calculator::{CapacityCalculator, Config, GroupFigures, Outcome};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::setting::Settings;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::{
    AutoScalingGroup, FleetkeeperScaling, InstanceType, PlacementMode, SharedWorld, SimulatedAws,
    TaskDefinition, World,
};
use serde_json::json;

type Calculator = CapacityCalculator<SimulatedAws, SimulatedAws, SimulatedAws, SimulatedAws>;

const CLUSTER: &str = "demo";

/// A world that places tasks in the given mode, with one cluster.
fn world(places: PlacementMode) -> World {
    let mut world = World::new("2026-11-28T10:00:00Z".parse().unwrap());
    world.add_cluster(CLUSTER);
    world.place_by(places, 7);
    world
}

/// A task that runs and is healthy soon.
fn task(family: &str, cpu: u64, memory: u64) -> TaskDefinition {
    TaskDefinition::new(family, cpu, memory).pending(5).healthy_after(10)
}

/// A group of the cluster: hosts of one size, and how many there are at most.
fn group(name: &str, cpu: u64, memory: u64, most: u32) -> AutoScalingGroup {
    let host = InstanceType::new("m5.large", cpu, memory);
    AutoScalingGroup::new(name, host).in_cluster(CLUSTER).sizes(0, most).launching_in(90)
}

/// The loop.
struct ClosedLoop {
    aws: SimulatedAws,
    calculator: Calculator,
}

impl ClosedLoop {
    /// Scales these groups; without alarms nothing happens to them.
    fn new(mut world: World, groups: &[&str], headroom: &str) -> Self {
        for group in groups {
            world.deploy_scaling(&FleetkeeperScaling::new(CLUSTER, group)).unwrap();
        }
        let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
        let groups = groups.join(",");
        let lookup = |name: &str| match name {
            "ECS_CLUSTER" => Some(CLUSTER.to_owned()),
            "AUTO_SCALING_GROUPS" => Some(groups.clone()),
            "HEADROOM" => Some(headroom.to_owned()),
            "METRIC_RESOLUTION_SECONDS" => Some("1".to_owned()),
            _ => None,
        };
        let config = Config::read(&Settings::new(&lookup)).unwrap();
        let calculator = CapacityCalculator::new(aws.clone(), aws.clone(), aws.clone(), aws.clone(), config);
        Self { aws, calculator }
    }

    /// A snapshot, and a minute in which the alarms act on it.
    async fn minute(&self) -> Vec<GroupFigures> {
        let begins = self.aws.world().now();
        let invocation = Invocation { begins, ends: begins + Duration::from_secs(60), deadline_known: true };
        let answer =
            Box::pin(self.calculator.handle(json!({"detail-type": "Scheduled Event"}), invocation)).await;
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_secs(55)).await;
        self.aws.world().with(|_| ());
        match answer.unwrap() {
            Outcome::Published(summary) => summary.figures.groups,
            other => panic!("{other:?}"),
        }
    }

    async fn minutes(&self, minutes: u32) {
        for _ in 0..minutes {
            self.minute().await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.aws.world().with(act)
    }

    fn desired(&self, group: &str) -> u32 {
        self.with(|world| world.desired_capacity(group).unwrap())
    }

    fn running(&self, service: &str) -> usize {
        let is_running =
            |task: &&fleetkeeper_sim::world::ecs::task::Task| task.last_status == LastStatus::Running;
        self.with(|world| world.tasks_of_service(CLUSTER, service).into_iter().filter(is_running).count())
    }

    /// The group's highest desired capacity in these minutes, minute by minute.
    async fn most_desired(&self, group: &str, minutes: u32) -> u32 {
        let mut most = self.desired(group);
        for _ in 0..minutes {
            self.minute().await;
            most = most.max(self.desired(group));
        }
        most
    }
}
