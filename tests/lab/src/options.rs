//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use fleetkeeper_lab::policy::{Policy, Tuning};
use fleetkeeper_lab::stage::Scheduler;
use fleetkeeper_lab::trace::{BatchAs, HostType};
use fleetkeeper_sim::PlacementMode;
use lexopt::prelude::{Long, Short, ValueExt};
use lexopt::{Arg, Error, Parser};

/// The command of the caller.
#[derive(Debug)]
pub(crate) enum Command {
    /// Prints the usage.
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
    pub(crate) balances_zones_after: Option<u32>,
    pub(crate) batch_as: BatchAs,
    pub(crate) hosts: Vec<HostType>,
    pub(crate) hours: Option<u32>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) timeline: bool,
    pub(crate) docs: Option<PathBuf>,
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
--balance-zones N              with Availability Zone rebalancing, N seconds after a service's zones become uneven
--batch workers|standalone     how the batch tasks of files are run (workers)
--host NAME:CPU:MEMORY[:GPUS]  on this host type instead of one that the trace's tasks suggest; may be repeated
--hours N                      the first N hours of each trace
--headroom VALUE[,VALUE...]    Fleetkeeper with these HEADROOMs instead of one and 10%
--scale-out-seconds N          Fleetkeeper with this period of the alarm that adds hosts
--scale-in-minutes N           Fleetkeeper with this ScaleInMinutes, by alarms and directly
--warmup N                     Fleetkeeper with this warm-up of the policy that adds hosts, in seconds
--max-draining VALUE           direct scaling with this MAX_DRAINING_HOSTS (10%)
--warm-pool N                  direct scaling with a warm pool of N stopped hosts at first
--policy NAME                  under the policies alone whose names begin like this; may be repeated
--timeline                     show where the longest waits went, and write hosts and tasks minute by minute
--docs PAGE                    write the tables of this page anew, each as the comment above it says
--jobs N                       N runs at once (all cores)
--out FOLDER                   where the JSON document, the page and the pictures go (target/lab)";

const PLACEMENTS: [Placement; 3] = [
    Placement { name: "spread", mode: PlacementMode::SpreadOverZones },
    Placement { name: "binpack", mode: PlacementMode::BinpackCpu },
    Placement { name: "random", mode: PlacementMode::Random },
];

/// The differences from the defaults of direct scaling.
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

impl Options {
    /// The behaviour of ECS.
    pub(crate) const fn scheduler(&self) -> Scheduler {
        Scheduler {
            placement: self.placement.mode,
            backs_off: self.backs_off,
            balances_zones_after: self.balances_zones_after,
        }
    }
}

impl Command {
    pub(crate) fn read(mut words: Parser) -> Result<Self, Error> {
        let [spread, ..] = PLACEMENTS;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut headrooms, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut tuning, mut direct) = (Tuning::default(), Directly::default());
        let mut options = Options {
            traces: None,
            only: Vec::new(),
            seeds: vec![1, 2, 3],
            placement: spread,
            backs_off: false,
            balances_zones_after: None,
            batch_as: BatchAs::Workers,
            hosts: Vec::new(),
            hours: None,
            policies: Policy::compared(),
            timeline: false,
            docs: None,
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
                Long("balance-zones") => {
                    options.balances_zones_after = Some(small(&mut words, "--balance-zones")?);
                }
                Long("batch") => options.batch_as = batch(&mut words)?,
                Long("host") => options.hosts.push(host(&mut words)?),
                Long("hours") => {
                    let hours = number(&mut words, "--hours", "a whole number from 1 to 8784", 8784)?;
                    options.hours = u32::try_from(hours).ok();
                }
                Long("headroom") => {
                    headrooms.extend(words.value()?.string()?.split(',').map(str::to_owned));
                }
                Long("scale-out-seconds") => {
                    tuning.scale_out_seconds = small(&mut words, "--scale-out-seconds")?;
                }
                Long("scale-in-minutes") => {
                    tuning.scale_in_minutes = small(&mut words, "--scale-in-minutes")?;
                    direct.scale_in_minutes = Some(tuning.scale_in_minutes);
                }
                Long("warmup") => tuning.warmup_seconds = small(&mut words, "--warmup")?,
                Long("max-draining") => direct.max_draining = Some(words.value()?.string()?),
                Long("warm-pool") => direct.warm_pool = Some(small(&mut words, "--warm-pool")?),
                Long("policy") => names.push(words.value()?.string()?),
                Long("docs") => options.docs = Some(words.value()?.into()),
                Long("timeline") => options.timeline = true,
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
        options.policies = options.policies.into_iter().map(|policy| policy.tuned(tuning)).collect();
        let begins = |policy: &Policy, name: &String| policy.name().starts_with(name);
        let is_unknown = |name: &&String| !options.policies.iter().any(|policy| begins(policy, name));
        if let Some(unknown) = names.iter().find(is_unknown) {
            let all: Vec<String> = options.policies.iter().map(Policy::name).collect();
            return Err(format!("--policy={unknown:?} is not accepted: {}", all.join(", ")).into());
        }
        options.policies.retain(|policy| names.is_empty() || names.iter().any(|name| begins(policy, name)));
        Ok(Self::Play(Box::new(options)))
    }
}

fn number(words: &mut Parser, name: &str, accepted: &str, most: u64) -> Result<u64, Error> {
    let value = words.value()?.string()?;
    let number = u64::from_str(&value).ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name}={value:?} is not accepted: {accepted}").into())
}

fn small(words: &mut Parser, name: &str) -> Result<u32, Error> {
    let seconds = number(words, name, "a whole number from 1 to 3600", 3600)?;
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
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
