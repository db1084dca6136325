//! The figures as a table, in Markdown.

use std::fmt::Write as _;

use super::spread::{Comparison, Spread};
use super::{Drains, Figures, Snapshots};

/// A row's name, and what is in it.
type Row<T> = (&'static str, fn(&T) -> &Comparison);

/// All of it, for a page.
#[must_use]
pub fn tables(figures: &Figures) -> String {
    let mut out = String::new();
    let machine = &figures.machine;
    line(
        &mut out,
        &format!(
            "{} x {} ({}), beside {}. Each call of AWS takes {} ms. Medians, least and most of the pairs in brackets; the \
             ratio is the median of the pairs' own, Python's in Fleetkeeper's.",
            machine.processors,
            machine.processor,
            machine.architecture,
            machine.python,
            figures.call_latency_ms
        ),
    );
    line(&mut out, "\n### The calculator\n");
    line(&mut out, "| | hosts | Fleetkeeper | Python | ratio |\n| --- | --- | --- | --- | --- |");
    let rows: [Row<Snapshots>; 4] = [
        ("start to first poll, ms", |it| &it.start),
        ("start to first answer, ms", |it| &it.first_answer),
        ("warm answer, ms", |it| &it.warm_answer),
        ("peak memory, MiB", |it| &it.peak),
    ];
    for (name, of) in rows {
        for snapshots in &figures.snapshots {
            row(&mut out, name, &snapshots.hosts.to_string(), of(snapshots));
        }
    }
    line(&mut out, "\n### The drainer\n");
    line(&mut out, "| | instances | Fleetkeeper | Python | ratio |\n| --- | --- | --- | --- | --- |");
    let rows: [Row<Drains>; 6] = [
        ("billed, ms", |it| &it.billed),
        ("peak memory of a process, MiB", |it| &it.peak),
        ("hook completed after the end of the last task, ms", |it| &it.late),
        ("API calls", |it| &it.calls_made),
        ("of them throttled", |it| &it.calls_throttled),
        ("tasks killed", |it| &it.tasks_killed),
    ];
    for (name, of) in rows {
        for drains in &figures.drains {
            row(&mut out, name, &format!("{} with {}", drains.instances, drains.tasks), of(drains));
        }
    }
    line(&mut out, "\n### The packages\n\n| package | zipped, MiB |\n| --- | --- |");
    for (function, bytes) in &figures.zip_bytes {
        let mib = f64::from(u32::try_from(*bytes).unwrap_or(u32::MAX)) / f64::from(1 << 20);
        line(&mut out, &format!("| {function} | {mib:.2} |"));
    }
    out
}

fn row(out: &mut String, name: &str, size: &str, compared: &Comparison) {
    let (ours, python, ratio) =
        (spread(&compared.fleetkeeper), optional(compared.python), optional(compared.ratio));
    line(out, &format!("| {name} | {size} | {ours} | {python} | {ratio} |"));
}

fn optional(it: Option<Spread>) -> String {
    it.map_or_else(|| "-".to_owned(), |it| spread(&it))
}

fn spread(it: &Spread) -> String {
    let [median, min, max] = [it.median, it.min, it.max].map(amount);
    if min == max { median } else { format!("{median} ({min} to {max})") }
}

/// Three digits, and no more of them than there are.
fn amount(it: f64) -> String {
    match it.abs() {
        least if least < 0.05 => "0".to_owned(),
        little if little < 10.0 && little.fract() != 0.0 => format!("{it:.1}"),
        _ => format!("{it:.0}"),
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "{text}");
}
