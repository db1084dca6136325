//! Every metric that an alarm or a widget names is one that is published, with the same dimensions.

use std::collections::BTreeSet;
use std::fs;

use capacity_calculator::{BookFigures, Figures, GroupFigures, metric_data};
use fleetkeeper_core::capacity::{WorstCaseContainer, figures};
use fleetkeeper_core::container_instance::CpuUnits;
use fleetkeeper_core::drain::DrainMetric;
use fleetkeeper_core::fleet::{GroupDecision, GroupHosts, Missing, MissingReason, Removable};
use fleetkeeper_core::task_needs::TaskNeeds;
use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

use crate::template::{GROUP, MAIN, OBSERVABILITY, SCALING_BOOK, Stack, text};

/// A metric: namespace, name, and the names of its dimensions.
type Metric = (String, String, BTreeSet<String>);

/// The default of `MetricNamespace`.
const NAMESPACE: &str = "ECS/Fleetkeeper";

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

/// Metrics that both functions publish, taken from their code, and those of Lambda and SQS.
fn published() -> BTreeSet<Metric> {
    let worst = WorstCaseContainer::new(TaskNeeds { cpu: CpuUnits(1), ..TaskNeeds::default() }).unwrap();
    let report = figures(&[], &worst).unwrap();
    let decision = GroupDecision {
        group: "group".to_owned(),
        hosts: GroupHosts::default(),
        missing: Missing { units: Some(0), reason: MissingReason::HasRoom },
        removable: Removable::default(),
    };
    let group = GroupFigures { decision, book: Some(BookFigures::from(&report)), scaling: None };
    let figures = Figures { capacity: Some(report), groups: vec![group], ..Figures::default() };
    let data = metric_data(&figures, &"demo".parse().unwrap());
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

const ALARM: &str = "AWS::CloudWatch::Alarm";

fn of_alarm(properties: &Value) -> Metric {
    let dimensions = properties["Dimensions"].as_array().unwrap().iter().map(|it| text(&it["Name"]));
    metric(&text(&properties["Namespace"]), &text(&properties["MetricName"]), dimensions)
}

fn dashboard(stack: &Stack) -> Value {
    let json = text(&stack.properties("Dashboard")["DashboardBody"]);
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The metrics of a widget's rows. A dot repeats what the row above has there.
fn of_widget(rows: &Value) -> Vec<Metric> {
    let mut above: Vec<String> = Vec::new();
    let rows = rows.as_array().into_iter().flatten();
    rows.map(|row| {
        let texts = row.as_array().unwrap().iter().filter_map(Value::as_str).enumerate();
        above = texts.map(|(at, said)| if said == "." { &above[at] } else { said }.to_owned()).collect();
        metric(&above[0], &above[1], above[2..].chunks(2).map(|pair| &pair[0]))
    })
    .collect()
}

#[test]
fn what_alarms_and_widgets_name_is_published() {
    let published = published();
    let mut named = BTreeSet::new();
    for path in [MAIN, GROUP, OBSERVABILITY, SCALING_BOOK] {
        named.extend(Stack::of(path, &[]).all(ALARM).map(|(_, alarm)| of_alarm(alarm)));
    }
    assert!(named.len() >= 10);
    let dashboard = dashboard(&Stack::of(OBSERVABILITY, &[]));
    let widgets = dashboard["widgets"].as_array().unwrap();
    let shown: BTreeSet<_> =
        widgets.iter().flat_map(|widget| of_widget(&widget["properties"]["metrics"])).collect();
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
    let (main, operators) = (Stack::with(&[]), Stack::of(OBSERVABILITY, &[]));
    let dashboard = dashboard(&operators);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let shown = widgets.iter().filter_map(|widget| widget["properties"]["alarms"].as_array()).flatten();
    let imported = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:";
    let shown: BTreeSet<_> =
        shown.map(|arn| arn.as_str().unwrap().replace(imported, "").replace(".Arn", "")).collect();
    let alarms = main.all(ALARM).chain(operators.all(ALARM));
    assert_eq!(shown, alarms.map(|(name, _)| name.to_owned()).collect());
}

#[test]
fn the_page_has_a_row_of_every_metric_with_its_alarm() {
    let page = fs::read_to_string(in_repository("docs/metrics.md")).unwrap();
    let rows: Vec<Vec<_>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
        .collect();
    let names: BTreeSet<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(names.len(), rows.len(), "a metric has two rows");
    let of_fleetkeeper = published().into_iter().filter(|(namespace, ..)| namespace == NAMESPACE);
    assert_eq!(names, of_fleetkeeper.map(|(_, name, _)| name).collect());
    for metric in OF_DRAINS {
        let row = format!("| `{}` | {} |", metric.name(), metric.unit());
        assert!(page.contains(&row), "docs/metrics.md has no row {row}");
    }
    // The last column names who alarms on the metric.
    for (path, who) in
        [(OBSERVABILITY, "operators"), (MAIN, "scaling"), (SCALING_BOOK, "scaling by the book")]
    {
        let stack = Stack::of(path, &[]);
        let alarmed: BTreeSet<_> = stack.all(ALARM).map(|(_, alarm)| of_alarm(alarm).1).collect();
        for row in &rows {
            let whom: Vec<_> = row[4].split("; ").filter_map(|one| one.split(',').next()).collect();
            let name = row[0].trim_matches('`');
            assert_eq!(whom.contains(&who), alarmed.contains(name), "{name}: {who}");
        }
    }
}
