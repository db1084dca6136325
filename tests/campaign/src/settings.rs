//! The functions' settings, read as the functions read their variables.

use fleetkeeper_core::setting::{SettingError, Settings};

use crate::direct_plan::DrainingAtOnce;
use crate::scenario::{CalculatorPlan, DrainerPlan, HeadroomPlan, OnTimeout, Scenario};
use crate::set_up::{cluster_name, group_name};

/// The drainer's settings.
pub(crate) fn drainer_config(plan: &DrainerPlan) -> Result<lifecycle_drainer::Config, SettingError> {
    let lookup = |name: &str| match name {
        "ECS_CLUSTER" => Some(cluster_name(plan.ecs_cluster)),
        "DRAIN_TIMEOUT_SECONDS" => Some(plan.drain_timeout_seconds.to_string()),
        "ON_DRAIN_TIMEOUT" => Some(on_drain_timeout(plan.on_drain_timeout).to_owned()),
        "POLL_INTERVAL_SECONDS" => Some(plan.poll_seconds.to_string()),
        "DEADLINE_MARGIN_SECONDS" => Some(plan.margin_seconds.to_string()),
        _ => None,
    };
    lifecycle_drainer::Config::read(&Settings::new(&lookup))
}

fn on_drain_timeout(policy: OnTimeout) -> &'static str {
    match policy {
        OnTimeout::StopTasks => "stop-tasks",
        OnTimeout::Continue => "continue",
        OnTimeout::Abandon => "abandon",
    }
}

/// The calculator's settings: the groups are those of the first cluster.
pub(crate) fn calculator_config(
    scenario: &Scenario,
    plan: &CalculatorPlan,
) -> Result<capacity_calculator::Config, SettingError> {
    let groups = scenario.clusters.first().map_or(0, |cluster| cluster.groups.len());
    let groups: Vec<_> = (0..groups).map(|group| group_name(0, group)).collect();
    let lookup = |name: &str| match name {
        "ECS_CLUSTER" => Some(cluster_name(0)),
        "AUTO_SCALING_GROUPS" if !groups.is_empty() => Some(groups.join(",")),
        // The shipped alarm has a period of 10 s.
        "METRIC_RESOLUTION_SECONDS" => Some("1".to_owned()),
        "HEADROOM" => Some(match plan.headroom {
            HeadroomPlan::One => "one".to_owned(),
            HeadroomPlan::None => "none".to_owned(),
            HeadroomPlan::Percent(percent) => format!("{percent}%"),
        }),
        "SCALING" => plan.direct.as_ref().map(|_| "direct".to_owned()),
        "SCALE_IN_MINUTES" => plan.direct.as_ref().map(|direct| direct.scale_in_minutes.to_string()),
        "MAX_DRAINING_HOSTS" => plan.direct.as_ref().map(|direct| match direct.max_draining {
            DrainingAtOnce::Hosts(hosts) => hosts.to_string(),
            DrainingAtOnce::Percent(percent) => format!("{percent}%"),
        }),
        "FLEETKEEPER_DRY_RUN" => {
            plan.direct.as_ref().filter(|direct| direct.dry_run).map(|_| "true".to_owned())
        }
        _ if plan.discovers => None,
        "CONTAINER_MAX_CPU" => Some(plan.cpu.to_string()),
        "CONTAINER_MAX_MEMORY" => Some(plan.memory.to_string()),
        "TCP_PORT_RESOURCES" => Some(plan.tcp_port.map(|port| port.to_string()).unwrap_or_default()),
        "UDP_PORT_RESOURCES" => Some(String::new()),
        "CONTAINER_MAX_GPU" => Some("0".to_owned()),
        "CONTAINER_USES_ENI" => Some("false".to_owned()),
        _ => None,
    };
    capacity_calculator::Config::read(&Settings::new(&lookup))
}
