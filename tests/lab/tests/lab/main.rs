//! The laboratory separates better policies from worse ones, and plays each under the same
//! conditions.

#[cfg(test)]
mod policies;
#[cfg(test)]
mod published;
#[cfg(test)]
mod reports;
