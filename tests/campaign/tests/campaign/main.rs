//! Campaigns: scenarios drawn from seeds, played, checked and shrunk; the checkers tried on
//! handlers that were broken on purpose.

#[cfg(test)]
mod command_line;
#[cfg(test)]
mod corner_cases;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod mass_drains;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod regressions;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod shrunk;
#[cfg(test)]
mod small;
