//! The report as CloudWatch metrics.

use super::figures::float;
use super::report::Report;
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
    let datum = |name, unit, value| MetricDatum {
        name,
        dimensions: vec![(CLUSTER_NAME, cluster.name().to_owned())],
        unit,
        value,
    };
    let count = |name, value| datum(name, MetricUnit::Count, float(value));

    let of_cluster = [
        count("ContainerCapacity", report.container_capacity),
        datum("IdleHostCapacity", MetricUnit::None, report.idle_host_capacity),
        count("PlaceableContainers", report.placeable_containers),
        count("RemovableHosts", report.removable_hosts),
        count("ActiveHosts", report.active_hosts),
        count("DrainingHosts", report.draining_hosts),
        count("DisconnectedHosts", report.disconnected_hosts),
    ];
    let by_resource = report.resources.iter().map(|capacity| {
        let mut datum = count("ContainerCapacity", capacity.container_capacity);
        datum.dimensions.push((RESOURCE, capacity.resource.name().to_owned()));
        datum
    });
    of_cluster.into_iter().chain(by_resource).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::figures;
    use crate::capacity::made_up::{host, worst};

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
