//! Charts, as SVG: hosts and waiting tasks over time, and cost beside waits.
//!
//! Text and axes are drawn in one colour, [`INK`]. On the page it becomes the colour of the text
//! around it, so that charts follow a light and a dark theme.

use std::fmt::Write as _;

use plotters::prelude::*;
use plotters::style::FontFamily;

use crate::experiment::{PolicyOutcome, TraceOutcome};
use crate::figures::Minute;

/// Legible where a page shows two charts side by side.
const FONT: u32 = 20;

/// The colour of text and axes.
pub const INK: RGBColor = RGBColor(0x5a, 0x62, 0x70);

/// The colours of policies, in their order: readable on white and on black, and distinct for people
/// who see no red or no green.
pub const COLORS: [RGBColor; 9] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x2f, 0x6f, 0xb0),
    RGBColor(0x6c, 0xa6, 0xde),
    RGBColor(0xa3, 0xcb, 0xef),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xb8, 0x86, 0x0b),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x7a, 0x3e, 0x9d),
    RGBColor(0x56, 0xb4, 0xa0),
];

/// A colour as CSS has it.
#[must_use]
pub fn css(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// The policies that a chart for documentation shows, where they were played.
const PICTURED: [&str; 5] = [
    "book",
    "capacity provider 100",
    "capacity provider 100 unprotected",
    "Fleetkeeper one",
    "Fleetkeeper direct one",
];

/// Width and height of a chart.
const SIZE: (u32, u32) = (720, 260);

/// A line has at most this many points.
const POINTS: usize = 360;

/// A chart that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw a chart: {0}")]
pub struct NotDrawn(String);

fn not_drawn(error: impl std::fmt::Display) -> NotDrawn {
    NotDrawn(error.to_string())
}

/// Hosts over time, and those of the bound.
pub fn hosts(outcome: &TraceOutcome) -> Result<String, NotDrawn> {
    let bound: Vec<f64> = outcome.bound_minutes.iter().map(|hosts| float(*hosts)).collect();
    over_time(outcome, "hosts", Some(&bound), |minute| f64::from(minute.hosts))
}

/// Waiting tasks over time.
pub fn waiting(outcome: &TraceOutcome) -> Result<String, NotDrawn> {
    over_time(outcome, "tasks that wait", None, |minute| f64::from(minute.waiting))
}

/// Cost beside waits: a point for each policy. Down and left is better.
pub fn cost_and_waits(outcome: &TraceOutcome) -> Result<String, NotDrawn> {
    let p99 = |policy: &PolicyOutcome| policy.waits.quantile(990).map_or(0.0, f64::from);
    let points: Vec<(f64, f64)> = outcome.policies.iter().map(|it| (it.cost[0], p99(it))).collect();
    let most = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(1.0, f64::max);
    let least_cost = points.iter().map(|point| point.0).fold(1.0, f64::min);
    let (width, height) = (most(|it| it.0) - least_cost, most(|it| it.1));
    drawn(|area| {
        let mut chart = ChartBuilder::on(area);
        chart.margin(12).x_label_area_size(56).y_label_area_size(80);
        let x = least_cost - 0.05 * width..least_cost + 1.3 * width + 0.05;
        let mut chart = chart.build_cartesian_2d(x, 0.0..height * 1.15).map_err(not_drawn)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().axis_style(INK).label_style(font(FONT));
        mesh.x_desc("host-hours, as a multiple of the bound").y_desc("p99 wait, s");
        mesh.axis_desc_style(font(FONT)).x_label_formatter(&|x| format!("{x:.2}x"));
        mesh.y_label_formatter(&|y| format!("{y:.0}")).draw().map_err(not_drawn)?;
        for ((place, color), policy) in points.iter().zip(COLORS.iter().cycle()).zip(&outcome.policies) {
            let name = policy.policy.clone();
            let dot = EmptyElement::at(*place)
                + Circle::new((0, 0), 6, color.filled())
                + Text::new(name, (10, -6), font(FONT));
            chart.draw_series([dot]).map_err(not_drawn)?;
        }
        Ok(())
    })
}

/// The hosts over time under the main policies with a title and a legend, on white: for
/// documentation.
pub fn standalone(outcome: &TraceOutcome) -> Result<String, NotDrawn> {
    let pictured = |policy: &&PolicyOutcome| PICTURED.contains(&policy.policy.as_str());
    let policies: Vec<PolicyOutcome> = outcome.policies.iter().filter(pictured).cloned().collect();
    let mut outcome = outcome.clone();
    if !policies.is_empty() {
        outcome.policies = policies;
    }
    let chart = hosts(&outcome)?;
    let (width, height) = SIZE;
    let inner = chart.find("<svg").and_then(|at| chart.get(at..)).unwrap_or(&chart);
    let mut legend = String::new();
    let (mut x, mut y) = (20, 40);
    let names = outcome.policies.iter().map(|policy| policy.policy.as_str());
    let colors = COLORS.iter().cycle().take(outcome.policies.len()).chain([&INK]);
    let ink = css(INK);
    for (name, color) in names.chain(["packed demand"]).zip(colors) {
        let color = css(*color);
        let wide = 30 + 7 * u32::try_from(name.len()).unwrap_or(20);
        if x + wide > width {
            (x, y) = (20, y + 18);
        }
        // Writing to a String does not fail.
        let _ = write!(
            legend,
            r#"<rect x="{x}" y="{}" width="12" height="4" fill="{color}"/><text x="{}" y="{}" font-size="12" fill="{ink}">{name}</text>"#,
            y - 4,
            x + 17,
            y + 3
        );
        x += wide;
    }
    let above = y + 10;
    let total = height + above;
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" viewBox="0 0 {width} {total}" font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/><text x="20" y="22" font-size="15" fill="#1f2328">Hosts over time: {}</text>{legend}<g transform="translate(0,{above})">{inner}</g></svg>
"##,
        outcome.trace
    ))
}

