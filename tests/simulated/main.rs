//! The shipped handlers in the simulated world, in virtual time.

#[cfg(test)]
mod capacity;
#[cfg(test)]
mod closed_loop;
#[cfg(test)]
mod drain_errors;
#[cfg(test)]
mod drain_messages;
#[cfg(test)]
mod drain_timeout;
#[cfg(test)]
mod drain_timing;
#[cfg(test)]
mod dry_run;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod every_instance_counts;
#[cfg(test)]
mod lagging_reads;
#[cfg(test)]
mod load_balancers;
#[cfg(test)]
mod mass_drains;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod no_early_kill;
#[cfg(test)]
mod no_lost_drain;
#[cfg(test)]
mod no_stuck_instance;
#[cfg(test)]
mod republishing;
#[cfg(test)]
mod same_twice;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod special_cases;
#[cfg(test)]
mod why_it_waits;
#[cfg(test)]
mod within_the_bucket;
#[cfg(test)]
mod wrong_cluster;
