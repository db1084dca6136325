//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::prelude::{Long, Short, ValueExt};
use lexopt::{Arg, Error, Parser};

/// The command of the caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Prints the usage.
    Help,
    /// Plays `seeds` seeds from `from` on, on `jobs` threads.
    Campaign { from: u64, seeds: u64, jobs: usize },
    /// The history of one seed.
    Seed(u64),
    /// The history of the scenario in a file.
    Replay(PathBuf),
}

pub(crate) const HELP: &str = "\
sim [--from SEED] [--seeds N] [--jobs N]   play N histories (5000), from SEED (0) on, N at a time (all cores)
sim --seed SEED                            play the history of SEED and show it
sim --replay FILE                          play the scenario in FILE (JSON) and show its history";

/// What a campaign plays where nothing is said: enough for every expected state to occur.
const SEEDS: NonZeroU64 = NonZeroU64::new(5000).unwrap();

impl Command {
    pub(crate) fn read(mut words: Parser) -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut from, mut seeds, mut jobs) = (0, SEEDS, NonZeroU64::MIN);
        jobs = u64::try_from(cores).ok().and_then(NonZeroU64::new).unwrap_or(jobs);
        let (mut single, mut several) = (None, false);
        while let Some(word) = words.next()? {
            several |= matches!(word, Long("from" | "seeds"));
            match word {
                Long("from") => from = number(&mut words, "--from", SEED)?,
                Long("seeds") => seeds = number(&mut words, "--seeds", COUNT)?,
                Long("jobs") => jobs = number(&mut words, "--jobs", COUNT)?,
                Long("seed") if single.is_none() => {
                    single = Some(Self::Seed(number(&mut words, "--seed", SEED)?));
                }
                Long("replay") if single.is_none() => single = Some(Self::Replay(words.value()?.into())),
                Long("help") | Short('h') => return Ok(Self::Help),
                word => return Err(refused(word)),
            }
        }
        match single {
            None => {
                let jobs = usize::try_from(jobs.get()).unwrap_or(usize::MAX);
                Ok(Self::Campaign { from, seeds: seeds.get(), jobs })
            }
            Some(_) if several => {
                Err("--seed and --replay play one history: without --from and --seeds".into())
            }
            Some(single) => Ok(single),
        }
    }
}

const SEED: &str = "a whole number from 0 on";
const COUNT: &str = "a whole number from 1 on";

fn number<T: FromStr>(words: &mut Parser, name: &str, accepted: &str) -> Result<T, Error> {
    let value = words.value()?.string()?;
    value.parse().map_err(|_| format!("{name}={value:?} is not accepted: {accepted}").into())
}

fn refused(word: Arg<'_>) -> Error {
    let said = word.unexpected();
    format!("{said}: --from, --seeds, --jobs, --help and one of --seed and --replay are accepted").into()
}
