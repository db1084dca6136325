//! The simulated world: ECS, EC2 Auto Scaling, SNS and CloudWatch as far as Fleetkeeper meets them, with their limits,
//! pages, filters, partial failures and errors.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`world`] | what AWS would hold, and how time and API calls change it; no I/O, no clock |
//! | [`shared`] | a world with what drives its time, shared |
//! | [`faults`] | which call of which operation goes wrong, and how |
//! | [`ports`] | the functions' ports over a world: the real handlers, in virtual time |
//! | [`http`] | a world's ECS and Auto Scaling APIs over HTTP: the real processes, in real time |

mod clock;
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
pub use world::auto_scaling::hook::{ActionResult, LifecycleHook};
pub use world::ecs::container_instance::InstanceType;
pub use world::ecs::service::Service;
pub use world::ecs::task_definition::TaskDefinition;
