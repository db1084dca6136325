//! The lifecycle-drainer: an event of SNS or EventBridge in, drained instances and completed hooks out.
//!
//! [`Drainer::handle`] reads each record ([`record`]), drains its instance by the decisions of
//! [`fleetkeeper_core::drain`], and tells what came of it ([`outcome`]). It is generic over the ports, so that a
//! simulator runs it unchanged.

pub mod config;
mod convoy;
mod drainer;
pub mod error;
mod interruption;
pub mod outcome;
mod ports;
pub mod record;

pub use config::Config;
pub use drainer::Drainer;
pub use ports::{AutoScalingCalls, EcsCalls, Ports};
