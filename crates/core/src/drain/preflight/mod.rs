//! Before a drain: whether the rest of the cluster has room for what runs on the instance.
//!
//! | module | purpose |
//! | --- | --- |
//! | `placement` | the tasks that move, placed on the other instances page by page |
//! | `verdict` | the result, a line for a person |
//!
//! It is an estimate: CPU, memory and static ports are looked at, placement constraints, network
//! interfaces and GPUs are not; and ECS may place otherwise than here. A drain is never held back
//! by it.

mod placement;
mod verdict;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;

pub use placement::Preflight;
pub use verdict::Verdict;
