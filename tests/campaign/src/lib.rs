//! Thousands of histories of the shipped handlers in the simulated world, each drawn from a seed
//! and checked against the rules that must always hold.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`scenario`] | the start of a history and its happenings, as plain data |
//! | [`direct_plan`] | direct scaling in it |
//! | [`strategy`] | draws scenarios by chance, each from a seed |
//! | [`stage`], `set_up`, `settings`, `script`, `names` | plays it: the world, the functions in it, the happenings |
//! | [`campaign`] | plays many seeds on several threads, and adds up the results |
//! | [`coverage`] | the rare states that histories were in |
//! | [`shrink`] | makes a scenario that fails as small as it gets |
//! | [`functions`] | the shipped handlers, as functions of the simulated world |
//! | [`rules`] | the rules that must always hold, each as a checker of a whole history |

pub mod campaign;
pub mod coverage;
pub mod direct_plan;
pub mod functions;
mod names;
pub mod rules;
pub mod scenario;
mod script;
pub mod set_up;
mod settings;
pub mod shrink;
pub mod stage;
pub mod strategy;
