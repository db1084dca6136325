//! The simulated world: ECS, EC2 Auto Scaling, SNS and CloudWatch as far as Fleetkeeper meets them, with their limits,
//! pages, filters, partial failures and errors.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`world`] | what AWS would hold, and how time and API calls change it; no I/O, no clock |

pub mod world;

pub use world::World;
pub use world::auto_scaling::group::AutoScalingGroup;
pub use world::auto_scaling::hook::{ActionResult, LifecycleHook};
pub use world::ecs::container_instance::InstanceType;
pub use world::ecs::service::Service;
pub use world::ecs::task_definition::TaskDefinition;
