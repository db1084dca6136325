//! Why a drain waits: the tasks that still hold the instance, and ECS's own words about them.
//!
//! | room | purpose |
//! | --- | --- |
//! | `schedule` | how often a drain is diagnosed |
//! | `asks` | which services to describe and which tasks' protection to ask for |
//! | `diagnose` | from what was read to a diagnosis |
//! | `replica` | why ECS has not yet moved a service's tasks |
//! | `events` | what a service's scheduler told, in ECS's words |
//! | `cause` | the causes there are, in ours |
//! | `report` | the diagnosis: a line for a person, and JSON |
//!
//! A diagnosis never decides anything: where it errs, a line in the log is wrong and no instance
//! is.

mod asks;
mod cause;
mod diagnose;
mod events;
mod replica;
mod report;
mod schedule;

#[cfg(test)]
mod fixture;

pub use asks::{protections_to_ask, services_to_describe};
pub use cause::{Cause, Lacking};
pub use diagnose::{Evidence, diagnose};
pub use report::{Diagnosis, SERVICES_NAMED_MAX, ServiceDiagnosis, StandaloneTasks};
pub use schedule::{DIAGNOSIS_INTERVAL_MAX, DIAGNOSIS_INTERVAL_MIN, next_diagnosis};
