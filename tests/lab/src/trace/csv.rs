//! Traces in files: comma-separated, a header in the first line, whole numbers.
//!
//! | header | a row is |
//! | --- | --- |
//! | `arrival_s,duration_s,cpu_units,memory_mib,gpus` | a batch task |
//! | `time_s,service,desired,cpu_units,memory_mib` | a service that wants this many tasks from then on |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{BatchAs, Event, HostType, Kind, Needs, Trace};

/// The header of a file of batch tasks.
const TASKS: &str = "arrival_s,duration_s,cpu_units,memory_mib,gpus";

/// The header of a file of services.
const SERVICES: &str = "time_s,service,desired,cpu_units,memory_mib";

/// A file that is no trace.
#[derive(Debug, thiserror::Error)]
pub enum NotATrace {
    /// It cannot be read.
    #[error("{}: cannot read it", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its first line is no header of a trace.
    #[error("{}: the header {header:?} is not accepted: {TASKS} or {SERVICES}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its first line.
        header: String,
    },
    /// A line does not follow the header.
    #[error("{}, line {line}: {value:?} is not accepted as {column}: {accepted}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// The column.
        column: &'static str,
        /// The value there.
        value: String,
        /// The accepted values.
        accepted: &'static str,
    },
    /// It has no row.
    #[error("{}: no row follows the header", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A folder has no file that is a trace.
    #[error("{}: no file ends in .csv and begins with tasks_ or services_", path.display())]
    NoFile {
        /// The folder.
        path: PathBuf,
    },
}

/// Reads the traces of a folder (`tasks_*.csv` and `services_*.csv`), or the one in a file.
pub fn read(path: &Path) -> Result<Vec<Trace>, NotATrace> {
    if !path.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let unreadable = |source| NotATrace::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_csv = file.extension().is_some_and(|extension| extension == "csv");
        if is_csv && (name.starts_with("tasks_") || name.starts_with("services_")) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(NotATrace::NoFile { path: path.to_owned() });
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Trace, NotATrace> {
    let unreadable = |source| NotATrace::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(path, &text)
}

/// Parses the text of a trace. The path names it in errors, and its stem names the trace.
pub fn parse(path: &Path, text: &str) -> Result<Trace, NotATrace> {
    let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end()));
    let header = lines.next().map(|(_, line)| line).unwrap_or_default();
    let rows = lines.filter(|(_, line)| !line.is_empty());
    let rows = rows.map(|(line, text)| Row { path, line, cells: text.split(',').collect() });
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("trace").to_owned();
    let trace = match header {
        TASKS => tasks(name, rows)?,
        SERVICES => services(name, rows)?,
        other => {
            return Err(NotATrace::Header { path: path.to_owned(), header: other.to_owned() });
        }
    };
    if trace.events.is_empty() {
        return Err(NotATrace::Empty { path: path.to_owned() });
    }
    Ok(trace)
}

struct Row<'a> {
    path: &'a Path,
    line: usize,
    cells: Vec<&'a str>,
}

/// The most that a cell may hold, beside a time.
const MOST: u64 = 100_000_000;

/// The longest trace: a year.
const LONGEST: u64 = 366 * 86_400;

impl Row<'_> {
    fn cell(&self, place: usize, column: &'static str) -> Result<&str, NotATrace> {
        let cell = self.cells.get(place).map(|cell| cell.trim());
        cell.ok_or_else(|| self.refuse(column, "", "a value"))
    }

    fn number(
        &self,
        place: usize,
        column: &'static str,
        accepted: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, NotATrace> {
        let cell = self.cell(place, column)?;
        let number = cell.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.refuse(column, cell, accepted))
    }

    fn seconds(&self, place: usize, column: &'static str, least: u64) -> Result<u32, NotATrace> {
        let accepted = if least == 0 { "whole seconds of at most a year" } else { "1 second to a year" };
        let seconds = self.number(place, column, accepted, least..=LONGEST)?;
        u32::try_from(seconds).map_err(|_| self.refuse(column, "", accepted))
    }

    fn needs(&self, cpu: usize, gpus: Option<usize>) -> Result<Needs, NotATrace> {
        let from_one = "a whole number from 1 to 100000000";
        let gpus = match gpus {
            None => 0,
            Some(place) => self.number(place, "gpus", "a whole number from 0 to 16", 0..=16)?,
        };
        Ok(Needs {
            cpu: self.number(cpu, "cpu_units", from_one, 1..=MOST)?,
            memory: self.number(cpu + 1, "memory_mib", from_one, 1..=MOST)?,
            gpus: u32::try_from(gpus).unwrap_or(u32::MAX),
        })
    }

    /// That a row has as many cells as the header.
    fn ends_at(&self, cells: usize) -> Result<(), NotATrace> {
        match self.cells.get(cells) {
            None => Ok(()),
            Some(more) => Err(self.refuse("nothing", more, "five columns")),
        }
    }

    fn refuse(&self, column: &'static str, value: &str, accepted: &'static str) -> NotATrace {
        let (path, value) = (self.path.to_owned(), value.to_owned());
        NotATrace::Line { path, line: self.line, column, value, accepted }
    }
}

