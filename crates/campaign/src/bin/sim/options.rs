//! The command line.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use fleetkeeper_campaign::coverage::SEEDS_MIN;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    /// On how many threads.
    pub(crate) jobs: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Campaign { from: u64, seeds: u64 },
    Seed(u64),
    Replay(PathBuf),
}

/// The command line was not understood: one line that says what is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(String);

pub(crate) const HELP: &str = "\
sim [--from SEED] [--seeds N] [--jobs N]   play N histories (10000), from SEED (0) on, N at a time (all cores)
sim --seed SEED                            play the history of SEED and show it
sim --replay FILE                          play the scenario in FILE (JSON) and show its history";

/// What a campaign plays where nothing is said: enough for every expected state, in about a minute on two cores.
const SEEDS: u64 = SEEDS_MIN;

impl Options {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, Refused> {
        let mut words = words;
        let (mut from, mut seeds, mut jobs, mut single) = (None, None, None, None);
        while let Some(word) = words.next() {
            let (name, given) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let name = name.as_str();
            if matches!(name, "--help" | "-h") {
                return Ok(Self { command: Command::Help, jobs: 1 });
            }
            if !matches!(name, "--from" | "--seeds" | "--jobs" | "--seed" | "--replay") {
                return Err(Refused(format!(
                    "{name:?} is not accepted: --from, --seeds, --jobs, --seed, --replay or --help"
                )));
            }
            let value = given.or_else(|| words.next());
            let value = value.ok_or_else(|| Refused(format!("{name} lacks its value")))?;
            match name {
                "--from" => once(name, &mut from, number(name, &value, "a seed from 0 on")?)?,
                "--seeds" => once(name, &mut seeds, at_least_one(name, &value)?)?,
                "--jobs" => once(name, &mut jobs, at_least_one(name, &value)?)?,
                "--seed" => {
                    once(name, &mut single, Command::Seed(number(name, &value, "a seed from 0 on")?))?;
                }
                _ => once(name, &mut single, Command::Replay(value.into()))?,
            }
        }
        let jobs = jobs.map_or_else(cores, |jobs| usize::try_from(jobs).unwrap_or(usize::MAX));
        let command = match single {
            None => Command::Campaign { from: from.unwrap_or(0), seeds: seeds.unwrap_or(SEEDS) },
            Some(_) if from.is_some() || seeds.is_some() => {
                return Err(Refused(
                    "--seed and --replay play one history: without --from and --seeds".to_owned(),
                ));
            }
            Some(single) => single,
        };
        Ok(Self { command, jobs })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Refused> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refused(format!("{name} is one too many: one of it, and either --seed or --replay"))),
    }
}

fn number<T: FromStr>(name: &str, value: &str, accepted: &str) -> Result<T, Refused> {
    value.parse().map_err(|_| Refused(format!("{name}={value:?} is not accepted: {accepted}")))
}

fn at_least_one(name: &str, value: &str) -> Result<u64, Refused> {
    let accepted = "a whole number from 1 on";
    match number(name, value, accepted)? {
        0 => Err(Refused(format!("{name}={value:?} is not accepted: {accepted}"))),
        more => Ok(more),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
