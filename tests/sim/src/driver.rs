//! Drives a world: runs the functions that it invokes, on one thread, in the world's time.
//!
//! The world decides when an invocation starts and whether it dies on the way. The driver runs the
//! function's own handler, ends it at its timeout, and reports its end to the world. A handler's
//! memory between invocations lives as long as its environment.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::time_left::between;
use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use crate::ports::SimulatedAws;
use crate::shared::SharedWorld;
use crate::world::World;
use crate::world::lambda::invocation::{
    AwaitPoint, Death, EnvironmentId, InvocationEnd, InvocationId, Start,
};

/// A function's code.
pub trait Function {
    /// A cold start: an environment over these ports.
    fn start(&self, aws: SimulatedAws) -> Rc<dyn Environment>;
}

/// A function in one of its environments.
pub trait Environment {
    /// One invocation; its answer, or its error as text.
    fn invoke(&self, event: Value, invocation: Invocation) -> LocalBoxFuture<'_, Result<Value, String>>;
}

/// Runs a world's functions.
pub struct Driver {
    world: SharedWorld,
    functions: BTreeMap<Arc<str>, Box<dyn Function>>,
    environments: BTreeMap<EnvironmentId, Warm>,
    running: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
}

#[derive(Clone)]
struct Warm {
    environment: Rc<dyn Environment>,
    aws: SimulatedAws,
}

struct Ended {
    invocation: InvocationId,
    environment: EnvironmentId,
    end: InvocationEnd,
}

impl Driver {
    /// A driver of a world in tokio's time.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self {
            world,
            functions: BTreeMap::new(),
            environments: BTreeMap::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// The code of a function that the world has, or will have.
    #[must_use]
    pub fn function(mut self, name: &str, code: impl Function + 'static) -> Self {
        self.functions.insert(name.into(), Box::new(code));
        self
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// Lets the world's time go on until `until`. Invocations that run then go on in the next run.
    pub async fn run_until(&mut self, until: DateTime<Utc>) {
        while self.world.now() < until {
            self.start_what_is_due();
            // Nobody receives the messages that no function receives.
            self.world.with(World::take_outbox);
            let wakes = self.world.next_due().map_or(until, |next| next.min(until));
            let pause = between(self.world.now(), wakes);
            let (world, running) = (&self.world, &mut self.running);
            let time_or_news = select(Box::pin(world.sleep(pause)), Box::pin(world.sooner()));
            let ended = if running.is_empty() {
                time_or_news.await;
                None
            } else {
                match select(running.next(), time_or_news).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(_) => None,
                }
            };
            if let Some(ended) = ended {
                self.end(ended);
            }
        }
    }

    fn start_what_is_due(&mut self) {
        for start in self.world.with(World::take_starts) {
            let Some(function) = self.functions.get(&start.function) else {
                let error = InvocationEnd::Failed("the function has no code".into());
                self.world.with(|world| world.end_invocation(start.invocation, error));
                continue;
            };
            let warm = self.environments.entry(start.environment).or_insert_with(|| {
                let aws = SimulatedAws::of_environment(self.world.clone(), start.environment);
                Warm { environment: function.start(aws.clone()), aws }
            });
            self.running.push(run(self.world.clone(), warm.clone(), start).boxed_local());
        }
    }

    fn end(&mut self, ended: Ended) {
        let Ended { invocation, environment, end } = ended;
        if matches!(end, InvocationEnd::TimedOut | InvocationEnd::Killed(_)) {
            self.environments.remove(&environment);
        }
        self.world.with(|world| world.end_invocation(invocation, end));
    }
}

async fn run(world: SharedWorld, warm: Warm, start: Start) -> Ended {
    world.sleep(start.init).await;
    let begins = world.now();
    let deadline = u64::try_from((begins + start.timeout).timestamp_millis()).unwrap_or_default();
    let invocation = Invocation::new(deadline, begins);
    let work = warm.environment.invoke(Value::clone(&start.payload), invocation);
    let mortal = Mortal { work, aws: &warm.aws, death: start.death };
    let end = match select(mortal, Box::pin(world.sleep(start.timeout))).await {
        Either::Left((Lived::Finished(Ok(answer)), _)) => InvocationEnd::Returned(Arc::new(answer)),
        Either::Left((Lived::Finished(Err(error)), _)) => InvocationEnd::Failed(error.into()),
        Either::Left((Lived::Died(at), _)) => InvocationEnd::Killed(at),
        Either::Right(_) => InvocationEnd::TimedOut,
    };
    Ended { invocation: start.invocation, environment: start.environment, end }
}

/// A handler that may die where it waits.
struct Mortal<'a> {
    work: LocalBoxFuture<'a, Result<Value, String>>,
    aws: &'a SimulatedAws,
    death: Option<Death>,
}

enum Lived {
    Finished(Result<Value, String>),
    Died(AwaitPoint),
}

impl Future for Mortal<'_> {
    type Output = Lived;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Lived> {
        if let Poll::Ready(result) = self.work.poll_unpin(context) {
            return Poll::Ready(Lived::Finished(result));
        }
        if let Some(Death::During(point)) = self.death
            && self.aws.awaits(point)
        {
            return Poll::Ready(Lived::Died(point));
        }
        let at = self.aws.await_point();
        let left = match &mut self.death {
            Some(Death::AtAwait(left)) => left,
            Some(Death::InTheAct(left)) if at.is_final() => left,
            _ => return Poll::Pending,
        };
        *left = left.saturating_sub(1);
        if *left > 0 { Poll::Pending } else { Poll::Ready(Lived::Died(at)) }
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("functions", &self.functions.keys()).finish_non_exhaustive()
    }
}
