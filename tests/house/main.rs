//! The repository's contracts: dependencies point down only, and the templates, the pages and the
//! Terraform modules fit the code.

#[cfg(test)]
mod authorization;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod example;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod layers;
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
