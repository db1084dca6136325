//! One trace under one policy.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::driver::Driver;
use fleetkeeper_sim::world::ApiError;
use fleetkeeper_sim::world::chance::Chance;
use fleetkeeper_sim::world::ecs::submission::SubmissionNumber;
use fleetkeeper_sim::{SharedWorld, World};

use crate::figures::Figures;
use crate::figures::tally::Tally;
use crate::policy::Policy;
use crate::stage::{self, CLUSTER, Conditions, GROUP, PROVIDER, Unplayable};
use crate::trace::{BatchAs, Event, Trace};
use crate::workers::Workers;

/// How often workers poll for work, in seconds.
const WORKERS_POLL_SECONDS: i64 = 5;

/// After how many seconds an owner runs a standalone task again.
const RETRY_SECONDS: u32 = 60;

/// Plays a trace under a policy. It reports how many seconds of the trace are over, every hour.
pub fn play(
    trace: &Trace,
    policy: &Policy,
    conditions: Conditions,
    progress: &dyn Fn(u32),
) -> Result<Figures, Unplayable> {
    // A runtime of its own: its clock stands still while anything can go on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(Box::pin(act(trace, policy, conditions, progress)))
}

async fn act(
    trace: &Trace,
    policy: &Policy,
    conditions: Conditions,
    progress: &dyn Fn(u32),
) -> Result<Figures, Unplayable> {
    let world = stage::set_up(trace, policy, conditions)?;
    let staged = world.now();
    let services = trace.services.iter().map(|kind| kind.name.clone());
    let mut tally = Tally::new(services, staged);
    let world = SharedWorld::in_tokio_time(world);
    let mut driver = stage::driver(&world, policy)?;
    let began = staged + stage::lead(conditions.seed);
    driver.run_until(began).await;
    world.with(|world| world.take_history().entries().iter().for_each(|entry| tally.add(entry)));
    tally.begin(began);
    let run = Run {
        trace,
        policy,
        conditions,
        began,
        tally,
        workers: trace.kinds.iter().map(|kind| Workers::new(&kind.name)).collect(),
        submitted: BTreeMap::new(),
        standalone: BTreeMap::new(),
    };
    run.play_out(driver, progress).await
}

/// A standalone task that its owner wants: of which kind, for how long, since when.
#[derive(Debug, Clone, Copy)]
struct Submitted {
    kind: usize,
    seconds: u32,
    since: DateTime<Utc>,
}

struct Run<'a> {
    trace: &'a Trace,
    policy: &'a Policy,
    conditions: Conditions,
    began: DateTime<Utc>,
    tally: Tally,
    workers: Vec<Workers>,
    /// Those that wait to be placed.
    submitted: BTreeMap<SubmissionNumber, Submitted>,
    /// Those that were placed.
    standalone: BTreeMap<TaskArn, Submitted>,
}

impl Run<'_> {
    async fn play_out(mut self, mut driver: Driver, progress: &dyn Fn(u32)) -> Result<Figures, Unplayable> {
        let ends = self.time(self.trace.seconds);
        let events = self.trace.events.clone();
        let mut events = events.into_iter().peekable();
        let mut minute = self.began;
        loop {
            let now = driver.world().now();
            if now >= minute {
                let since: Vec<DateTime<Utc>> = self.waiting().collect();
                self.tally.minute(now, since.into_iter());
                minute += TimeDelta::seconds(60);
                if (minute - self.began).num_seconds() % 3600 == 0 {
                    progress(u32::try_from((now - self.began).num_seconds()).unwrap_or(u32::MAX));
                }
            }
            if now >= ends {
                break;
            }
            while let Some((_, event)) = events.next_if(|(second, _)| self.time(*second) <= now) {
                driver.world().with(|world| self.happens(event, world))?;
            }
            driver.world().with(|world| self.observe(world))?;
            let mut next = minute.min(ends);
            if let Some((second, _)) = events.peek() {
                next = next.min(self.time(*second));
            }
            if self.workers.iter().any(|workers| !workers.is_idle()) {
                next = next.min(now + TimeDelta::seconds(WORKERS_POLL_SECONDS));
            }
            driver.run_until(next).await;
            driver.world().with(|world| self.observe(world))?;
        }
        let since: Vec<DateTime<Utc>> = self.waiting().collect();
        Ok(self.tally.end(ends, since.into_iter()))
    }

    fn time(&self, second: u32) -> DateTime<Utc> {
        self.began + TimeDelta::seconds(i64::from(second))
    }

    /// Since when each batch task waits that is not placed.
    fn waiting(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let standalone = self.submitted.values().map(|it| it.since);
        self.workers.iter().flat_map(Workers::waiting).chain(standalone)
    }

    fn happens(&mut self, event: Event, world: &mut World) -> Result<(), ApiError> {
        let now = world.now();
        match event {
            Event::Desired { service, count } => {
                let Some(kind) = self.trace.services.get(service) else { return Ok(()) };
                world.set_desired_count(CLUSTER, &kind.name, count)
            }
            Event::Deploy { service } => {
                let Some(kind) = self.trace.services.get(service) else { return Ok(()) };
                world.update_service(CLUSTER, &kind.name, stage::definition(kind))
            }
            Event::Batch { kind, seconds } if self.trace.batch_as == BatchAs::Workers => {
                if let Some(workers) = self.workers.get_mut(kind) {
                    workers.arrives(seconds, now);
                }
                Ok(())
            }
            Event::Batch { kind, seconds } => self.submit(world, Submitted { kind, seconds, since: now }),
            Event::Reclaim { percent } => self.reclaim(world, percent),
        }
    }

    fn submit(&mut self, world: &mut World, submitted: Submitted) -> Result<(), ApiError> {
        let Some(kind) = self.trace.kinds.get(submitted.kind) else { return Ok(()) };
        let definition = stage::definition(kind).running_for(submitted.seconds);
        let provider = self.policy.managed_scaling().map(|_| PROVIDER);
        let number = world.submit_task(CLUSTER, definition, provider, RETRY_SECONDS)?;
        self.submitted.insert(number, submitted);
        Ok(())
    }

    /// Takes in what happened, and lets workers work.
    fn observe(&mut self, world: &mut World) -> Result<(), ApiError> {
        world.take_history().entries().iter().for_each(|entry| self.tally.add(entry));
        for started in world.take_started_submissions(CLUSTER) {
            if let Some(submitted) = self.submitted.remove(&started.number) {
                self.tally.placed(started.task.clone(), submitted.since, world.now());
                self.standalone.insert(started.task, submitted);
            }
        }
        for killed in self.tally.take_killed() {
            if let Some(again) = self.standalone.remove(&killed.task) {
                self.submit(world, Submitted { since: killed.at, ..again })?;
            }
        }
        if self.trace.batch_as == BatchAs::Workers {
            let now = world.now();
            for workers in self.workers.iter_mut().filter(|workers| !workers.is_idle()) {
                for since in workers.step(world)? {
                    self.tally.began(since, now);
                }
            }
        }
        Ok(())
    }

    /// EC2 wants hosts back: the same share of each policy's hosts, drawn.
    fn reclaim(&self, world: &mut World, percent: u32) -> Result<(), ApiError> {
        let mut chance = Chance::stream(self.conditions.seed, 2);
        let instances: Vec<Ec2InstanceId> = world.instances(GROUP).into_keys().collect();
        for instance in instances.iter().filter(|_| chance.per_mille(percent * 10)) {
            world.interrupt_spot_instance(GROUP, instance)?;
        }
        Ok(())
    }
}
