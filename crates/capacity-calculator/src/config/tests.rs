//! The variables, accepted and refused.

use expect_test::expect;
use fleetkeeper_core::fleet::MaxDraining;

use super::*;

const WORST: [(&str, &str); 2] = [("CONTAINER_MAX_CPU", "250"), ("CONTAINER_MAX_MEMORY", "400")];

/// Two variables that most set, and `more`, which wins.
fn config(more: &[(&str, &str)]) -> Result<Config, SettingError> {
    only(&[more, &WORST].concat())
}

fn only(set: &[(&str, &str)]) -> Result<Config, SettingError> {
    let lookup = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
    Config::read(&Settings::new(&lookup))
}

#[test]
fn defaults_are_the_contracts() {
    let config = config(&[]).unwrap();
    assert_eq!(config.cluster, None);
    assert_eq!(config.given, Given { cpu: Some(CpuUnits(250)), memory: Some(Mib(400)), ..Given::default() });
    assert_eq!((config.groups, config.headroom), (Vec::new(), Headroom::One));
    assert_eq!(config.namespace, "ECS/Fleetkeeper");
    assert_eq!(config.resolution, StorageResolution::OneMinute);
}

#[test]
fn everything_can_be_set() {
    let config = config(&[
        ("ECS_CLUSTER", "demo"),
        ("AUTO_SCALING_GROUPS", "on demand/blue,spot:a=b"),
        ("SCALING", "metrics"),
        ("HEADROOM", "10%"),
        ("TCP_PORT_RESOURCES", "443,80,65535"),
        ("UDP_PORT_RESOURCES", "none"),
        ("METRIC_NAMESPACE", "My Team/ECS #1"),
        ("METRIC_RESOLUTION_SECONDS", "1"),
        ("CONTAINER_MAX_GPU", "1"),
        ("CONTAINER_USES_ENI", "true"),
    ])
    .unwrap();
    assert_eq!(config.cluster.unwrap().name(), "demo");
    assert_eq!(config.groups, ["on demand/blue", "spot:a=b"]);
    assert_eq!(config.headroom, Headroom::Percent(10));
    assert_eq!(config.given.tcp_ports, Some([80, 443, 65535].map(Port).into()));
    assert_eq!(config.given.udp_ports, Some(BTreeSet::new()));
    assert_eq!((config.given.network_interface, config.given.gpus), (Some(true), Some(1)));
    assert!(config.given.is_all());
    assert_eq!(config.namespace, "My Team/ECS #1");
    assert_eq!(config.resolution, StorageResolution::OneSecond);
}

#[test]
fn what_is_not_set_is_left_to_discover() {
    assert_eq!(only(&[]).unwrap().given, Given::default());
    let given = only(&[("CONTAINER_MAX_CPU", "0")]).unwrap().given;
    assert_eq!(given, Given { cpu: Some(CpuUnits(0)), ..Given::default() });
}

#[test]
fn a_worst_case_container_of_nothing_is_refused() {
    let nothing = [
        ("CONTAINER_MAX_CPU", "0"),
        ("CONTAINER_MAX_MEMORY", "0"),
        ("TCP_PORT_RESOURCES", ""),
        ("UDP_PORT_RESOURCES", ""),
        ("CONTAINER_MAX_GPU", "0"),
        ("CONTAINER_USES_ENI", "false"),
    ];
    assert_eq!(
        only(&nothing).unwrap_err().to_string(),
        "CONTAINER_MAX_MEMORY=\"0\" is not accepted: more than 0, where no other variable says that the container \
         needs anything"
    );
    assert!(only(&nothing[..5]).is_ok());
    assert!(only(&[&[("UDP_PORT_RESOURCES", "53")], &nothing[..]].concat()).is_ok());
}

#[test]
fn any_number_of_groups_is_taken() {
    let names: Vec<_> = (0..120).map(|number| format!("group-{number}")).collect();
    let config = config(&[("AUTO_SCALING_GROUPS", &names.join(","))]).unwrap();
    assert_eq!(config.groups, names);
}

