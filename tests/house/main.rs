//! The house: dependencies point down only, a floor knows nothing of the floor above it, and the template fits the code.

#[cfg(test)]
mod authorization;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod example;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod log_lines;
#[cfg(test)]
mod materials;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod network_interfaces;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod performance;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod prose;
#[cfg(test)]
mod scaling;
#[cfg(test)]
mod service_scaling;
#[cfg(test)]
mod template;
#[cfg(test)]
mod terraform;
#[cfg(test)]
mod variables;
