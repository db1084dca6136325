//! The variables, parsed once at start.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fleetkeeper_core::capacity::Given;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_core::fleet::{DirectSettings, Headroom, NotAHeadroom, NotAMaxDraining};
use fleetkeeper_core::metric_namespace::metric_namespace;
use fleetkeeper_core::ports::StorageResolution;
use fleetkeeper_core::setting::{SettingError, Settings, digits};

/// The function's settings, by its variables.
///
/// | variable | unset | accepted |
/// | --- | --- | --- |
/// | `ECS_CLUSTER` | an event must name its cluster | a cluster's name or ARN |
/// | `AUTO_SCALING_GROUPS` | only the cluster's figures | groups' names, commas between them, each once; the first is preferred |
/// | `SCALING` | `metrics` | `metrics`, or `direct`, which needs `AUTO_SCALING_GROUPS` |
/// | `SCALE_IN_MINUTES` | 5 | 1 to 1440 |
/// | `MAX_DRAINING_HOSTS` | `10%` | a number of hosts from 1 to 5000, or a share from `1%` to `100%` |
/// | `FLEETKEEPER_DRY_RUN` | `false` | `true`: with `direct`, decides and logs, and changes no group |
/// | `HEADROOM` | `one` | `none`, `one`, or a share from `1%` to `100%` |
/// | `CONTAINER_MAX_CPU` | discovered | CPU units; 0: containers reserve none |
/// | `CONTAINER_MAX_MEMORY` | discovered | MiB; 0: containers reserve none |
/// | `TCP_PORT_RESOURCES`, `UDP_PORT_RESOURCES` | discovered | `80,443`; `none` or empty: none |
/// | `CONTAINER_MAX_GPU` | discovered | GPUs; 0: containers reserve none |
/// | `CONTAINER_USES_ENI` | discovered | `true` or `false` |
/// | `METRIC_NAMESPACE` | `ECS/Fleetkeeper` | what CloudWatch takes, except `AWS/...` |
/// | `METRIC_RESOLUTION_SECONDS` | 60 | 60 or 1 |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The cluster of an event that names none.
    pub cluster: Option<Cluster>,
    /// The cluster's Auto Scaling groups, the one that is preferred for tasks that several could
    /// take first.
    pub groups: Vec<String>,
    /// How the groups are scaled directly; none where alarms and policies scale them.
    pub direct: Option<DirectSettings>,
    /// Set if the function changes no group.
    pub dry_run: bool,
    /// The room that is kept free beyond the waiting tasks.
    pub headroom: Headroom,
    /// The given resources of the worst-case container. The rest is discovered.
    pub given: Given,
    /// The metrics' namespace.
    pub namespace: String,
    /// How finely CloudWatch keeps the metrics.
    pub resolution: StorageResolution,
}

/// What the ECS API takes as an amount of a resource: a 32-bit integer.
const AMOUNT_MAX: u64 = 2_147_483_647;

impl Config {
    /// Reads the variables; the first one that is malformed is the error.
    pub fn read(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let headroom = settings.parsed("HEADROOM", &NotAHeadroom.to_string())?;
        let groups = settings.optional("AUTO_SCALING_GROUPS", GROUPS, parse_groups)?.unwrap_or_default();
        Ok(Self {
            cluster: settings.parsed("ECS_CLUSTER", "a cluster's name or ARN")?,
            direct: direct(settings, &groups)?,
            groups,
            dry_run: settings
                .optional("FLEETKEEPER_DRY_RUN", "true or false", true_or_false)?
                .unwrap_or_default(),
            headroom: headroom.unwrap_or_default(),
            given: given(settings)?,
            namespace: metric_namespace(settings)?,
            resolution: settings
                .optional("METRIC_RESOLUTION_SECONDS", "60 or 1", resolution)?
                .unwrap_or(StorageResolution::OneMinute),
        })
    }
}

