//! The two side by side, pair by pair.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::performance::spread::{Comparison, Spread};
use fleetkeeper_tests::performance::{Drains, Figures, Looks, Machine};
use fleetkeeper_tests::repository::{package, tool};

use crate::aws::LATENCY;
use crate::cluster::{Cluster, PAGE};
use crate::drains;
use crate::looks::{Look, Process, Scene};
use crate::package::{Function, Packages, Subject};
use crate::tls::Tls;

/// Hosts, whether over TLS, pairs, warm invocations of each process.
const LOOKS: [(u32, bool, u32, u32); 5] =
    [(1, true, 9, 9), (100, true, 9, 9), (100, false, 9, 9), (1_000, true, 5, 5), (5_000, true, 3, 2)];

/// Instances that go, pairs.
const DRAINS: [(u32, u32); 3] = [(1, 5), (10, 3), (100, 1)];

pub(crate) fn compare(packages: &Packages, tls: &Tls) -> Result<Figures, Error> {
    let mut zip_bytes = BTreeMap::new();
    for function in [Function::LifecycleDrainer, Function::CapacityCalculator] {
        zip_bytes.insert(function.name().to_owned(), fs::metadata(package(function.name())?)?.len());
    }
    let looks = LOOKS.into_iter().map(|(hosts, over_tls, rounds, warm)| {
        eprintln!("looks at {hosts} hosts: {rounds} pairs");
        looks(packages, hosts, (tls, over_tls), (rounds, warm))
            .map_err(|error| format!("{hosts} hosts: {error}").into())
    });
    let looks = looks.collect::<Result<_, Error>>()?;
    let drains = DRAINS.into_iter().map(|(instances, rounds)| {
        eprintln!("drains of {instances} instances: {rounds} pairs");
        drains(packages, instances, rounds, tls)
            .map_err(|error| format!("{instances} instances: {error}").into())
    });
    Ok(Figures {
        machine: machine()?,
        call_latency_ms: u64::try_from(LATENCY.as_millis())?,
        zip_bytes,
        looks,
        drains: drains.collect::<Result<_, Error>>()?,
    })
}

/// Both subjects in each round, by turns the one or the other first.
fn pairs<T>(
    rounds: u32,
    mut measure: impl FnMut(Subject) -> Result<T, Error>,
) -> Result<(Vec<T>, Vec<T>), Error> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut order = [Subject::Fleetkeeper, Subject::Python];
        if round % 2 == 1 {
            order.reverse();
        }
        for subject in order {
            let measured = measure(subject)?;
            match subject {
                Subject::Fleetkeeper => ours.push(measured),
                Subject::Python => theirs.push(measured),
            }
        }
    }
    Ok((ours, theirs))
}

fn looks(
    packages: &Packages,
    hosts: u32,
    (tls, over_tls): (&Tls, bool),
    (rounds, warm): (u32, u32),
) -> Result<Looks, Error> {
    let scene = Scene::set(Cluster { hosts, awsvpc: false, given: true }, tls, over_tls)?;
    // Files come from the disk, and the answers are made: what both have ready from here on.
    for subject in [Subject::Fleetkeeper, Subject::Python] {
        scene.measure(packages, subject, 1)?;
    }
    let (ours, mut theirs) = pairs(rounds, |subject| scene.measure(packages, subject, warm))?;
    let right = |process: &Process| process.cold.container_capacity;
    let is_right = ours.iter().map(right).eq(theirs.iter().map(right));
    if hosts <= PAGE && !is_right {
        return Err("the two do not answer the same".into());
    }
    let python_calls =
        theirs.first().and_then(|it| it.warm.last()).map(|it| it.calls.clone()).unwrap_or_default();
    if !is_right {
        // What it takes for a wrong answer compares with nothing.
        theirs.clear();
    }
    let of = |measure: &dyn Fn(&Process) -> f64| {
        let [ours, theirs] = [&ours, &theirs].map(|them| them.iter().map(measure).collect::<Vec<_>>());
        Comparison::of(&ours, &theirs).ok_or("nothing was measured")
    };
    Ok(Looks {
        hosts,
        tls: over_tls,
        rounds,
        start: of(&|it| millis(it.started_in))?,
        first_answer: of(&|it| millis(it.started_in + it.cold.took))?,
        warm_answer: of(&|it| warm_median(it, |look| look.took))?,
        warm_calling: of(&|it| warm_median(it, |look| look.calling))?,
        peak: of(&|it| it.warm.last().map_or(f64::NAN, |look| mib(look.peak_kib)))?,
        first_answer_cpu: of(&|it| millis(it.start_on_cpu + it.cold.on_cpu))?,
        warm_answer_cpu: of(&|it| warm_median(it, |look| look.on_cpu))?,
        calls: ours.first().and_then(|it| it.warm.last()).map(|it| it.calls.clone()).unwrap_or_default(),
        python_calls,
    })
}

fn drains(packages: &Packages, instances: u32, rounds: u32, tls: &Tls) -> Result<Drains, Error> {
    let (ours, theirs) = pairs(rounds, |subject| drains::measure(packages, subject, instances, tls))?;
    let of = |measure: &dyn Fn(&drains::Drains) -> f64| {
        let [ours, theirs] = [&ours, &theirs].map(|them| them.iter().map(measure).collect::<Vec<_>>());
        let [ours, theirs] =
            [ours, theirs].map(|them| them.into_iter().filter(|it| !it.is_nan()).collect::<Vec<_>>());
        Comparison::of(&ours, &theirs).ok_or("nothing was measured")
    };
    let last_calls = |them: &[drains::Drains]| them.last().map(|it| it.calls.clone()).unwrap_or_default();
    Ok(Drains {
        instances,
        rounds,
        billed: of(&|it| millis(it.billed))?,
        cpu: of(&|it| millis(it.on_cpu))?,
        peak: of(&|it| mib(it.peak_kib))?,
        late: of(&|it| it.late.map_or(f64::NAN, millis))?,
        calls_made: of(&|it| it.calls.values().copied().map(f64::from).sum())?,
        calls_throttled: of(&|it| number(it.throttled))?,
        jobs_killed: of(&|it| number(it.killed))?,
        calls: last_calls(&ours),
        python_calls: last_calls(&theirs),
    })
}

fn warm_median(process: &Process, of: impl Fn(&Look) -> Duration) -> f64 {
    let all: Vec<_> = process.warm.iter().map(|look| millis(of(look))).collect();
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
