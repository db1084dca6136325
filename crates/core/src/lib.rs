//! The domain of Fleetkeeper: plain data, pure decisions and the ports' traits.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`capacity_provider`], [`cluster`], [`container_instance`], [`task`], [`task_needs`], [`lifecycle`], [`topic`] | what AWS has, as plain data with units |
//! | [`ports`] | the AWS calls that the functions make, one trait a service, and the clock |
//! | [`read`] | reads that span pages and batches: nothing is skipped |
//! | [`paced`] | reads at a pace that leaves half of what an account has to others |
//! | [`drain`] | the lifecycle-drainer's decisions |
//! | [`capacity`] | the book's figures |
//! | [`fleet`] | what each group is missing and can lose |
//! | [`invocation`], [`time_left`] | what an invocation has left, which bounds every call |
//! | [`setting`] | a variable parsed once, with one clear line where it is malformed |
//! | [`network_interfaces`] | how many tasks with a network interface of their own an instance has room for |
//! | [`metric_namespace`] | the variable that both functions have |
//! | [`error_chain`] | an error with all its sources, in one line |
//!
//! Nothing here names an SDK, an async runtime, a clock or the environment: time and settings are
//! arguments, so that every decision can be replayed.

pub mod capacity;
pub mod capacity_provider;
pub mod cluster;
pub mod container_instance;
pub mod drain;
pub mod error_chain;
pub mod fleet;
pub mod invocation;
pub mod lifecycle;
pub mod metric_namespace;
pub mod network_interfaces;
pub mod paced;
pub mod ports;
pub mod read;
pub mod service;
pub mod setting;
pub mod task;
pub mod task_needs;
pub mod time_left;
pub mod topic;
