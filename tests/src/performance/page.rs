//! Where the figures stand in the documentation: between two marks of a page, beside the file that
//! they come from.

use std::fs;

use super::{Figures, chart, table};
use crate::Error;
use crate::repository::in_repository;

/// The figures, as the documentation has them.
pub const FIGURES: &str = "docs/performance.json";

/// The page that shows them.
pub const PAGE: &str = "docs/performance.md";

/// The picture.
pub const PICTURE: &str = "docs/performance.svg";

const BEGIN: &str = "<!-- figures: make bench-docs writes what stands from here -->\n\n";
const END: &str = "\n<!-- to here -->";

/// Reads figures that a run has left.
pub fn read(path: &str) -> Result<Figures, Error> {
    let text = fs::read(in_repository(path)).map_err(|error| format!("{path}: {error}"))?;
    Ok(serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?)
}

/// The page with these figures in it.
pub fn page_with(page: &str, figures: &Figures) -> Result<String, Error> {
    let marks = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marks.ok_or_else(|| format!("{PAGE} has no marks for figures"))?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table::tables(figures)))
}

/// Takes the figures of a run into the documentation.
pub fn publish(from: &str) -> Result<(), Error> {
    let figures = read(from)?;
    let page = page_with(&fs::read_to_string(in_repository(PAGE))?, &figures)?;
    fs::write(in_repository(PAGE), page)?;
    fs::write(in_repository(PICTURE), chart::svg(&figures))?;
    fs::copy(in_repository(from), in_repository(FIGURES))?;
    Ok(())
}
