//! All traces under all policies with several seeds, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Serialize;

use crate::bound::{self, Bound};
use crate::figures::stages::{self, Stages};
use crate::figures::{Figures, Minute, Waits};
use crate::play::play;
use crate::policy::Policy;
use crate::stage::{Conditions, Scheduler, Unplayable};
use crate::trace::Trace;

/// An experiment: the traces and the policies that it compares.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The traces, for each seed the same ones or drawn anew.
    pub traces: Vec<Vec<Trace>>,
    /// The policies.
    pub policies: Vec<Policy>,
    /// The seeds: of each, all that is drawn but the traces.
    pub seeds: Vec<u64>,
    /// ECS.
    pub scheduler: Scheduler,
    /// How many runs at once.
    pub jobs: usize,
}

/// How far an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Seconds of traces that are played, weighed by what a policy takes.
    pub done: u64,
    /// All of them.
    pub of: u64,
}

/// A trace and what came of it under each policy.
#[derive(Debug, Clone, Serialize)]
pub struct TraceOutcome {
    /// The trace's name.
    pub trace: String,
    /// Where it is from.
    pub source: String,
    /// Its host type.
    pub host: crate::trace::HostType,
    /// Its length in hours.
    pub hours: f64,
    /// Host-hours of the packed demand: the mean of the seeds.
    pub bound_host_hours: f64,
    /// Host-hours of the oracle, as a multiple of that.
    pub oracle: f64,
    /// The packed demand of the first seed, minute by minute.
    #[serde(skip)]
    pub bound_minutes: Vec<u64>,
    /// The policies.
    pub policies: Vec<PolicyOutcome>,
}

/// The results of a trace under a policy, over all seeds.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyOutcome {
    /// The policy's name.
    pub policy: String,
    /// Host-hours as a multiple of the bound: the mean, the least and the most of the seeds.
    pub cost: [f64; 3],
    /// How long tasks waited, with all seeds.
    pub waits: Waits,
    /// Those of services alone.
    pub service_waits: Waits,
    /// The mean parts of the longest waits of services' tasks, a hundredth of all.
    pub longest_waits: Option<Stages>,
    /// Each seed's figures.
    pub seeds: Vec<Figures>,
}

impl PolicyOutcome {
    /// A figure's mean over the seeds.
    #[must_use]
    pub fn mean(&self, of: impl Fn(&Figures) -> u64) -> f64 {
        let sum: u64 = self.seeds.iter().map(of).sum();
        ratio(float(sum), float(u64::try_from(self.seeds.len()).unwrap_or(u64::MAX)))
    }

    /// The first seed's minutes.
    #[must_use]
    pub fn minutes(&self) -> &[Minute] {
        self.seeds.first().map_or(&[], |figures| &figures.minutes)
    }
}

fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}

/// A run: which trace, under which policy, with which seed.
#[derive(Debug, Clone, Copy)]
struct Run {
    trace: usize,
    policy: usize,
    seed: usize,
}

impl Experiment {
    /// Plays all of it. It reports its progress now and then, from any thread.
    pub fn run(&self, progress: &(impl Fn(Progress) + Sync)) -> Result<Vec<TraceOutcome>, Unplayable> {
        let runs = self.in_order();
        let of = runs.iter().map(|run| self.weight(*run, u32::MAX)).sum();
        let (next, done) = (AtomicUsize::new(0), Mutex::new(0_u64));
        let results: Mutex<Vec<(Run, Result<Figures, Unplayable>)>> = Mutex::new(Vec::new());
        let work = || {
            while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let reported = Mutex::new(0_u64);
                let report = |seconds: u32| {
                    let weight = self.weight(*run, seconds);
                    let mut reported = lock(&reported);
                    let mut done = lock(&done);
                    *done += weight.saturating_sub(*reported);
                    *reported = weight.max(*reported);
                    progress(Progress { done: *done, of });
                };
                let result = self.play(*run, &report);
                report(u32::MAX);
                lock(&results).push((*run, result));
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(run, _)| (run.trace, run.policy, run.seed));
        let mut figures = Vec::new();
        for (run, result) in results {
            figures.push((run, result?));
        }
        Ok(self.outcomes(&figures))
    }

