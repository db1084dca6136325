//! Tables of the figures.

use super::page::escaped;
use crate::experiment::{PolicyOutcome, TraceOutcome};
use crate::figures::stages::Stages;
use crate::figures::{Figures, Minute, Waits};

/// The columns. Costs are multiples of the bound's host-hours, waits are seconds; the others are
/// means of the seeds.
const COLUMNS: [&str; 12] = [
    "policy",
    "cost",
    "median",
    "p99",
    "services p99",
    "short min",
    "never ran",
    "killed",
    "lost to Spot",
    "moved",
    "hosts +/-",
    "API calls",
];

/// The table of a trace, with its head, for a terminal.
#[must_use]
pub fn terminal(outcome: &TraceOutcome) -> String {
    let rows = rows(outcome);
    let mut lines = vec![head(outcome)];
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::len);
        cells.chain(COLUMNS.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ")
    };
    lines.push(line(&mut COLUMNS.into_iter()));
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// The same as a table of Markdown.
#[must_use]
pub fn markdown(outcome: &TraceOutcome) -> String {
    let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(COLUMNS.to_vec())];
    lines.push(line((0..COLUMNS.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect()));
    lines.extend(rows(outcome).iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

/// The same as a table of HTML.
#[must_use]
pub fn html(outcome: &TraceOutcome) -> String {
    let line = |cell: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.map(|text| format!("<{cell}>{}</{cell}>", escaped(text)));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let rows = rows(outcome);
    let rows = rows.iter().map(|row| line("td", &mut row.iter().map(String::as_str)));
    format!(
        "<table>\n{}\n{}\n</table>",
        line("th", &mut COLUMNS.into_iter()),
        rows.collect::<Vec<_>>().join("\n")
    )
}

/// Where the longest waits went, policy by policy: a table of Markdown.
#[must_use]
pub fn longest_waits(outcome: &TraceOutcome) -> String {
    let head = [
        "| policy | noticed | decided | launched | placed | all |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ];
    let rows = outcome.policies.iter().filter_map(|policy| {
        let it = policy.longest_waits?;
        let Stages { noticed, decided, launched, placed } = it;
        let name = &policy.policy;
        Some(format!("| {name} | {noticed} | {decided} | {launched} | {placed} | {} |", it.wait()))
    });
    head.into_iter().map(str::to_owned).chain(rows).collect::<Vec<_>>().join("\n")
}

/// Hosts and tasks at each minute's end under each policy, of the first seed: CSV.
#[must_use]
pub fn minutes(outcome: &TraceOutcome) -> String {
    let mut lines = vec!["policy,minute,hosts,running,waiting".to_owned()];
    for policy in &outcome.policies {
        for (minute, Minute { hosts, running, waiting }) in policy.minutes().iter().enumerate() {
            lines.push(format!("{},{minute},{hosts},{running},{waiting}", policy.policy));
        }
    }
    lines.join("\n") + "\n"
}

/// The trace's description.
#[must_use]
pub fn head(outcome: &TraceOutcome) -> String {
    let TraceOutcome { trace, hours, host, bound_host_hours, .. } = outcome;
    format!(
        "{trace}: {hours:.1} hours on {} ({} CPU units, {} MiB), bound {bound_host_hours:.1} host-hours",
        host.name, host.cpu, host.memory
    )
}

fn rows(outcome: &TraceOutcome) -> Vec<Vec<String>> {
    let mut oracle = vec!["oracle".to_owned(), cost(outcome.oracle), "0".to_owned(), "0".to_owned()];
    oracle.resize(COLUMNS.len(), "-".to_owned());
    let policies = outcome.policies.iter().map(row);
    std::iter::once(oracle).chain(policies).collect()
}

fn row(policy: &PolicyOutcome) -> Vec<String> {
    let mean = |of: fn(&Figures) -> u64| format!("{:.0}", policy.mean(of));
    vec![
        policy.policy.clone(),
        cost(policy.cost[0]),
        wait(&policy.waits, 500),
        wait(&policy.waits, 990),
        wait(&policy.service_waits, 990),
        mean(|it| it.minutes_short),
        mean(|it| it.never_ran),
        mean(|it| it.killed),
        mean(|it| it.killed_by_spot),
        moved(policy),
        format!("{}/{}", mean(|it| it.launched), mean(|it| it.removed)),
        mean(|it| it.api_calls),
    ]
}

fn moved(policy: &PolicyOutcome) -> String {
    let (moved, balanced) = (policy.mean(|it| it.moved), policy.mean(|it| it.balanced));
    if balanced > 0.0 { format!("{moved:.0} + {balanced:.0}") } else { format!("{moved:.0}") }
}

fn cost(multiple: f64) -> String {
    format!("{multiple:.2}x")
}

fn wait(waits: &Waits, per_mille: usize) -> String {
    waits.quantile(per_mille).map_or_else(|| "-".to_owned(), |seconds| seconds.to_string())
}

/// How to read a table.
pub const LEGEND: &str = "\
cost: host-hours as a multiple of the packed demand's; median, p99: seconds until a task runs;
short min: minutes at whose end a task had waited for more than a minute; killed: tasks that lost
their host to scale-in; moved: running tasks replaced by a drain, + those to balance zones; figures
are means of the seeds";
