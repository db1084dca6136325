//! The variables, parsed once at start.

use std::collections::BTreeSet;

use fleetkeeper_core::capacity::WorstCase;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_core::metric_namespace::metric_namespace;
use fleetkeeper_core::ports::StorageResolution;
use fleetkeeper_core::setting::{SettingError, Settings, digits};
use fleetkeeper_core::task_needs::TaskNeeds;

/// What the function is told by its variables.
///
/// | variable | unset | accepted |
/// | --- | --- | --- |
/// | `ECS_CLUSTER` | an event must name its cluster | a cluster's name or ARN |
/// | `CONTAINER_MAX_CPU` | an error | CPU units; 0: containers reserve none |
/// | `CONTAINER_MAX_MEMORY` | an error | MiB; 0: containers reserve none |
/// | `TCP_PORT_RESOURCES`, `UDP_PORT_RESOURCES` | no static port | `80,443`; empty: none |
/// | `METRIC_NAMESPACE` | `ECS/Fleetkeeper` | what CloudWatch takes, but for `AWS/...` |
/// | `METRIC_RESOLUTION_SECONDS` | 60 | 60 or 1 |
/// | `CONTAINER_MAX_GPU` | 0 | 0 |
/// | `CONTAINER_USES_ENI` | `false` | `false` |
///
/// GPUs and network interfaces are not counted yet. A worst case that needs them is refused at start, because ignoring
/// it would promise room that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The cluster of an event that names none.
    pub cluster: Option<Cluster>,
    /// The worst-case container.
    pub worst_case: WorstCase,
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
        refuse_but(settings, "CONTAINER_MAX_GPU", "0", "GPUs are not counted yet")?;
        refuse_but(settings, "CONTAINER_USES_ENI", "false", "network interfaces are not counted yet")?;
        Ok(Self {
            cluster: settings.parsed("ECS_CLUSTER", "a cluster's name or ARN")?,
            worst_case: worst_case(settings)?,
            namespace: metric_namespace(settings)?,
            resolution: settings
                .optional("METRIC_RESOLUTION_SECONDS", "60 or 1", resolution)?
                .unwrap_or(StorageResolution::OneMinute),
        })
    }
}

fn worst_case(settings: &Settings<'_>) -> Result<WorstCase, SettingError> {
    let cpu = amount(settings, "CONTAINER_MAX_CPU", "CPU units")?;
    let memory = amount(settings, "CONTAINER_MAX_MEMORY", "MiB")?;
    let (tcp, udp) = (ports(settings, "TCP_PORT_RESOURCES")?, ports(settings, "UDP_PORT_RESOURCES")?);
    WorstCase::new(TaskNeeds {
        cpu: CpuUnits(cpu),
        memory: Mib(memory),
        tcp_ports: tcp,
        udp_ports: udp,
        ..TaskNeeds::default()
    })
    .map_err(|_| SettingError::Malformed {
        variable: "CONTAINER_MAX_MEMORY",
        value: memory.to_string(),
        accepted: "more than 0, where CONTAINER_MAX_CPU is 0 too and no port is given".to_owned(),
    })
}

fn amount(settings: &Settings<'_>, variable: &'static str, unit: &str) -> Result<u64, SettingError> {
    settings.whole_number(variable, unit, 0, AMOUNT_MAX)?.ok_or_else(|| SettingError::Missing {
        variable,
        accepted: format!(
            "a whole number of {unit} from 0 to {AMOUNT_MAX}, what the largest container reserves"
        ),
    })
}

fn ports(settings: &Settings<'_>, variable: &'static str) -> Result<BTreeSet<Port>, SettingError> {
    let accepted = "ports from 1 to 65535, each once, as in 80,443; empty for none";
    Ok(settings.optional(variable, accepted, parse_ports)?.unwrap_or_default())
}

