//! Campaigns: the rules' checkers tried on handlers that were broken on purpose.

#[cfg(test)]
mod corner_cases;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod scenes;
