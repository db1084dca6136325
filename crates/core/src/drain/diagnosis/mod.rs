//! Why a drain waits: the tasks that still hold the instance, and ECS's own words about them.
//!
//! | module | purpose |
//! | --- | --- |
//! | `schedule` | how often a drain is diagnosed |
//! | `asks` | which services to describe and which tasks' protection to ask for |
//! | `diagnose` | from the reads to a diagnosis |
//! | `replica` | why ECS has not yet moved a service's tasks |
//! | `events` | a service scheduler's events, in ECS's words |
//! | `cause` | the causes, in our words |
//! | `report` | the diagnosis: a line for a person, and JSON |
//!
//! Diagnoses are informational. They never affect a drain.

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
