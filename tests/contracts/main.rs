//! What is ours, held to what AWS publishes: service models, the authorization reference, events.

#[cfg(test)]
mod face;
#[cfg(test)]
mod python;
#[cfg(test)]
mod world;
