//! What the function is wired to.

/// What the drainer asks of the world.
#[derive(Debug)]
pub struct Ports<Ecs, AutoScaling, Sns, C> {
    /// Reads container instances and tasks, and sets instances DRAINING.
    pub ecs: Ecs,
    /// Heartbeats and completes lifecycle actions.
    pub auto_scaling: AutoScaling,
    /// Republishes messages.
    pub sns: Sns,
    /// Tells the time and waits.
    pub clock: C,
}
