//! The shipped handlers in the simulated world, in virtual time.

#[cfg(test)]
mod capacity;
#[cfg(test)]
mod drain_errors;
#[cfg(test)]
mod drain_messages;
#[cfg(test)]
mod drain_rules;
#[cfg(test)]
mod drain_timing;
#[cfg(test)]
mod scene;
