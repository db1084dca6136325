//! Campaigns: scenarios drawn from seeds, played, checked and shrunk; the checkers tried on handlers that were broken on
//! purpose.

#[cfg(test)]
mod corner_cases;
mod drawn;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod scenes;
