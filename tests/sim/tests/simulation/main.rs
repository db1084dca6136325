//! The simulated world does what AWS does, as far as it goes.

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod api_limits;
#[cfg(test)]
mod back_off;
#[cfg(test)]
mod connection_draining;
#[cfg(test)]
mod constraints;
#[cfg(test)]
mod daemons;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod direct_scaling;
#[cfg(test)]
mod draining;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flapping_agents;
#[cfg(test)]
mod fleet_ports;
#[cfg(test)]
mod ghosts;
#[cfg(test)]
mod gpus;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod http;
#[cfg(test)]
mod http_fleet;
#[cfg(test)]
mod lagging_groups;
#[cfg(test)]
mod lagging_reads;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod managed_draining;
#[cfg(test)]
mod managed_scaling;
#[cfg(test)]
mod mixed_groups;
#[cfg(test)]
mod placement;
#[cfg(test)]
mod placement_modes;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod rebalancing;
#[cfg(test)]
mod replacements;
#[cfg(test)]
mod request_rates;
#[cfg(test)]
mod root_volumes;
#[cfg(test)]
mod same_twice;
#[cfg(test)]
mod scaling;
#[cfg(test)]
mod scaling_activities;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod service_shapes;
#[cfg(test)]
mod services;
#[cfg(test)]
mod simple_scaling;
#[cfg(test)]
mod spot_instances;
#[cfg(test)]
mod stop_task;
#[cfg(test)]
mod task_life;
#[cfg(test)]
mod task_protection;
#[cfg(test)]
mod warm_pool;
#[cfg(test)]
mod zone_rebalancing;
