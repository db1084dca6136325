//! The lifecycle-drainer: an event of SNS or EventBridge in, drained instances and completed hooks
//! out.
//!
//! [`Drainer::handle`] reads each record ([`record`]) and carries out the decisions of
//! [`fleetkeeper_core::drain`]. It is generic over its [`Ports`], so that a simulator runs it
//! unchanged.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`config`] | the function's variables |
//! | [`record`] | the records of an event |
//! | `drainer` | each record to its work |
//! | `executor` | the loop that carries out the decisions, and the calls on each service |
//! | `calls` | the calls on AWS, paced and bounded in time |
//! | `diagnosis` | the reads that explain why a drain waits |
//! | `report` | reports, as log lines and metrics |
//! | `interruption` | instances that EC2 interrupts |
//! | [`outcome`], [`error`] | the answer |

//!
//! A record is read before anything is called, so that an unreadable one fails on its own:
//!
//! ```
//! use fleetkeeper_core::drain::Message;
//! use lifecycle_drainer::record::{read_record, records};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let warning = json!({
//!     "source": "aws.ec2",
//!     "detail-type": "EC2 Spot Instance Interruption Warning",
//!     "time": "2026-11-22T10:00:00Z",
//!     "detail": {"instance-id": "i-0b662ef9931388ba0", "instance-action": "terminate"}
//! });
//! for record in records(warning)? {
//!     let delivery = read_record(record, None)?;
//!     assert!(matches!(delivery.message, Message::Interruption(_)));
//! }
//!
//! let queued = json!({"Records": [{"eventSource": "aws:sqs", "body": "..."}]});
//! assert!(records(queued).is_err(), "SQS is not accepted, and the error says so");
//! # Ok(())
//! # }
//! ```

mod calls;
pub mod config;
mod diagnosis;
mod drainer;
pub mod error;
mod executor;
mod interruption;
pub mod outcome;
mod ports;
pub mod record;
mod report;

pub use config::Config;
pub use drainer::Drainer;
pub use ports::{Adapters, AutoScalingCalls, EcsCalls, Ports};
