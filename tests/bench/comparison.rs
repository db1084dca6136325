//! The two side by side, pair by pair, and what bounds them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::performance::spread::{Comparison, Spread};
use fleetkeeper_tests::performance::{Drains, Figures, Machine, Snapshots};
use fleetkeeper_tests::repository::{package, tool};

use crate::aws::LATENCY;
use crate::cluster::{Cluster, PAGE};
use crate::drains::{self, Tasks};
use crate::package::{Packages, Subject};
use crate::snapshots::{Process, Scene};
use crate::tls::Tls;

/// Hosts, pairs, warm invocations of each process.
const SNAPSHOTS: [(u32, u32, u32); 4] = [(1, 9, 9), (100, 9, 9), (1_000, 5, 5), (5_000, 3, 2)];

/// Instances that are terminated, what runs on each, pairs.
const DRAINS: [(u32, Tasks, u32); 4] =
    [(1, Tasks::Jobs, 5), (10, Tasks::Jobs, 3), (100, Tasks::Jobs, 1), (10, Tasks::Service, 3)];

pub(crate) fn compare(packages: &Packages, tls: &Tls) -> Result<Figures, Error> {
    let mut zip_bytes = BTreeMap::new();
    for name in Packages::NAMES {
        zip_bytes.insert(name.to_owned(), fs::metadata(package(name)?)?.len());
    }
    let snapshots = SNAPSHOTS.into_iter().map(|(hosts, rounds, warm)| {
        eprintln!("snapshots of {hosts} hosts: {rounds} pairs");
        snapshots(packages, hosts, tls, (rounds, warm))
            .map_err(|error| format!("{hosts} hosts: {error}").into())
    });
    let snapshots = snapshots.collect::<Result<_, Error>>()?;
    let drains = DRAINS.into_iter().map(|(instances, tasks, rounds)| {
        eprintln!("drains of {instances} instances with {}: {rounds} pairs", tasks.name());
        drains(packages, (instances, tasks), rounds, tls)
            .map_err(|error| format!("{instances} instances: {error}").into())
    });
    Ok(Figures {
        machine: machine()?,
        call_latency_ms: u64::try_from(LATENCY.as_millis())?,
        zip_bytes,
        snapshots,
        drains: drains.collect::<Result<_, Error>>()?,
    })
}

const SUBJECTS: [Subject; 2] = [Subject::Fleetkeeper, Subject::Python];

/// The measurements of each, round by round.
struct Measured<T> {
    ours: Vec<T>,
    theirs: Vec<T>,
}

impl<T> Measured<T> {
    /// Both in each round, by turns in one order or the other.
    fn by_turns(rounds: u32, mut measure: impl FnMut(Subject) -> Result<T, Error>) -> Result<Self, Error> {
        let mut measured = Self { ours: Vec::new(), theirs: Vec::new() };
        for round in 0..rounds {
            let mut order = SUBJECTS;
            if round % 2 == 1 {
                order.reverse();
            }
            for subject in order {
                let of_subject = match subject {
                    Subject::Fleetkeeper => &mut measured.ours,
                    Subject::Python => &mut measured.theirs,
                };
                of_subject.push(measure(subject)?);
            }
        }
        Ok(measured)
    }

    fn compared(&self, of: impl Fn(&T) -> f64) -> Result<Comparison, Error> {
        let [ours, theirs] = [&self.ours, &self.theirs].map(|them| them.iter().map(&of).collect::<Vec<_>>());
        Ok(Comparison::of(&ours, &theirs).ok_or("nothing was measured")?)
    }
}

fn snapshots(
    packages: &Packages,
    hosts: u32,
    tls: &Tls,
    (rounds, warm): (u32, u32),
) -> Result<Snapshots, Error> {
    let scene = Scene::set(Cluster { hosts }, tls)?;
    // Files come from the disk, and the answers are made: what both have ready from here on.
    for subject in SUBJECTS {
        scene.measure(packages, subject, 1)?;
    }
    let mut measured = Measured::by_turns(rounds, |subject| scene.measure(packages, subject, warm))?;
    let right = |process: &Process| process.cold.container_capacity;
    let is_right = measured.ours.iter().map(right).eq(measured.theirs.iter().map(right));
    if hosts <= PAGE && !is_right {
        return Err("the two do not answer the same".into());
    }
    if !is_right {
        // The cost of a wrong answer compares with nothing.
        measured.theirs.clear();
    }
    Ok(Snapshots {
        hosts,
        rounds,
        start: measured.compared(|it| millis(it.started_in))?,
        first_answer: measured.compared(|it| millis(it.started_in + it.cold.took))?,
        warm_answer: measured.compared(warm_answer)?,
        peak: measured.compared(|it| mib(it.peak_kib))?,
    })
}

fn drains(
    packages: &Packages,
    (instances, tasks): (u32, Tasks),
    rounds: u32,
    tls: &Tls,
) -> Result<Drains, Error> {
    let measured =
        Measured::by_turns(rounds, |subject| drains::measure(packages, subject, (instances, tasks), tls))?;
    Ok(Drains {
        instances,
        tasks: tasks.name().to_owned(),
        rounds,
        billed: measured.compared(|it| millis(it.billed))?,
        peak: measured.compared(|it| mib(it.peak_kib))?,
        late: measured.compared(|it| it.late.map_or(f64::NAN, millis))?,
        calls_made: measured.compared(|it| number(it.calls))?,
        calls_throttled: measured.compared(|it| number(it.throttled))?,
        tasks_killed: measured.compared(|it| number(it.killed))?,
    })
}

/// The median of a process's warm answers.
fn warm_answer(process: &Process) -> f64 {
    let all: Vec<_> = process.warm.iter().map(|snapshot| millis(snapshot.took)).collect();
    Spread::of(&all).map_or(f64::NAN, |spread| spread.median)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn machine() -> Result<Machine, Error> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let named = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let mut ask = Command::new(tool("python")?);
    ask.args([
        "-c",
        "import boto3, platform; print('Python', platform.python_version(), 'with boto3', boto3.__version__)",
    ]);
    let python = String::from_utf8(ask.output()?.stdout)?.trim().to_owned();
    Ok(Machine {
        processor: named.map_or("processor without a name", |(_, name)| name).to_owned(),
        processors: std::thread::available_parallelism()?.get(),
        architecture: std::env::consts::ARCH.to_owned(),
        python,
    })
}
