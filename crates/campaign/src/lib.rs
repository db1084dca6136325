//! Thousands of histories of the shipped handlers in the simulated world, each drawn from a seed and checked against the
//! rules that must always hold.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`scenario`] | what a history begins with and what happens in it, as plain data |
//! | [`strategy`] | draws scenarios by chance, each from a seed |
//! | [`stage`], `set_up`, `script` | plays it: the world, the functions in it, what happens |
//! | [`functions`] | the shipped handlers, as functions of the simulated world |
//! | [`rules`] | what must always hold, each rule as a checker of a whole history |

pub mod functions;
pub mod rules;
pub mod scenario;
mod script;
pub mod set_up;
pub mod stage;
pub mod strategy;
