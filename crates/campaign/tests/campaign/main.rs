//! Campaigns: scenarios drawn from seeds, played, checked, shrunk.

#[cfg(test)]
mod command_line;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod regressions;
#[cfg(test)]
mod shrunk;
#[cfg(test)]
mod small;
