//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use fleetkeeper_lab::policy::Policy;
use fleetkeeper_lab::trace::{BatchAs, HostType};
use fleetkeeper_sim::PlacementMode;
use lexopt::prelude::{Long, Short, ValueExt};
use lexopt::{Arg, Error, Parser};

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// What can be asked for.
    Help,
    /// An experiment.
    Play(Box<Options>),
}

/// An experiment.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) traces: Option<PathBuf>,
    pub(crate) only: Vec<String>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) placement: Placement,
    pub(crate) backs_off: bool,
    pub(crate) batch_as: BatchAs,
    pub(crate) host: Option<HostType>,
    pub(crate) hours: Option<u32>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) jobs: usize,
    pub(crate) out: PathBuf,
}

/// How tasks are placed, and what that is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) name: &'static str,
    pub(crate) mode: PlacementMode,
}

pub(crate) const HELP: &str = "\
lab [OPTIONS]                  compare scaling policies on the shipped traces

--traces PATH                  on traces in CSV files: a file, or a folder with tasks_*.csv and services_*.csv
--only NAME                    on this trace alone; may be repeated
--seeds N                      with this many seeds (3)
--placement spread|binpack|random   how ECS places tasks (spread)
--back-off                     with the service scheduler's back-off after placement failures
--batch workers|standalone     how the batch tasks of files are run (workers)
--host NAME:CPU:MEMORY[:GPUS]  on this host type instead of one that the trace's tasks suggest
--hours N                      the first N hours of each trace
--headroom VALUE               Fleetkeeper with this HEADROOM instead of one and 10%; may be repeated
--policies NAME                the policies whose names begin with this alone; may be repeated
--scale-in-minutes N           direct scaling with this SCALE_IN_MINUTES (5)
--max-draining VALUE           direct scaling with this MAX_DRAINING_HOSTS (10%)
--warm-pool N                  direct scaling with a warm pool of N stopped hosts at first
--jobs N                       N runs at once (all cores)
--out FOLDER                   where the JSON document, the page and the pictures go (target/lab)";

const PLACEMENTS: [Placement; 3] = [
    Placement { name: "spread", mode: PlacementMode::SpreadOverZones },
    Placement { name: "binpack", mode: PlacementMode::BinpackCpu },
    Placement { name: "random", mode: PlacementMode::Random },
];

/// What differs from the defaults of direct scaling.
#[derive(Debug, Default)]
struct Directly {
    scale_in_minutes: Option<u32>,
    max_draining: Option<String>,
    warm_pool: Option<u32>,
}

impl Directly {
    fn apply(&self, policy: &mut Policy) {
        let Policy::Direct { scale_in_minutes, max_draining, warm_pool, .. } = policy else { return };
        *scale_in_minutes = self.scale_in_minutes.unwrap_or(*scale_in_minutes);
        *warm_pool = self.warm_pool.unwrap_or(*warm_pool);
        if let Some(most) = &self.max_draining {
            max_draining.clone_from(most);
        }
    }
}

impl Command {
    pub(crate) fn read(mut words: Parser) -> Result<Self, Error> {
        let [spread, ..] = PLACEMENTS;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut headrooms: Vec<String> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut direct = Directly::default();
        let mut options = Options {
            traces: None,
            only: Vec::new(),
            seeds: vec![1, 2, 3],
            placement: spread,
            backs_off: false,
            batch_as: BatchAs::Workers,
            host: None,
            hours: None,
            policies: Policy::compared(),
            jobs: cores,
            out: PathBuf::from("target/lab"),
        };
        while let Some(word) = words.next()? {
            match word {
                Long("traces") => options.traces = Some(words.value()?.into()),
                Long("only") => options.only.push(words.value()?.string()?),
                Long("seeds") => {
                    let most = number(&mut words, "--seeds", "a whole number from 1 to 100", 100)?;
                    options.seeds = (1..=most).collect();
                }
                Long("placement") => options.placement = placement(&mut words)?,
                Long("back-off") => options.backs_off = true,
                Long("batch") => options.batch_as = batch(&mut words)?,
                Long("host") => options.host = Some(host(&mut words)?),
                Long("hours") => {
                    let hours = number(&mut words, "--hours", "a whole number from 1 to 8784", 8784)?;
                    options.hours = u32::try_from(hours).ok();
                }
                Long("headroom") => headrooms.push(words.value()?.string()?),
                Long("policies") => names.push(words.value()?.string()?),
                Long("scale-in-minutes") => {
                    let accepted = "a whole number from 1 to 1440";
                    let minutes = number(&mut words, "--scale-in-minutes", accepted, 1440)?;
                    direct.scale_in_minutes = u32::try_from(minutes).ok();
                }
                Long("max-draining") => direct.max_draining = Some(words.value()?.string()?),
                Long("warm-pool") => {
                    let hosts = number(&mut words, "--warm-pool", "a whole number from 1 to 1000", 1000)?;
                    direct.warm_pool = u32::try_from(hosts).ok();
                }
                Long("jobs") => {
                    let jobs = number(&mut words, "--jobs", "a whole number from 1 to 256", 256)?;
                    options.jobs = usize::try_from(jobs).unwrap_or(1);
                }
                Long("out") => options.out = words.value()?.into(),
                Long("help") | Short('h') => return Ok(Self::Help),
                word => return Err(refused(word)),
            }
        }
        if !headrooms.is_empty() {
            options.policies.retain(|policy| policy.headroom().is_none());
            options.policies.extend(headrooms.iter().map(|headroom| Policy::fleetkeeper(headroom)));
            options.policies.extend(headrooms.iter().map(|headroom| Policy::direct(headroom)));
        }
        options.policies.iter_mut().for_each(|policy| direct.apply(policy));
        if !names.is_empty() {
            options.policies.retain(|policy| names.iter().any(|name| policy.name().starts_with(name)));
        }
        Ok(Self::Play(Box::new(options)))
    }
}

fn number(words: &mut Parser, name: &str, accepted: &str, most: u64) -> Result<u64, Error> {
    let value = words.value()?.string()?;
    let number = u64::from_str(&value).ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name}={value:?} is not accepted: {accepted}").into())
}

fn placement(words: &mut Parser) -> Result<Placement, Error> {
    let value = words.value()?.string()?;
    let found = PLACEMENTS.into_iter().find(|placement| placement.name == value);
    found.ok_or_else(|| format!("--placement={value:?} is not accepted: spread, binpack or random").into())
}

fn batch(words: &mut Parser) -> Result<BatchAs, Error> {
    match words.value()?.string()?.as_str() {
        "workers" => Ok(BatchAs::Workers),
        "standalone" => Ok(BatchAs::Standalone),
        other => Err(format!("--batch={other:?} is not accepted: workers or standalone").into()),
    }
}

fn host(words: &mut Parser) -> Result<HostType, Error> {
    let value = words.value()?.string()?;
    let accepted = "NAME:CPU:MEMORY or NAME:CPU:MEMORY:GPUS, in CPU units and MiB";
    value.parse().map_err(|()| format!("--host={value:?} is not accepted: {accepted}").into())
}

fn refused(word: Arg<'_>) -> Error {
    format!("{}: lab --help shows what is accepted", word.unexpected()).into()
}