fn parse_ports(text: &str) -> Option<BTreeSet<Port>> {
    let mut ports = BTreeSet::new();
    if text.is_empty() {
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

/// A variable whose only supported value is the one that asks for nothing.
fn refuse_but(
    settings: &Settings<'_>,
    variable: &'static str,
    neutral: &str,
    why: &str,
) -> Result<(), SettingError> {
    let accepted = format_args!("{neutral}, as {why}");
    settings
        .optional(variable, accepted, |text| (text == neutral).then_some(()))
        .map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORST: [(&str, &str); 2] = [("CONTAINER_MAX_CPU", "250"), ("CONTAINER_MAX_MEMORY", "400")];

    /// The two variables that must be set, and `more`, which wins.
    fn config(more: &[(&str, &str)]) -> Result<Config, SettingError> {
        only(&[more, &WORST].concat())
    }

    fn only(set: &[(&str, &str)]) -> Result<Config, SettingError> {
        let lookup =
            |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Config::read(&Settings::new(&lookup))
    }

    #[test]
    fn defaults_are_the_contracts() {
        let config = config(&[]).unwrap();
        assert_eq!(config.cluster, None);
        assert_eq!(config.worst_case.to_string(), "250 CPU units, 400 MiB");
        assert_eq!(config.namespace, "ECS/Fleetkeeper");
        assert_eq!(config.resolution, StorageResolution::OneMinute);
    }

    #[test]
    fn everything_can_be_set() {
        let config = config(&[
            ("ECS_CLUSTER", "demo"),
            ("TCP_PORT_RESOURCES", "443,80,65535"),
            ("UDP_PORT_RESOURCES", ""),
            ("METRIC_NAMESPACE", "My Team/ECS #1"),
            ("METRIC_RESOLUTION_SECONDS", "1"),
            ("CONTAINER_MAX_GPU", "0"),
            ("CONTAINER_USES_ENI", "false"),
        ])
        .unwrap();
        assert_eq!(config.cluster.unwrap().name(), "demo");
        assert_eq!(config.worst_case.to_string(), "250 CPU units, 400 MiB, TCP 80 443 65535");
        assert_eq!(config.namespace, "My Team/ECS #1");
        assert_eq!(config.resolution, StorageResolution::OneSecond);
    }

    #[test]
    fn a_worst_case_that_is_not_given_is_an_error_that_names_the_variable() {
        for (missing, given) in [WORST, [WORST[1], WORST[0]]].map(|[missing, given]| (missing, given)) {
            let said = only(&[given]).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{} is not set: a whole number of ", missing.0)), "{said}");
        }
    }

    #[test]
    fn a_worst_case_of_nothing_is_refused() {
        let nothing = [("CONTAINER_MAX_CPU", "0"), ("CONTAINER_MAX_MEMORY", "0")];
        assert_eq!(
            only(&nothing).unwrap_err().to_string(),
            "CONTAINER_MAX_MEMORY=\"0\" is not accepted: more than 0, where CONTAINER_MAX_CPU is 0 too and no port is \
             given"
        );
        assert!(only(&[nothing[0], nothing[1], ("UDP_PORT_RESOURCES", "53")]).is_ok());
    }

    #[test]
    fn what_is_malformed_is_refused_with_the_variable_and_its_value() {
        for (variable, values) in [
            ("ECS_CLUSTER", &["", "a b"][..]),
            ("CONTAINER_MAX_CPU", &["", "-1", "0.25", "1k", "2147483648"]),
            ("CONTAINER_MAX_MEMORY", &["", "512MiB"]),
            (
                "TCP_PORT_RESOURCES",
                &["0", "65536", "80,", ",80", "80, 443", "80,80", "80,080", "http", "80-90", "80;443"],
            ),
            ("UDP_PORT_RESOURCES", &["53,53"]),
            ("METRIC_NAMESPACE", &["", " ", ":x", "AWS/ECS", "a*b", "Flotte für ECS", &"x".repeat(256)]),
            ("METRIC_RESOLUTION_SECONDS", &["", "0", "5", "060"]),
            ("CONTAINER_MAX_GPU", &["", "1"]),
            ("CONTAINER_USES_ENI", &["", "true", "no"]),
        ] {
            for value in values {
                let said = config(&[(variable, *value)]).unwrap_err().to_string();
                assert!(said.starts_with(&format!("{variable}={value:?} is not accepted: ")), "{said}");
                assert_eq!(said.lines().count(), 1);
            }
        }
    }
}