fn over_time(
    outcome: &TraceOutcome,
    what: &str,
    bound: Option<&[f64]>,
    of: impl Fn(&Minute) -> f64,
) -> Result<String, NotDrawn> {
    let lines: Vec<Vec<f64>> =
        outcome.policies.iter().map(|policy| policy.minutes().iter().map(&of).collect()).collect();
    let most = lines.iter().flatten().chain(bound.unwrap_or_default()).copied().fold(1.0, f64::max);
    drawn(|area| {
        let mut chart = ChartBuilder::on(area);
        chart.margin(12).x_label_area_size(56).y_label_area_size(80);
        let mut chart = chart.build_cartesian_2d(0.0..outcome.hours, 0.0..most * 1.05).map_err(not_drawn)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().axis_style(INK).label_style(font(FONT)).axis_desc_style(font(FONT));
        mesh.x_desc("hours").y_desc(what).x_label_formatter(&|x| hours(*x));
        mesh.y_label_formatter(&|y| format!("{y:.0}")).draw().map_err(not_drawn)?;
        if let Some(bound) = bound {
            let area = AreaSeries::new(thinned(bound), 0.0, INK.mix(0.25));
            chart.draw_series(area).map_err(not_drawn)?;
        }
        for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
            chart.draw_series(LineSeries::new(thinned(line), color.stroke_width(2))).map_err(not_drawn)?;
        }
        Ok(())
    })
}

/// A point for each few minutes, at their most.
fn thinned(minutes: &[f64]) -> Vec<(f64, f64)> {
    let each = minutes.len().div_ceil(POINTS).max(1);
    let hours = |minute: usize| u32::try_from(minute).map_or(0.0, f64::from) / 60.0;
    let most =
        |(number, chunk): (usize, &[f64])| (hours(number * each), chunk.iter().copied().fold(0.0, f64::max));
    minutes.chunks(each).enumerate().map(most).collect()
}

/// Whole hours without a fraction: a short trace has ticks between them.
fn hours(hours: f64) -> String {
    format!("{hours:.1}").trim_end_matches(".0").to_owned()
}

fn font(size: u32) -> TextStyle<'static> {
    TextStyle::from((FontFamily::SansSerif, size).into_font()).color(&INK)
}

fn drawn(
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<(), NotDrawn>,
) -> Result<String, NotDrawn> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area)?;
        area.present().map_err(not_drawn)?;
    }
    Ok(svg)
}

fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
