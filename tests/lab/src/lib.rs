//! The laboratory: scaling policies compared on the same traces, in the simulated world.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`trace`] | what a cluster has to run and when: read from CSV files, or drawn from seeds |
//! | [`policy`] | what adds hosts and removes them |
//! | [`bound`] | the fewest hosts that a trace needs, and those of an oracle |
//! | [`play`] | one trace under one policy, with the shipped handlers where the policy is ours |
//! | [`workers`] | batch tasks as services that work off a queue |
//! | [`figures`] | what came of it: host-hours, waits, killed tasks and more |
//! | [`experiment`] | all traces under all policies with several seeds, on several threads |
//! | [`report`] | the table, the JSON document and the page |

pub mod bound;
pub mod experiment;
pub mod figures;
pub mod play;
pub mod policy;
pub mod report;
pub mod stage;
pub mod trace;
pub mod workers;