    /// The runs that take longest first, so that no thread is left with one of them at the end.
    fn in_order(&self) -> Vec<Run> {
        let traces = self.traces.first().map_or(0, Vec::len);
        let mut runs = Vec::new();
        for trace in 0..traces {
            for policy in 0..self.policies.len() {
                runs.extend((0..self.seeds.len()).map(|seed| Run { trace, policy, seed }));
            }
        }
        runs.sort_by_key(|run| std::cmp::Reverse(self.weight(*run, u32::MAX)));
        runs
    }

    fn trace(&self, run: Run) -> Option<&Trace> {
        let drawn = self.traces.get(run.seed.min(self.traces.len().saturating_sub(1)))?;
        drawn.get(run.trace)
    }

    /// A handler that is invoked each minute takes some twenty times what the world alone does.
    fn weight(&self, run: Run, seconds: u32) -> u64 {
        let length = self.trace(run).map_or(0, |trace| trace.seconds);
        let policy = self.policies.get(run.policy);
        let weight = if policy.is_some_and(Policy::has_functions) { 20 } else { 1 };
        u64::from(seconds.min(length)) * weight
    }

    fn play(&self, run: Run, report: &dyn Fn(u32)) -> Result<Figures, Unplayable> {
        let (Some(trace), Some(policy), Some(seed)) =
            (self.trace(run), self.policies.get(run.policy), self.seeds.get(run.seed))
        else {
            return Ok(Figures::default());
        };
        play(trace, policy, Conditions { seed: *seed, scheduler: self.scheduler }, report)
    }

    fn outcomes(&self, figures: &[(Run, Figures)]) -> Vec<TraceOutcome> {
        let traces = self.traces.first().map_or(&[][..], Vec::as_slice);
        let of_trace = |(number, trace): (usize, &Trace)| {
            let run = |seed| Run { trace: number, policy: 0, seed };
            let bounds: Vec<Bound> =
                (0..self.seeds.len()).filter_map(|seed| self.trace(run(seed))).map(Bound::of).collect();
            let hours: Vec<f64> = bounds.iter().map(|it| bound::host_hours(&it.packed)).collect();
            let oracle: f64 = bounds.iter().map(|it| bound::host_hours(&it.oracle)).sum();
            let bound_sum: f64 = hours.iter().sum();
            TraceOutcome {
                trace: trace.name.clone(),
                source: trace.source.clone(),
                host: trace.host.clone(),
                hours: f64::from(trace.seconds) / 3600.0,
                bound_host_hours: ratio(bound_sum, float(u64::try_from(hours.len()).unwrap_or(1))),
                oracle: ratio(oracle, bound_sum),
                bound_minutes: bounds.first().map(|it| it.packed.clone()).unwrap_or_default(),
                policies: self.of_policies(number, &hours, figures),
            }
        };
        traces.iter().enumerate().map(of_trace).collect()
    }

    fn of_policies(&self, trace: usize, bounds: &[f64], figures: &[(Run, Figures)]) -> Vec<PolicyOutcome> {
        let of_policy = |(number, policy): (usize, &Policy)| {
            let own = figures.iter().filter(|(run, _)| (run.trace, run.policy) == (trace, number));
            let seeds: Vec<Figures> = own.map(|(_, figures)| figures.clone()).collect();
            let costs: Vec<f64> =
                seeds.iter().zip(bounds).map(|(figures, bound)| ratio(figures.host_hours, *bound)).collect();
            let mean = ratio(costs.iter().sum(), float(u64::try_from(costs.len()).unwrap_or(1)));
            let (least, most) =
                (costs.iter().copied().reduce(f64::min), costs.iter().copied().reduce(f64::max));
            let all = |of: fn(&Figures) -> Waits| {
                seeds.iter().map(of).reduce(|all, own| all.and(&own)).unwrap_or_default()
            };
            let parts: Vec<Stages> = seeds.iter().flat_map(|seed| seed.stages.iter().copied()).collect();
            PolicyOutcome {
                policy: policy.name(),
                cost: [mean, least.unwrap_or(0.0), most.unwrap_or(0.0)],
                waits: all(Figures::waits),
                service_waits: all(|figures| figures.service_waits.clone()),
                longest_waits: stages::of_the_longest(&parts),
                seeds,
            }
        };
        self.policies.iter().enumerate().map(of_policy).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