#[test]
fn direct_scaling_needs_groups_and_has_defaults() {
    assert_eq!(
        only(&[("SCALING", "direct")]).unwrap_err().to_string(),
        "AUTO_SCALING_GROUPS is not set: with SCALING=direct, Auto Scaling groups' names, each once, commas and no \
         spaces between them, are accepted"
    );
    let direct = [("SCALING", "direct"), ("AUTO_SCALING_GROUPS", "a")];
    let settings = only(&direct).unwrap().direct.unwrap();
    assert_eq!(
        (settings.scale_in_after, settings.max_draining),
        (TimeDelta::minutes(5), MaxDraining::Percent(10))
    );
    let set = [("SCALE_IN_MINUTES", "1440"), ("MAX_DRAINING_HOSTS", "3"), ("FLEETKEEPER_DRY_RUN", "true")];
    let config = only(&[&direct[..], &set].concat()).unwrap();
    let settings = config.direct.unwrap();
    assert_eq!((settings.scale_in_after, settings.max_draining), (TimeDelta::days(1), MaxDraining::Hosts(3)));
    assert!(config.dry_run);
    assert_eq!(only(&set).unwrap().direct, None);
}

#[test]
fn what_is_malformed_is_refused_in_one_line_with_the_variable_its_value_and_what_is_accepted() {
    let mut accepted = Vec::new();
    for (variable, values) in [
        ("ECS_CLUSTER", &["", "a b"][..]),
        ("AUTO_SCALING_GROUPS", &["", ",", "a,", "a,,b", "a, b", "a,b,a", "a\nb", &"x".repeat(256)]),
        ("SCALING", &["", "Metrics", "off"]),
        ("SCALE_IN_MINUTES", &["", "0", "1441", "1.5"]),
        ("MAX_DRAINING_HOSTS", &["", "0", "0%", "101%", "all"]),
        ("FLEETKEEPER_DRY_RUN", &["", "1", "True"]),
        ("HEADROOM", &["", "two", "0%", "101%", "10"]),
        ("CONTAINER_MAX_CPU", &["", "-1", "0.25", "1k", "2147483648"]),
        ("CONTAINER_MAX_MEMORY", &["", "512MiB"]),
        (
            "TCP_PORT_RESOURCES",
            &["0", "65536", "80,", ",80", "80, 443", "80,80", "80,080", "http", "80-90", "80;443"],
        ),
        ("UDP_PORT_RESOURCES", &["53,53"]),
        ("METRIC_NAMESPACE", &["", " ", ":x", "AWS/ECS", "a*b", "Flotte für ECS", &"x".repeat(256)]),
        ("METRIC_RESOLUTION_SECONDS", &["", "0", "5", "060"]),
        ("CONTAINER_MAX_GPU", &["", "-1", "all"]),
        ("CONTAINER_USES_ENI", &["", "TRUE", "1", "no"]),
    ] {
        for value in values {
            let said = config(&[(variable, *value)]).unwrap_err().to_string();
            let of_value = said.strip_prefix(&format!("{variable}={value:?} is not accepted: "));
            accepted.push(format!("{variable}: {}", of_value.unwrap_or(&said)));
        }
    }
    accepted.dedup();
    expect![[r#"
        ECS_CLUSTER: a cluster's name or ARN
        AUTO_SCALING_GROUPS: Auto Scaling groups' names, each once, commas and no spaces between them
        SCALING: metrics or direct
        SCALE_IN_MINUTES: a whole number of minutes from 1 to 1440
        MAX_DRAINING_HOSTS: a number of hosts from 1 to 5000, or a share from 1% to 100%
        FLEETKEEPER_DRY_RUN: true or false
        HEADROOM: none, one, or a share from 1% to 100%
        CONTAINER_MAX_CPU: a whole number of CPU units from 0 to 2147483647
        CONTAINER_MAX_MEMORY: a whole number of MiB from 0 to 2147483647
        TCP_PORT_RESOURCES: ports from 1 to 65535, each once, as in 80,443; none or empty where there is none
        UDP_PORT_RESOURCES: ports from 1 to 65535, each once, as in 80,443; none or empty where there is none
        METRIC_NAMESPACE: a CloudWatch namespace that is not AWS's own (1 to 255 letters, digits, spaces and . - _ / # :, not blank, not starting with a colon or with AWS/)
        METRIC_RESOLUTION_SECONDS: 60 or 1
        CONTAINER_MAX_GPU: a whole number of GPUs from 0 to 2147483647
        CONTAINER_USES_ENI: true or false"#]].assert_eq(&accepted.join("\n"));
}
