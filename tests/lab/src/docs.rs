//! `make lab-docs`: writes the tables of a documentation page anew.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use fleetkeeper_lab::experiment::TraceOutcome;
use fleetkeeper_lab::report::{chart, pages, table};

use crate::options::{Command, Options};
use crate::{experiment, progress};

/// Plays what the page's tables are of, and writes them. Tables of files are written if their
/// folder is given. A picture shows the page's first table of its trace.
pub(crate) fn write(page: &Path, given: &Options) -> Result<(), Box<dyn Error>> {
    let before = fs::read_to_string(page)?;
    let mut played: BTreeMap<Vec<String>, Vec<TraceOutcome>> = BTreeMap::new();
    let mut written: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut pictures: BTreeMap<String, String> = BTreeMap::new();
    for words in pages::tables(&before) {
        let Command::Play(mut options) = Command::read(lexopt::Parser::from_args(&words))? else { continue };
        if let Some(file) = &options.traces {
            let Some(folder) = &given.traces else { continue };
            options.traces = Some(folder.join(file));
        }
        let skipped = |name: &String| !given.only.is_empty() && !given.only.contains(name);
        if options.only.iter().any(skipped) {
            continue;
        }
        options.jobs = given.jobs;
        let run: Vec<String> = words.iter().filter(|word| *word != "--timeline").cloned().collect();
        if !played.contains_key(&run) {
            println!("{}", run.join(" "));
            let bar = progress::Bar::new();
            let outcomes = experiment(&options)?.run(&|progress| bar.report(progress))?;
            bar.done();
            for outcome in &outcomes {
                if !pictures.contains_key(&outcome.trace) {
                    pictures.insert(outcome.trace.clone(), chart::standalone(outcome)?);
                }
            }
            played.insert(run.clone(), outcomes);
        }
        let outcomes = played.get(&run).map(Vec::as_slice).unwrap_or_default();
        let of = if options.timeline { table::longest_waits } else { table::markdown };
        written.insert(words, outcomes.iter().map(of).collect::<Vec<_>>().join("\n\n"));
    }
    fs::write(page, pages::filled(&before, |words| written.get(words).cloned()))?;
    for (trace, drawn) in pictures {
        let picture = page.with_file_name(format!("outcomes-{trace}.svg"));
        if picture.exists() {
            fs::write(picture, drawn)?;
        }
    }
    Ok(())
}
