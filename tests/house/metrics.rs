//! Every metric that an alarm or a widget of the template names is one that is published, with the same dimensions.

use std::collections::BTreeSet;
use std::fs;

use fleetkeeper_core::capacity::{
    Wanted, WorstCase, figures, idle_figures, idle_metrics, metrics, unfittable_metric,
};
use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_core::drain::DrainMetric;
use fleetkeeper_core::task_needs::TaskNeeds;
use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

use crate::template::template;

/// A metric: namespace, name, and the names of its dimensions.
type Metric = (String, String, BTreeSet<String>);

const NAMESPACE: &str = "MetricNamespace";

const OF_DRAINS: [DrainMetric; 6] = [
    DrainMetric::DrainSeconds,
    DrainMetric::DrainedTasks,
    DrainMetric::DrainDeadlineExceeded,
    DrainMetric::DrainErrors,
    DrainMetric::DrainsInProgress,
    DrainMetric::DrainCutShort,
];

fn metric(namespace: &str, name: &str, dimensions: impl IntoIterator<Item = impl AsRef<str>>) -> Metric {
    let dimensions = dimensions.into_iter().map(|name| name.as_ref().to_owned()).collect();
    (namespace.to_owned(), name.to_owned(), dimensions)
}

/// What both functions publish, taken from their code, and what Lambda and SQS publish of functions and queues.
fn published() -> BTreeSet<Metric> {
    let worst = WorstCase::new(TaskNeeds {
        cpu: CpuUnits(1),
        memory: Mib(1),
        tcp_ports: [Port(80)].into(),
        udp_ports: [Port(53)].into(),
        network_interface: true,
        gpus: 1,
    });
    let cluster = "demo".parse().unwrap();
    let report = figures(&[], &worst.unwrap(), Wanted::default()).unwrap();
    let mut data = metrics(&report, &cluster);
    data.extend(idle_metrics(&idle_figures(&[], Wanted::default()), &cluster));
    data.push(unfittable_metric(&[], &cluster));
    let of_capacity = data.into_iter().map(|datum| {
        metric(NAMESPACE, datum.name, datum.dimensions.iter().map(|(name, _)| *name).collect::<Vec<_>>())
    });
    let of_drains = OF_DRAINS.map(|of| metric(NAMESPACE, of.name(), ["ClusterName"]));
    let of_aws = [
        metric("AWS/Lambda", "Errors", ["FunctionName"]),
        metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", ["QueueName"]),
    ];
    of_capacity.chain(of_drains).chain(of_aws).collect()
}

/// A text of the template, its references being their own names.
fn text(value: &Value) -> String {
    let name = value.get("Ref").unwrap_or(value);
    name.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// The metrics of an alarm: two where it depends on a condition.
fn of_alarm(properties: &Value) -> Vec<Metric> {
    let names = &properties["MetricName"];
    let names = match names["Fn::If"].as_array() {
        Some(either) => either.iter().skip(1).map(text).collect(),
        None => vec![text(names)],
    };
    let dimensions: Vec<_> =
        properties["Dimensions"].as_array().unwrap().iter().map(|it| text(&it["Name"])).collect();
    names.iter().map(|name| metric(&text(&properties["Namespace"]), name, &dimensions)).collect()
}

/// The dashboard, the names of what it refers to in place of what they are.
fn dashboard(template: &Value) -> Value {
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0];
    let mut parts = body.as_str().unwrap().split("${");
    let mut json = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap();
        json.push_str(name);
        json.push_str(rest);
    }
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn of_widget(row: &Value) -> Metric {
    let texts: Vec<_> = row.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let (namespace, name) = (texts[0], texts[1]);
    metric(namespace, name, texts[2..].chunks(2).map(|pair| pair[0]))
}

#[test]
fn what_alarms_and_widgets_name_is_published() {
    let (template, published) = (template(), published());
    let resources = template["Resources"].as_object().unwrap();
    let alarms = resources.values().filter(|it| it["Type"] == "AWS::CloudWatch::Alarm");
    let mut named: Vec<_> = alarms.flat_map(|alarm| of_alarm(&alarm["Properties"])).collect();
    assert!(named.len() >= 10);
    let dashboard = dashboard(template);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let rows = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten();
    let shown: BTreeSet<_> = rows.map(of_widget).collect();
    named.extend(shown.iter().cloned());
    for metric in &named {
        assert!(published.contains(metric), "nothing publishes {metric:?}");
    }
    for metric in &published {
        assert!(shown.contains(metric), "no widget shows {metric:?}");
    }
}

#[test]
fn the_dashboard_shows_every_alarm() {
    let template = template();
    let dashboard = dashboard(template);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let shown = widgets.iter().filter_map(|widget| widget["properties"]["alarms"].as_array()).flatten();
    let shown: BTreeSet<_> = shown.map(|arn| arn.as_str().unwrap().replace(".Arn", "")).collect();
    let resources = template["Resources"].as_object().unwrap();
    let alarms = resources.iter().filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm");
    assert_eq!(shown, alarms.map(|(name, _)| name.clone()).collect());
}

#[test]
fn the_readme_tells_of_every_metric_of_drains() {
    let readme = fs::read_to_string(in_repository("README.md")).unwrap();
    for metric in OF_DRAINS {
        let row = format!("| `{}` | {} |", metric.name(), metric.unit());
        assert!(readme.contains(&row), "README.md has no row {row}");
    }
}
