//! The names of Fleetkeeper's resources in every scenario.

/// The drainer's topic.
pub const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";
/// The drainer's hook on every group.
pub const HOOK: &str = "fleetkeeper";
/// The drainer's function.
pub const DRAINER: &str = "lifecycle-drainer";
/// The calculator's function.
pub const CALCULATOR: &str = "capacity-calculator";
