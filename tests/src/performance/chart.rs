//! The ratios as a picture: how many times as much the alternative takes.

use std::fmt::Write as _;

use super::Figures;
use super::spread::Comparison;

const WIDTH: f64 = 760.0;
const LABEL: f64 = 300.0;
const ROW: f64 = 34.0;
const TOP: f64 = 56.0;
const BAR: f64 = 20.0;

/// The size of cluster that is shown, and of drains.
const HOSTS: u32 = 100;
const INSTANCES: u32 = 100;

/// An SVG with a bar for each ratio, as far as they were measured.
#[must_use]
pub fn svg(figures: &Figures) -> String {
    let snapshots = figures.snapshots.iter().find(|snapshots| snapshots.hosts == HOSTS);
    let drains = figures.drains.iter().find(|it| it.instances == INSTANCES);
    let of_snapshots = snapshots.into_iter().flat_map(|it| {
        [
            ("start to first poll".to_owned(), &it.start),
            (format!("start to first answer, {HOSTS} hosts"), &it.first_answer),
            (format!("warm answer, {HOSTS} hosts"), &it.warm_answer),
            (format!("peak memory, {HOSTS} hosts"), &it.peak),
        ]
    });
    let of_drains = drains.into_iter().flat_map(|it| {
        [
            (format!("billed time of {INSTANCES} drains at once"), &it.billed),
            (format!("API calls of {INSTANCES} drains at once"), &it.calls_made),
        ]
    });
    let bars: Vec<_> = of_snapshots.chain(of_drains).filter_map(|(label, it)| bar(label, it)).collect();
    let longest = bars.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max);
    let rows: f64 = bars.iter().map(|_| ROW).sum();
    let height = TOP + rows + 12.0;
    let mut out = String::new();
    let mut draw = |text: String| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{text}");
    };
    draw(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="14">"#
    ));
    draw(r##"<rect width="100%" height="100%" fill="#ffffff"/>"##.to_owned());
    draw(r##"<text x="12" y="30" font-size="16" fill="#1f2328">What a Python function with boto3 takes, in multiples of Fleetkeeper's</text>"##.to_owned());
    let mut y = TOP;
    for (label, ratio) in &bars {
        let length = (WIDTH - LABEL - 80.0) * ratio / longest;
        let (x, base, end) = (LABEL - 10.0, y + 15.0, LABEL + length + 8.0);
        draw(format!(r##"<text x="{x:.0}" y="{base:.0}" text-anchor="end" fill="#1f2328">{label}</text>"##));
        draw(format!(
            r##"<rect x="{LABEL:.0}" y="{y:.0}" width="{length:.1}" height="{BAR:.0}" rx="3" fill="#0f6e84"/>"##
        ));
        draw(format!(r##"<text x="{end:.1}" y="{base:.0}" fill="#1f2328">{}x</text>"##, times(*ratio)));
        y += ROW;
    }
    draw("</svg>".to_owned());
    out
}

fn bar(label: String, compared: &Comparison) -> Option<(String, f64)> {
    Some((label, compared.ratio?.median))
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}
