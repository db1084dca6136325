//! The report as CloudWatch metrics.

use std::collections::BTreeSet;

use super::discovery::Unfittable;
use super::figures::{count, float};
use super::report::{Hosts, IdleReport, Report};
use crate::cluster::Cluster;
use crate::ports::{MetricDatum, MetricUnit};

/// The dimension that every metric has: the cluster's name, not its ARN.
const CLUSTER_NAME: &str = "ClusterName";

/// The second dimension of container capacity resource by resource.
const RESOURCE: &str = "Resource";

/// All metrics of a report.
///
/// A resource that the worst case does not use has no metric: it sets no limit, and no number says so truly. A 0 would
/// read as a full cluster, and anything large as room that was never looked at.
#[must_use]
pub fn metrics(report: &Report, cluster: &Cluster) -> Vec<MetricDatum> {
    let counted = |name, value| datum(cluster, name, MetricUnit::Count, float(value));
    let of_cluster = [
        counted("ContainerCapacity", report.container_capacity),
        datum(cluster, "IdleHostCapacity", MetricUnit::None, report.idle_host_capacity),
        counted("PlaceableContainers", report.placeable_containers),
        counted("RemovableHosts", report.scale_in.removable_hosts),
        counted("MissingHosts", report.missing_hosts),
    ];
    let by_resource = report.resources.iter().map(|capacity| {
        let mut datum = counted("ContainerCapacity", capacity.container_capacity);
        datum.dimensions.push((RESOURCE, capacity.resource.name().to_owned()));
        datum
    });
    of_cluster.into_iter().chain(of_hosts(&report.hosts, cluster)).chain(by_resource).collect()
}

/// The metrics of a cluster without a worst case: nothing that is told of room, or that a group is scaled by.
#[must_use]
pub fn idle_metrics(report: &IdleReport, cluster: &Cluster) -> Vec<MetricDatum> {
    let idle = datum(cluster, "IdleHostCapacity", MetricUnit::None, float(report.idle_hosts));
    [idle].into_iter().chain(of_hosts(&report.hosts, cluster)).collect()
}

/// How many services may start tasks that fit on no host: 0, too, is told, so that an alarm on it ends.
#[must_use]
pub fn unfittable_metric(unfittable: &[Unfittable], cluster: &Cluster) -> MetricDatum {
    let services: BTreeSet<_> = unfittable.iter().map(|it| &it.service).collect();
    datum(cluster, "UnfittableServices", MetricUnit::Count, float(count(services.iter())))
}

fn of_hosts(hosts: &Hosts, cluster: &Cluster) -> [MetricDatum; 3] {
    let counted = |name, value| datum(cluster, name, MetricUnit::Count, float(value));
    [
        counted("ActiveHosts", hosts.active),
        counted("DrainingHosts", hosts.draining),
        counted("DisconnectedHosts", hosts.disconnected),
    ]
}

fn datum(cluster: &Cluster, name: &'static str, unit: MetricUnit, value: f64) -> MetricDatum {
    MetricDatum { name, dimensions: vec![(CLUSTER_NAME, cluster.name().to_owned())], unit, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::made_up::{figures, host, worst};

    #[test]
    fn every_metric_of_the_contract_with_its_unit_and_dimensions() {
        let hosts = [host(1024, 993), host(1024, 993).with_left(774, 593)];
        let report = figures(&hosts, &worst(250, 400).with_tcp([80])).unwrap();
        let cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap();
        let said: Vec<_> = metrics(&report, &cluster)
            .into_iter()
            .map(|datum| {
                let dimensions: Vec<_> =
                    datum.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {} {:?} {}", datum.name, dimensions.join(" "), datum.unit, datum.value)
            })
            .collect();
        assert_eq!(
            said,
            [
                "ContainerCapacity ClusterName=demo Count 2",
                "IdleHostCapacity ClusterName=demo None 1.5",
                "PlaceableContainers ClusterName=demo Count 2",
                "RemovableHosts ClusterName=demo Count 1",
                "MissingHosts ClusterName=demo Count 0",
                "ActiveHosts ClusterName=demo Count 2",
                "DrainingHosts ClusterName=demo Count 0",
                "DisconnectedHosts ClusterName=demo Count 0",
                "ContainerCapacity ClusterName=demo Resource=CPU Count 7",
                "ContainerCapacity ClusterName=demo Resource=MEMORY Count 3",
                "ContainerCapacity ClusterName=demo Resource=TCP_PORTS Count 2",
            ]
        );
    }
}
