//! One page in HTML, with all that it needs in it: it requests nothing.

use std::fmt::Write as _;

use super::chart::{self, COLORS, INK, NotDrawn, css};
use super::document::Document;
use super::table;
use crate::experiment::TraceOutcome;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fleetkeeper: scaling policies compared</title>
<style>
:root { color-scheme: light dark; --text: #1f2328; --quiet: #5a6270; --line: #d0d7de; --back: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9aa4b2; --line: #30363d; --back: #0d1117; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 16px; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h2 { margin-top: 48px; border-top: 1px solid var(--line); padding-top: 16px; }
p, .legend { color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 16px; }
figure { margin: 0; color: var(--quiet); }
figure svg { width: 100%; height: auto; }
.legend span { margin-right: 16px; white-space: nowrap; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; }
</style>
</head>
<body>
"#;

/// The page.
pub fn html(document: &Document<'_>) -> Result<String, NotDrawn> {
    let mut page = HEAD.to_owned();
    let mut add = |text: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(page, "{text}");
    };
    add("<h1>Scaling policies compared</h1>");
    let with = |is: bool| if is { "with" } else { "without" };
    add(&format!(
        "<p>Placement: {}. Played {} the service scheduler's back-off, {} Availability Zone rebalancing, with {} seeds. \
         The charts show the first seed.</p><p>{}.</p>",
        document.placement,
        with(document.back_off),
        with(document.balance_zones_s.is_some()),
        document.seeds.len(),
        table::LEGEND.replace('\n', " ")
    ));
    for outcome in document.traces {
        add(&section(outcome)?);
    }
    add("</body>\n</html>");
    Ok(page)
}

fn section(outcome: &TraceOutcome) -> Result<String, NotDrawn> {
    let figure = |caption: &str, svg: String| {
        let svg = svg.replace(&css(INK), "currentColor");
        format!("<figure><figcaption>{caption}</figcaption>{}</figure>", named(&svg, caption))
    };
    let charts = [
        figure("Hosts over time. The area is the packed demand", chart::hosts(outcome)?),
        figure("Tasks that wait over time", chart::waiting(outcome)?),
        figure("Cost beside waits: down and left is better", chart::cost_and_waits(outcome)?),
    ];
    Ok(format!(
        "<h2>{}</h2>\n<p>{}</p>\n{}\n<div class=\"scroll\">{}</div>\n<div class=\"charts\">\n{}\n</div>",
        escaped(&outcome.trace),
        escaped(&table::head(outcome)),
        legend(outcome),
        table::html(outcome),
        charts.join("\n")
    ))
}

fn legend(outcome: &TraceOutcome) -> String {
    let mut legend = "<div class=\"legend\">".to_owned();
    for (policy, color) in outcome.policies.iter().zip(COLORS.iter().cycle()) {
        let (name, color) = (escaped(&policy.policy), css(*color));
        let _ = write!(legend, "<span><i style=\"background:{color}\"></i>{name}</span>");
    }
    legend + "</div>"
}

/// An SVG that scales with its place, and has a name for those who do not see it.
fn named(svg: &str, name: &str) -> String {
    let sized = r#"<svg width="720" height="260" "#;
    svg.replacen(sized, &format!("<svg role=\"img\" aria-label=\"{name}\" "), 1)
}

/// Text for HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
