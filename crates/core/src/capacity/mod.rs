//! The book's figures of capacity: how many more of the worst-case container fit, and how many
//! hosts are idle.
//!
//! | module | purpose |
//! | --- | --- |
//! | `worst_case` | the container that every figure is about |
//! | `given` | what users say of it, which wins over |
//! | `discovery` | that container, found in what the services may start |
//! | `resource` | what can run out, one entry a resource, and the room that it leaves |
//! | `figures` | the figures, a pure function over container instances |
//! | `report` | their values, with what binds them |
//! | `fits_no_host` | why there are none: the container fits on no host |
//!
//! A host, here, is a container instance that takes tasks: an EC2 instance, ACTIVE, with its agent
//! connected.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "a figure is one division of whole numbers: exact"))]

mod discovery;
mod figures;
mod fits_no_host;
mod given;
mod report;
mod resource;
mod worst_case;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod worked_examples;

pub use discovery::{Demanded, discover};
pub use figures::{figures, float};
pub use fits_no_host::FitsNoHost;
pub use given::Given;
pub use report::{Report, ResourceCapacity};
pub use resource::Resource;
pub use worst_case::{UsesNothing, WorstCaseContainer};
