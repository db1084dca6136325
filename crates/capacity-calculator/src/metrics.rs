//! The figures as CloudWatch metrics.

use std::collections::BTreeSet;

use fleetkeeper_core::capacity::float;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::fleet::MissingReason;
use fleetkeeper_core::metric_namespace::CLUSTER_DIMENSION;
use fleetkeeper_core::ports::{MetricDatum, MetricUnit};

use crate::summary::{BookFigures, Figures, GroupFigures};

/// The second dimension of a group's metrics.
const GROUP_NAME: &str = "AutoScalingGroupName";

/// The metrics of a cluster and its groups.
#[must_use]
pub fn metric_data(figures: &Figures, cluster: &Cluster) -> Vec<MetricDatum> {
    let of_cluster = Dimensions { cluster, group: None };
    let unplaceable: BTreeSet<_> = figures.unplaceable.iter().map(|it| &it.service).collect();
    let unplaceable = u64::try_from(unplaceable.len()).unwrap_or(u64::MAX);
    let book = figures.capacity.as_ref().map(BookFigures::from);
    let mut data: Vec<_> = book.iter().flat_map(|book| of_book(&of_cluster, book)).collect();
    data.push(of_cluster.count("UnplaceableServices", unplaceable));
    data.push(of_cluster.count("WaitingTasks", figures.waiting_tasks));
    for group in &figures.groups {
        let of_group = Dimensions { cluster, group: Some(&group.decision.group) };
        data.extend(group.book.iter().flat_map(|book| of_book(&of_group, book)));
        data.extend(of_scaling(&of_group, group));
        let hosts = &group.decision.hosts;
        data.extend([
            of_group.count("ActiveHosts", hosts.active_hosts),
            of_group.count("DrainingHosts", hosts.draining_hosts),
            of_group.count("DisconnectedHosts", hosts.disconnected_hosts),
            of_group.count("UnjoinedHosts", hosts.unjoined_hosts),
        ]);
    }
    data
}

fn of_book(dimensions: &Dimensions<'_>, book: &BookFigures) -> [MetricDatum; 3] {
    [
        dimensions.count("ContainerCapacity", book.container_capacity),
        dimensions.datum("IdleHostCapacity", MetricUnit::None, book.idle_host_capacity),
        dimensions.count("PlaceableContainers", book.placeable_containers),
    ]
}

/// What alarms and policies scale a group by: nothing where ECS scales it.
fn of_scaling(dimensions: &Dimensions<'_>, group: &GroupFigures) -> Vec<MetricDatum> {
    let (missing, removable) = (&group.decision.missing, &group.decision.removable);
    if matches!(missing.reason, MissingReason::ScaledByEcs { .. }) {
        return Vec::new();
    }
    let missing = missing.units.map(|units| dimensions.count("MissingHosts", units));
    missing.into_iter().chain([dimensions.count("RemovableHosts", removable.units)]).collect()
}

struct Dimensions<'a> {
    cluster: &'a Cluster,
    group: Option<&'a str>,
}

impl Dimensions<'_> {
    fn count(&self, name: &'static str, count: u64) -> MetricDatum {
        self.datum(name, MetricUnit::Count, float(count))
    }

    fn datum(&self, name: &'static str, unit: MetricUnit, value: f64) -> MetricDatum {
        let cluster = (CLUSTER_DIMENSION, self.cluster.name().to_owned());
        let group = self.group.map(|group| (GROUP_NAME, group.to_owned()));
        MetricDatum { name, dimensions: [cluster].into_iter().chain(group).collect(), unit, value }
    }
}

#[cfg(test)]
mod tests {
    use fleetkeeper_core::fleet::{GroupDecision, GroupHosts, Missing, Removable, Unplaceable};
    use fleetkeeper_core::task::TaskDefinitionArn;

    use super::*;

    fn group(name: &str, units: Option<u64>, reason: MissingReason) -> GroupFigures {
        let hosts =
            GroupHosts { active_hosts: 4, draining_hosts: 3, disconnected_hosts: 2, unjoined_hosts: 1 };
        let removable = Removable { hosts: 2, units: 6, held_by: Vec::new() };
        let decision =
            GroupDecision { group: name.to_owned(), hosts, missing: Missing { units, reason }, removable };
        GroupFigures { decision, book: None, scaling: None }
    }

    fn data(figures: &Figures) -> Vec<String> {
        let cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap();
        let line = |datum: MetricDatum| {
            let dimensions: Vec<_> =
                datum.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {} {:?} {}", datum.name, dimensions.join(" "), datum.unit, datum.value)
        };
        metric_data(figures, &cluster).into_iter().map(line).collect()
    }

    #[test]
    fn without_a_group_and_a_worst_case_container_only_services_and_tasks_are_published() {
        let unplaceable = |service: &str, revision: u32| Unplaceable {
            service: service.to_owned(),
            task_definition: TaskDefinitionArn(format!("{service}:{revision}")),
            lacks: "CPU".to_owned(),
        };
        let unplaceable = vec![unplaceable("web", 1), unplaceable("web", 2), unplaceable("api", 1)];
        let figures = Figures { waiting_tasks: 7, unplaceable, ..Figures::default() };
        assert_eq!(
            data(&figures),
            ["UnplaceableServices ClusterName=demo Count 2", "WaitingTasks ClusterName=demo Count 7"]
        );
    }

    #[test]
    fn a_groups_metrics_have_its_name_as_second_dimension_and_capacity_units() {
        let book = BookFigures { container_capacity: 9, idle_host_capacity: 1.5, placeable_containers: 8 };
        let with_book =
            GroupFigures { book: Some(book), ..group("on-demand", Some(12), MissingReason::HasRoom) };
        let figures = Figures { groups: vec![with_book], ..Figures::default() };
        let of = "ClusterName=demo AutoScalingGroupName=on-demand";
        assert_eq!(
            data(&figures)[2..],
            [
                format!("ContainerCapacity {of} Count 9"),
                format!("IdleHostCapacity {of} None 1.5"),
                format!("PlaceableContainers {of} Count 8"),
                format!("MissingHosts {of} Count 12"),
                format!("RemovableHosts {of} Count 6"),
                format!("ActiveHosts {of} Count 4"),
                format!("DrainingHosts {of} Count 3"),
                format!("DisconnectedHosts {of} Count 2"),
                format!("UnjoinedHosts {of} Count 1"),
            ]
        );
    }

    #[test]
    fn missing_hosts_that_nobody_can_know_are_not_published() {
        let unjoined = MissingReason::HostsDoNotJoin { instance: "i-1".to_owned() };
        let figures = Figures { groups: vec![group("a", None, unjoined)], ..Figures::default() };
        let named = |name: &str| data(&figures).iter().any(|line| line.starts_with(name));
        assert!(!named("MissingHosts") && named("RemovableHosts") && named("UnjoinedHosts"));
    }

    #[test]
    fn of_a_group_that_ecs_scales_no_scaling_figure_is_published() {
        let reason = MissingReason::ScaledByEcs { capacity_provider: "spot".to_owned() };
        let figures = Figures { groups: vec![group("a", None, reason)], ..Figures::default() };
        let named = |name: &str| data(&figures).iter().any(|line| line.starts_with(name));
        assert!(!named("MissingHosts") && !named("RemovableHosts") && named("ActiveHosts"));
    }
}
