//! The figures of capacity: how many more of the worst-case container fit, and how many hosts stand idle.
//!
//! | room | purpose |
//! | --- | --- |
//! | `worst_case` | the container that every figure is about |
//! | `given` | what users say of it, which wins over |
//! | `discovery` | that container, found in what the services may start |
//! | `wanted` | how many tasks the services want |
//! | `resource` | what can run out, one entry a resource, and the room that it leaves |
//! | `figures` | the figures, a pure function over the cluster's container instances |
//! | `removable_hosts` | how many of the hosts can go, and what holds back the next one |
//! | `missing_hosts` | how many to add |
//! | `report` | what they come to, with what binds them |
//! | `fits_no_host` | why there are none: the container fits on no host |
//! | `metrics` | the report as CloudWatch metrics |
//!
//! A host, here, is a container instance that takes tasks: an EC2 instance, ACTIVE, with its agent connected.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "a figure is one division of whole numbers: exact"))]

mod discovery;
mod figures;
mod fits_no_host;
mod given;
mod metrics;
mod missing_hosts;
mod removable_hosts;
mod report;
mod resource;
mod wanted;
mod worst_case;

#[cfg(test)]
mod made_up;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod packing;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod worked_examples;

pub use discovery::{Demanded, Discovered, Unfittable, discover};
pub use figures::{figures, idle_figures};
pub use fits_no_host::FitsNoHost;
pub use given::Given;
pub use metrics::{idle_metrics, metrics, unfittable_metric};
pub use report::{HeldBack, Holding, Hosts, IdleReport, Report, ResourceCapacity, ScaleIn};
pub use resource::Resource;
pub use wanted::{Wanted, is_demand};
pub use worst_case::{UsesNothing, WorstCase};
