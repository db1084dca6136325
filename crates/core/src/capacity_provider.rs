//! ECS capacity providers.

/// A capacity provider (API reference, `CapacityProvider`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// The name of its Auto Scaling group. Fargate and ECS Managed Instances have none.
    pub group: Option<String>,
    /// True if ECS scales that group itself (managed scaling).
    pub managed_scaling: bool,
}