fn tasks<'a>(name: String, rows: impl Iterator<Item = Row<'a>>) -> Result<Trace, NotATrace> {
    let mut numbers: BTreeMap<Needs, usize> = BTreeMap::new();
    let mut events = Vec::new();
    let mut ends = 0;
    for row in rows {
        row.ends_at(5)?;
        let arrival = row.seconds(0, "arrival_s", 0)?;
        let seconds = row.seconds(1, "duration_s", 1)?;
        let next = numbers.len();
        let kind = *numbers.entry(row.needs(2, Some(4))?).or_insert(next);
        events.push((arrival, Event::Batch { kind, seconds }));
        ends = ends.max(arrival.saturating_add(seconds));
    }
    let mut kinds: Vec<(usize, Needs)> = numbers.into_iter().map(|(needs, number)| (number, needs)).collect();
    kinds.sort_unstable_by_key(|(number, _)| *number);
    let kinds = kinds.into_iter().map(|(number, needs)| Kind { name: format!("batch-{number}"), needs });
    Ok(trace(name, Vec::new(), kinds.collect(), events, ends))
}

fn services<'a>(name: String, rows: impl Iterator<Item = Row<'a>>) -> Result<Trace, NotATrace> {
    let mut services: Vec<Kind> = Vec::new();
    let mut events = Vec::new();
    let mut ends = 0;
    for row in rows {
        row.ends_at(5)?;
        let time = row.seconds(0, "time_s", 0)?;
        let named = row.cell(1, "service")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if named.is_empty() || !named.chars().all(is_name) {
            return Err(row.refuse("service", named, "letters, digits, - and _"));
        }
        let desired = row.number(2, "desired", "a whole number from 0 to 5000", 0..=5000)?;
        let count = u32::try_from(desired).unwrap_or(u32::MAX);
        let needs = row.needs(3, None)?;
        let service = match services.iter().position(|service| service.name == named) {
            Some(known) if services.get(known).is_some_and(|it| it.needs != needs) => {
                return Err(row.refuse(
                    "cpu_units",
                    row.cell(3, "cpu_units")?,
                    "what the service had before",
                ));
            }
            Some(known) => known,
            None => {
                services.push(Kind { name: named.to_owned(), needs });
                services.len() - 1
            }
        };
        events.push((time, Event::Desired { service, count }));
        ends = ends.max(time);
    }
    Ok(trace(name, services, Vec::new(), events, ends + 3600))
}

fn trace(
    name: String,
    services: Vec<Kind>,
    kinds: Vec<Kind>,
    mut events: Vec<(u32, Event)>,
    seconds: u32,
) -> Trace {
    events.sort_by_key(|(second, _)| *second);
    let needs: Vec<Needs> = services.iter().chain(&kinds).map(|kind| kind.needs).collect();
    let source = "a file".to_owned();
    let host = HostType::for_tasks(&needs);
    Trace { name, source, host, services, kinds, batch_as: BatchAs::Workers, events, seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Trace, String> {
        parse(Path::new("in/tasks_x.csv"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn tasks_become_arrivals_of_their_kinds_in_order() {
        let text = format!("{TASKS}\n60,10,512,1024,0\n0,20,512,1024,0\n5,30,256,1024,1\n");
        let trace = parsed(&text).unwrap();
        assert_eq!((trace.name.as_str(), trace.kinds.len(), trace.seconds), ("tasks_x", 2, 70));
        let of = |kind, seconds| Event::Batch { kind, seconds };
        assert_eq!(trace.events, [(0, of(0, 20)), (5, of(1, 30)), (60, of(0, 10))]);
        assert_eq!(trace.kinds[1].needs, Needs { cpu: 256, memory: 1024, gpus: 1 });
    }

    #[test]
    fn services_become_what_they_want_from_then_on() {
        let text = format!("{SERVICES}\n0,web,2,512,1024\n0,api,1,256,512\n60,web,5,512,1024\n");
        let trace = parsed(&text).unwrap();
        assert_eq!((trace.at_start(), trace.services.len(), trace.events.len()), (vec![2, 1], 2, 3));
    }

    #[test]
    fn bad_input_gets_one_line_that_says_where_and_what_would_do() {
        for (text, said) in [
            (String::new(), "the header \"\" is not accepted"),
            ("time,x".to_owned(), "the header \"time,x\" is not accepted"),
            (TASKS.to_owned(), "no row follows the header"),
            (
                format!("{TASKS}\n1,0,1,1,0"),
                "line 2: \"0\" is not accepted as duration_s: 1 second to a year",
            ),
            (format!("{TASKS}\n\n1,5,x,1,0"), "line 3: \"x\" is not accepted as cpu_units"),
            (format!("{TASKS}\n1,5,1"), "line 2: \"\" is not accepted as gpus: a value"),
            (format!("{TASKS}\n1,5,1,1,0,7"), "line 2: \"7\" is not accepted as nothing: five columns"),
            (format!("{TASKS}\n-1,5,1,1,0"), "\"-1\" is not accepted as arrival_s"),
            (format!("{SERVICES}\n0,we b,1,1,1"), "\"we b\" is not accepted as service"),
            (format!("{SERVICES}\n0,web,1,1,1\n5,web,1,2,1"), "line 3: \"2\" is not accepted as cpu_units"),
        ] {
            let error = parsed(&text).unwrap_err();
            assert!(error.contains(said) && error.contains("tasks_x.csv"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
