//! The ports over the AWS SDK and Lambda's runtime: the only crate that names either.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`sdk`] | how every client is configured: TLS, retries, timeouts |
//! | [`ecs`], [`auto_scaling`], [`sns`], [`cloudwatch`] | a port each, one API call a method |
//! | [`embedded_metrics`] | metrics as lines of the log |
//! | [`clock`] | the real time |
//! | [`lambda`] | an event in, an answer out, and the log |

pub mod auto_scaling;
mod call_error;
pub mod clock;
pub mod cloudwatch;
pub mod ecs;
pub mod embedded_metrics;
pub mod lambda;
pub mod sdk;
pub mod sns;
mod timestamp;
