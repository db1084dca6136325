//! An AWS in miniature, for the tests on the wire, the demo and the benchmark of the packages.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`repository`] | where the repository's files and tools are |
//! | [`process`] | a server as a child process, gone when it is dropped |
//! | [`http`] | requests to the servers, as plain as can be |
//! | [`ministack`] | the emulator: Lambda, SNS, CloudWatch, logs, CloudFormation |
//! | [`python`] | the checks that need AWS's own data |
//! | [`requests`] | what functions send to AWS, held to the service models |
//! | [`performance`] | what the benchmark measured, and how it is shown |
//! | [`stack`] | the template deployed into the emulator, wired to a simulated ECS and Auto Scaling |

pub mod http;
pub mod ministack;
pub mod performance;
pub mod process;
pub mod python;
pub mod repository;
pub mod requests;
pub mod stack;

/// An error in one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
