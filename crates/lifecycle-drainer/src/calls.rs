//! The calls on AWS: reads of ECS paced, and every call bounded in time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::CALL_TIMEOUT;
use fleetkeeper_core::paced::{Pace, Paced};
use fleetkeeper_core::ports::{CallError, CallErrorKind, Clock, Failure};
use fleetkeeper_core::time_left::within;
use futures_util::stream::{self, StreamExt};

use crate::ports::Ports;

/// The same for a list of a whole cluster, which has many pages.
const PAGES_TIMEOUT: Duration = Duration::from_secs(15);

/// Calls of a batch under way at once.
const IN_FLIGHT: usize = 8;

/// How fast this environment's calls go. Its next invocation, of a republished message say, goes on
/// where this one ends.
#[derive(Debug)]
pub(crate) struct Paces {
    own: Rc<Pace>,
    coordinator: Rc<Pace>,
    auto_scaling: Pace,
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            // All drains of a group use half of what ECS gives an account: ten a second. A sweep
            // may run beside three messages that each drain their own: 4 x 2.5 = 10. Or it runs
            // beside a coordinator: 2.5 + 7.4 = 9.9.
            own: Rc::new(Pace::new(TimeDelta::milliseconds(400), 12)),
            coordinator: Rc::new(Pace::new(TimeDelta::milliseconds(135), 30)),
            // Auto Scaling's rates are not published, and DescribeAutoScalingGroups is known to be
            // throttled.
            auto_scaling: Pace::new(TimeDelta::milliseconds(40), 40),
        }
    }
}

/// Calls on AWS within one invocation.
pub(crate) struct Calls<'a, P: Ports> {
    pub(crate) ports: &'a P,
    pub(crate) cluster: &'a Cluster,
    /// The end of the invocation's work.
    until: DateTime<Utc>,
    /// How long it may work.
    lasts: TimeDelta,
    paces: &'a Paces,
}

impl<'a, P: Ports> Calls<'a, P> {
    pub(crate) fn new(ports: &'a P, paces: &'a Paces, cluster: &'a Cluster, until: DateTime<Utc>) -> Self {
        let lasts = until - ports.clock().now();
        Self { ports, cluster, until, lasts, paces }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.ports.clock().now()
    }

    /// ECS, its reads paced: those of a coordinator faster.
    pub(crate) fn reads(&self, coordinates: bool) -> Paced<'a, P::Ecs, P::Clock> {
        let pace = if coordinates { &self.paces.coordinator } else { &self.paces.own };
        Paced::new(self.ports.ecs(), self.ports.clock(), pace.clone()).over(self.lasts)
    }

    /// A call on the cluster.
    pub(crate) async fn ecs<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        let resource = format!("cluster {}", self.cluster);
        self.bounded(CALL_TIMEOUT, operation, &resource, call).await
    }

    /// A call on the cluster that reads many pages.
    pub(crate) async fn many_pages<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        let resource = format!("cluster {}", self.cluster);
        self.bounded(PAGES_TIMEOUT, operation, &resource, call).await
    }

    /// A call on Auto Scaling.
    pub(crate) async fn auto_scaling<T>(
        &self,
        operation: &'static str,
        resource: &str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        let paced = async {
            self.paces.auto_scaling.turn(self.ports.clock()).await;
            call.await
        };
        self.bounded(CALL_TIMEOUT, operation, resource, paced).await
    }

    async fn bounded<T>(
        &self,
        timeout: Duration,
        operation: &'static str,
        resource: &str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Arc<CallError>> {
        let until = self.until.min(self.now() + timeout);
        within(self.ports.clock(), until, operation, resource, call).await.map_err(Arc::new)
    }

    /// The error of the first entry of `failures[]` that concerns one of `named` and is not
    /// MISSING.
    pub(crate) fn failure_of<'f, Arn: AsRef<str> + 'f>(
        &self,
        operation: &'static str,
        failures: &[Failure],
        named: impl IntoIterator<Item = &'f Arn>,
    ) -> Option<Arc<CallError>> {
        let named: Vec<&str> = named.into_iter().map(AsRef::as_ref).collect();
        let failure = failures.iter().find(|it| !it.is_missing() && named.contains(&it.arn.as_str()))?;
        Some(Arc::new(error_of(operation, self.cluster, failure)))
    }
}

/// The error of an entry of `failures[]`.
pub(crate) fn error_of(operation: &'static str, cluster: &Cluster, failure: &Failure) -> CallError {
    CallError {
        operation,
        resource: format!("cluster {cluster}"),
        kind: CallErrorKind::Unavailable,
        source: Some(failure.to_string().into()),
    }
}

/// Runs the calls of a batch, a few at once.
pub(crate) async fn each<Item, Out, F>(items: Vec<Item>, call: impl Fn(Item) -> F) -> Vec<Out>
where
    F: Future<Output = Out>,
{
    stream::iter(items).map(call).buffer_unordered(IN_FLIGHT).collect().await
}