impl Config {
    /// The names of a cluster's groups. Where `ECS_CLUSTER` names another cluster, they are that
    /// one's.
    pub(crate) fn groups_of(&self, cluster: &Cluster) -> &[String] {
        let of_another = self.cluster.as_ref().is_some_and(|own| own.name() != cluster.name());
        if of_another { &[] } else { &self.groups }
    }
}

fn given(settings: &Settings<'_>) -> Result<Given, SettingError> {
    let amount = |variable, unit| settings.whole_number(variable, unit, 0, AMOUNT_MAX);
    let given = Given {
        cpu: amount("CONTAINER_MAX_CPU", "CPU units")?.map(CpuUnits),
        memory: amount("CONTAINER_MAX_MEMORY", "MiB")?.map(Mib),
        tcp_ports: ports(settings, "TCP_PORT_RESOURCES")?,
        udp_ports: ports(settings, "UDP_PORT_RESOURCES")?,
        network_interface: settings.optional("CONTAINER_USES_ENI", "true or false", true_or_false)?,
        gpus: amount("CONTAINER_MAX_GPU", "GPUs")?.map(|gpus| u32::try_from(gpus).unwrap_or(u32::MAX)),
    };
    if given.is_all() && given.is_nothing() {
        return Err(SettingError::Malformed {
            variable: "CONTAINER_MAX_MEMORY",
            value: "0".to_owned(),
            accepted: "more than 0, where no other variable says that the container needs anything"
                .to_owned(),
        });
    }
    Ok(given)
}

fn ports(settings: &Settings<'_>, variable: &'static str) -> Result<Option<BTreeSet<Port>>, SettingError> {
    let accepted = "ports from 1 to 65535, each once, as in 80,443; none or empty where there is none";
    settings.optional(variable, accepted, parse_ports)
}

const GROUPS: &str = "Auto Scaling groups' names, each once, commas and no spaces between them";

/// Auto Scaling takes names of up to 255 printable characters (API reference,
/// `CreateAutoScalingGroup`).
fn parse_groups(text: &str) -> Option<Vec<String>> {
    let names: Vec<_> = text.split(',').map(str::to_owned).collect();
    let is_name = |name: &String| {
        (1..=255).contains(&name.chars().count()) && name.trim() == name && !name.contains(char::is_control)
    };
    let each_once = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    (each_once && names.iter().all(is_name)).then_some(names)
}

fn direct(settings: &Settings<'_>, groups: &[String]) -> Result<Option<DirectSettings>, SettingError> {
    let is_direct = settings.optional("SCALING", "metrics or direct", scaling)?.unwrap_or_default();
    let minutes = settings.whole_number("SCALE_IN_MINUTES", "minutes", 1, 1_440)?.unwrap_or(5);
    let max_draining = settings.parsed("MAX_DRAINING_HOSTS", &NotAMaxDraining.to_string())?;
    if is_direct && groups.is_empty() {
        let accepted = format!("with SCALING=direct, {GROUPS}, are accepted");
        return Err(SettingError::Missing { variable: "AUTO_SCALING_GROUPS", accepted });
    }
    Ok(is_direct.then(|| DirectSettings {
        scale_in_after: TimeDelta::minutes(i64::try_from(minutes).unwrap_or(i64::MAX)),
        max_draining: max_draining.unwrap_or_default(),
    }))
}

/// True for direct scaling.
fn scaling(text: &str) -> Option<bool> {
    match text {
        "metrics" => Some(false),
        "direct" => Some(true),
        _ => None,
    }
}

fn true_or_false(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn parse_ports(text: &str) -> Option<BTreeSet<Port>> {
    let mut ports = BTreeSet::new();
    if matches!(text, "" | "none") {
        return Some(ports);
    }
    for port in text.split(',') {
        let port = u16::try_from(digits(port)?).ok().filter(|port| *port > 0)?;
        if !ports.insert(Port(port)) {
            return None;
        }
    }
    Some(ports)
}

fn resolution(text: &str) -> Option<StorageResolution> {
    match text {
        "60" => Some(StorageResolution::OneMinute),
        "1" => Some(StorageResolution::OneSecond),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
