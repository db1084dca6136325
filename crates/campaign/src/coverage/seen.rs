//! The rare states, their names, and which of them every campaign is expected to see.

use std::fmt;

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::lambda::invocation::AwaitPoint;

/// A rare state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has its name in words below")]
pub enum Seen {
    Duplicate,
    SecondRun,
    Late,
    OutOfOrder,
    ColdStart,
    WarmStart,
    TimedOut,
    Throttled,
    RetriesExhausted,
    EventAgeExceeded,
    RecursionCut,
    LongChain,
    NoInstanceFound,
    MetricsPut,
    CalculatorPutNothing,
    HostsPaged,
    TasksPaged,
    HookExpired,
    HookCompletedByHand,
    OtherHookFirst,
    OtherHookLast,
    ActionAbandoned,
    HostLost,
    RegisteredAnew,
    DisconnectedAtCompletion,
    StandaloneWaitedFor,
    TaskKilledAfterExpiry,
    /// The drainer died there.
    DrainerDied(AwaitPoint),
    /// The calculator died there.
    CalculatorDied(AwaitPoint),
    /// A call went wrong.
    Fault(Operation, Wrong),
}

/// How a call went wrong, as far as its outcome tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has its name in words below")]
pub enum Wrong {
    Throttled,
    Refused,
    Unavailable,
    AnswerLost,
    Hung,
}

const PLAIN: [Seen; 27] = [
    Seen::Duplicate,
    Seen::SecondRun,
    Seen::Late,
    Seen::OutOfOrder,
    Seen::ColdStart,
    Seen::WarmStart,
    Seen::TimedOut,
    Seen::Throttled,
    Seen::RetriesExhausted,
    Seen::EventAgeExceeded,
    Seen::RecursionCut,
    Seen::LongChain,
    Seen::NoInstanceFound,
    Seen::MetricsPut,
    Seen::CalculatorPutNothing,
    Seen::HostsPaged,
    Seen::TasksPaged,
    Seen::HookExpired,
    Seen::HookCompletedByHand,
    Seen::OtherHookFirst,
    Seen::OtherHookLast,
    Seen::ActionAbandoned,
    Seen::HostLost,
    Seen::RegisteredAnew,
    Seen::DisconnectedAtCompletion,
    Seen::StandaloneWaitedFor,
    Seen::TaskKilledAfterExpiry,
];

const DRAINER_CALLS: [Operation; 9] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::UpdateContainerInstancesState,
    Operation::ListTasks,
    Operation::DescribeTasks,
    Operation::DescribeLifecycleHooks,
    Operation::RecordLifecycleActionHeartbeat,
    Operation::CompleteLifecycleAction,
    Operation::Publish,
];

const CALCULATOR_CALLS: [Operation; 3] =
    [Operation::ListContainerInstances, Operation::DescribeContainerInstances, Operation::PutMetricData];

const WRONG: [Wrong; 5] =
    [Wrong::Throttled, Wrong::Refused, Wrong::Unavailable, Wrong::AnswerLost, Wrong::Hung];

/// Every state, in its order.
#[must_use]
pub fn all() -> Vec<Seen> {
    let waits = |call: &Operation| [AwaitPoint::Request(*call), AwaitPoint::Answer(*call)];
    let mut all = PLAIN.to_vec();
    all.extend(DRAINER_CALLS.iter().flat_map(waits).map(Seen::DrainerDied));
    all.push(Seen::DrainerDied(AwaitPoint::Time));
    all.extend(CALCULATOR_CALLS.iter().flat_map(waits).map(Seen::CalculatorDied));
    for call in DRAINER_CALLS.into_iter().chain([Operation::PutMetricData]) {
        all.extend(WRONG.map(|wrong| Seen::Fault(call, wrong)));
    }
    all
}

impl Seen {
    /// Whether every campaign of some size sees it.
    #[must_use]
    pub fn expected(self) -> bool {
        // No history is as long as an event's greatest age, 6 hours; and both functions end before their time is up,
        // whatever does not answer. No happening takes a host out of its cluster before its drain.
        !matches!(self, Self::EventAgeExceeded | Self::TimedOut | Self::NoInstanceFound)
    }

    fn plain_name(self) -> &'static str {
        match self {
            Self::Duplicate => "an event delivered twice",
            Self::SecondRun => "an event that was done, run once more",
            Self::Late => "an event delivered late",
            Self::OutOfOrder => "events out of order",
            Self::ColdStart => "a cold start",
            Self::WarmStart => "a warm start",
            Self::TimedOut => "an invocation cut off by its timeout",
            Self::Throttled => "an event held up by reserved concurrency",
            Self::RetriesExhausted => "a dead letter: retries exhausted",
            Self::EventAgeExceeded => "a dead letter: event age exceeded",
            Self::RecursionCut => "a dead letter: a chain cut after 16 invocations",
            Self::LongChain => "a chain of more than 16 invocations",
            Self::NoInstanceFound => "a drain that found no instance",
            Self::MetricsPut => "metrics put",
            Self::CalculatorPutNothing => "an error of the calculator that put nothing",
            Self::HostsPaged => "more than one page of hosts",
            Self::TasksPaged => "more than one page of a host's tasks",
            Self::HookExpired => "a hook that expired",
            Self::HookCompletedByHand => "a hook completed by hand",
            Self::OtherHookFirst => "another hook done first",
            Self::OtherHookLast => "another hook done last",
            Self::ActionAbandoned => "an action that ended another with it",
            Self::HostLost => "a host lost without notice",
            Self::RegisteredAnew => "a host registered anew",
            Self::DisconnectedAtCompletion => "a hook completed while the agent was disconnected",
            Self::StandaloneWaitedFor => "a standalone task waited for",
            Self::TaskKilledAfterExpiry => "a task killed after its hook expired",
            Self::DrainerDied(_) => "lifecycle-drainer died",
            Self::CalculatorDied(_) => "capacity-calculator died",
            Self::Fault(..) => "a call",
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DrainerDied(at) | Self::CalculatorDied(at) => write!(f, "{} {at}", self.plain_name()),
            Self::Fault(call, wrong) => write!(f, "{call} {wrong}"),
            plain => f.write_str(plain.plain_name()),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::AnswerLost => "done, its answer lost",
            Self::Hung => "never answered",
        })
    }
}
