//! An AWS in miniature, for the tests on the wire, the demo and the benchmark of the packages.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`repository`] | where the repository's files and tools are |
//! | [`process`] | a server as a child process, gone when it is dropped |
//! | [`http`] | plain requests to the servers |
//! | [`ministack`] | the emulator: Lambda, SNS, CloudWatch, logs, CloudFormation |
//! | [`python`] | the checks that need AWS's own data |
//! | [`requests`] | the functions' requests to AWS, checked by the service models |
//! | [`performance`] | the benchmark's figures, as text and pictures |
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
