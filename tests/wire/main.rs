//! Adapters and binaries against real peers, which the tests start themselves.

#[cfg(test)]
mod arm64;
#[cfg(test)]
mod cargo_lambda;
#[cfg(test)]
mod ecs_by_moto;
#[cfg(test)]
mod group_scaling;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod stack;
