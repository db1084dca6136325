//! The capacity-calculator over hand-written ports: what is read, what is decided, what is put, and
//! in how much time.

#![allow(clippy::float_cmp, reason = "the metrics are whole numbers")]

#[cfg(test)]
mod answer;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod network_interfaces;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod scaling;
#[cfg(test)]
mod scaling_ports;
#[cfg(test)]
mod services;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod tasks;
