//! The simulated world: ECS, EC2 Auto Scaling, SNS, EventBridge, Lambda and CloudWatch as far as
//! Fleetkeeper meets them, with their limits, pages, filters, partial failures and errors.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`world`] | AWS's state, and how time and API calls change it; no I/O, no clock |
//! | [`shared`] | a world and its clock, shared |
//! | [`faults`] | which call of which operation goes wrong, and how |
//! | [`ports`] | the functions' ports over a world: the real handlers, in virtual time |
//! | [`driver`] | runs the functions that a world invokes, as Lambda would |
//! | [`http`] | a world's ECS and Auto Scaling APIs over HTTP: the real processes, in real time |
//!
//! A drain by hand, and the end of a host whose drain nobody waited for:
//!
//! ```
//! use fleetkeeper_sim::{
//!     AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut world = World::new("2026-11-22T10:00:00Z".parse()?);
//! world.add_cluster("demo");
//! let instance_type = InstanceType::new("c5.large", 2048, 3767);
//! world.add_group(AutoScalingGroup::new("hosts", instance_type).in_cluster("demo"));
//! let topic = "arn:aws:sns:us-east-1:111122223333:lifecycle";
//! world.put_lifecycle_hook("hosts", LifecycleHook::new("drain", topic).heartbeat_timeout(30))?;
//! let host = world.launch_now("hosts")?;
//! world.launch_now("hosts")?;
//! world.create_service("demo", Service::new("web", 2, TaskDefinition::new("web", 256, 512)))?;
//! world.advance_seconds(60);
//!
//! // The group terminates the host. Its hook sends a notice and holds the host for 30 s.
//! world.terminate_instance("hosts", &host, true)?;
//! let sent = world.take_outbox().pop().ok_or("nothing was sent")?;
//! let notice = &sent.sns_message().ok_or("no notice")?.message;
//! assert!(notice.contains("autoscaling:EC2_INSTANCE_TERMINATING"));
//!
//! let drained = world.container_instance_of("demo", &host).map(|instance| instance.arn.0);
//! world.update_container_instances_state(Some("demo"), drained.as_slice(), "DRAINING")?;
//! world.advance_seconds(30);
//! assert_eq!(world.history().killed_tasks().len(), 1, "{}", world.history());
//! # Ok(())
//! # }
//! ```

mod clock;
pub mod driver;
pub mod faults;
pub mod http;
pub mod ports;
pub mod shared;
pub mod world;

pub use http::Face;
pub use ports::SimulatedAws;
pub use shared::SharedWorld;
pub use world::World;
pub use world::auto_scaling::group::AutoScalingGroup;
pub use world::auto_scaling::hook::{ActionResult, LifecycleHook, LifecycleTransition};
pub use world::auto_scaling::lagging_groups::LaggingGroupReads;
pub use world::auto_scaling::launch_times::LaunchTimes;
pub use world::auto_scaling::mixed_instances::MixedInstances;
pub use world::auto_scaling::processes::ScalingProcess;
pub use world::auto_scaling::scaling_policy::{
    AdjustmentType, MetricAggregation, StepAdjustment, StepScalingPolicy,
};
pub use world::auto_scaling::simple_scaling::SimpleScalingPolicy;
pub use world::auto_scaling::termination_by_id::TerminatedAgain;
pub use world::auto_scaling::termination_policy::TerminationPolicy;
pub use world::auto_scaling::warm_pool::WarmPool;
pub use world::cloud_watch::alarm::{Alarm, AlarmState, ComparisonOperator, TreatMissingData};
pub use world::cloud_watch::metric::{Metric, Statistic};
pub use world::ecs::capacity_provider::CapacityProvider;
pub use world::ecs::capacity_provider::ManagedScaling;
pub use world::ecs::constraint::PlacementConstraint;
pub use world::ecs::container_instance::InstanceType;
pub use world::ecs::flapping_agents::FlappingAgents;
pub use world::ecs::lagging_copy::LaggingReads;
pub use world::ecs::placement_mode::PlacementMode;
pub use world::ecs::rollout::TaskSet;
pub use world::ecs::service::Service;
pub use world::ecs::strategy::StrategyItem;
pub use world::ecs::task_definition::TaskDefinition;
pub use world::fleetkeeper_scaling::{FleetkeeperScaling, ScalingSignals};
