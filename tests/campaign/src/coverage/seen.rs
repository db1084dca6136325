//! The rare states, their names, and which of them every campaign is expected to see.

use std::fmt;

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::lambda::invocation::AwaitPoint;

use crate::scenario::Wrong;

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
    TasksStopped,
    EndedWithTasksStopped,
    EndedWithTasksLeft,
    EndedByAbandon,
    Delegated,
    Coordinated,
    Swept,
    SweepCompleted,
    Republished,
    ActionGone,
    CutShort,
    MetricsPut,
    CalculatorPutNothing,
    WokenByPlacementFailure,
    AnsweredWithoutSnapshot,
    WorstCaseDiscovered,
    NoWorstCase,
    Unfittable,
    InterfacesCounted,
    HostsRemovable,
    HostsMissing,
    HostsPaged,
    TasksPaged,
    HookExpired,
    HookCompletedByHand,
    OtherHookFirst,
    OtherHookLast,
    DrainedByEcsFirst,
    DrainedByEcsLast,
    ActionAbandoned,
    HostLost,
    RegisteredAnew,
    DisconnectedAtCompletion,
    StandaloneWaitedFor,
    TaskKilledAfterExpiry,
    WarmStarted,
    Retained,
    InstancesRefreshed,
    DeployedMeanwhile,
    AgentLostMeanwhile,
    RegisteringMeanwhile,
    ScaledOut,
    ScaledIn,
    ScaledOutDirectly,
    HostRemoved,
    HandsOff,
    ZonesRebalanced,
    ServiceRebalanced,
    ServiceRebalancedMeanwhile,
    /// The drainer died there.
    DrainerDied(AwaitPoint),
    /// The calculator died there.
    CalculatorDied(AwaitPoint),
    /// A call went wrong.
    Fault(Operation, Wrong),
}

/// The states that are one each, and their names.
const PLAIN: [(Seen, &str); 62] = [
    (Seen::Duplicate, "an event delivered twice"),
    (Seen::SecondRun, "an event that was done, run once more"),
    (Seen::Late, "an event delivered late"),
    (Seen::OutOfOrder, "events out of order"),
    (Seen::ColdStart, "a cold start"),
    (Seen::WarmStart, "a warm start"),
    (Seen::TimedOut, "an invocation cut off by its timeout"),
    (Seen::Throttled, "throttled"),
    (Seen::RetriesExhausted, "a dead letter: retries exhausted"),
    (Seen::EventAgeExceeded, "a dead letter: event age exceeded"),
    (Seen::RecursionCut, "a dead letter: a chain cut after 16 invocations"),
    (Seen::LongChain, "a chain of more than 16 invocations"),
    (Seen::NoInstanceFound, "a drain that found no instance"),
    (Seen::TasksStopped, "tasks that the drainer stopped"),
    (Seen::EndedWithTasksStopped, "a drain past its timeout, its tasks stopped"),
    (Seen::EndedWithTasksLeft, "a drain past its timeout, completed with its tasks"),
    (Seen::EndedByAbandon, "a drain past its timeout, abandoned"),
    (Seen::Delegated, "a drain delegated to the coordinator of its group"),
    (Seen::Coordinated, "a drain of another instance completed by its coordinator"),
    (Seen::Swept, "a sweep"),
    (Seen::SweepCompleted, "a drain completed by a sweep"),
    (Seen::Republished, "a message republished"),
    (Seen::ActionGone, "an action that was over before its drain"),
    (Seen::CutShort, "a drain that was cut short"),
    (Seen::MetricsPut, "metrics put"),
    (Seen::CalculatorPutNothing, "an error of the calculator that put nothing"),
    (Seen::WokenByPlacementFailure, "a placement failure that woke the calculator"),
    (Seen::AnsweredWithoutSnapshot, "an event answered without a snapshot of the cluster"),
    (Seen::WorstCaseDiscovered, "a worst-case container discovered"),
    (Seen::NoWorstCase, "metrics put without a worst-case container"),
    (Seen::Unfittable, "a service whose tasks fit on no host"),
    (Seen::InterfacesCounted, "network interfaces counted"),
    (Seen::HostsRemovable, "hosts that are removable"),
    (Seen::HostsMissing, "hosts that are missing"),
    (Seen::HostsPaged, "more than one page of hosts"),
    (Seen::TasksPaged, "more than one page of a host's tasks"),
    (Seen::HookExpired, "a hook that expired"),
    (Seen::HookCompletedByHand, "a hook completed by hand"),
    (Seen::OtherHookFirst, "another hook done first"),
    (Seen::OtherHookLast, "another hook done last"),
    (Seen::DrainedByEcsFirst, "ECS's own draining hook done first"),
    (Seen::DrainedByEcsLast, "ECS's own draining hook done last"),
    (Seen::ActionAbandoned, "an action that ended another with it"),
    (Seen::HostLost, "a host lost without notice"),
    (Seen::RegisteredAnew, "a host registered anew"),
    (Seen::DisconnectedAtCompletion, "a hook completed while the agent was disconnected"),
    (Seen::StandaloneWaitedFor, "a standalone task waited for"),
    (Seen::TaskKilledAfterExpiry, "a task killed after its hook expired"),
    (Seen::WarmStarted, "a host started from the warm pool"),
    (Seen::Retained, "a host retained, its termination abandoned"),
    (Seen::InstancesRefreshed, "an instance refresh"),
    (Seen::DeployedMeanwhile, "a deployment begun while a hook was open"),
    (Seen::AgentLostMeanwhile, "an agent disconnected while a hook was open"),
    (Seen::RegisteringMeanwhile, "a host still REGISTERING when its hook opened"),
    (Seen::ScaledOut, "a scale-out by an alarm"),
    (Seen::ScaledIn, "a scale-in by an alarm"),
    (Seen::ScaledOutDirectly, "a scale-out by direct scaling"),
    (Seen::HostRemoved, "a host removed by direct scaling"),
    (Seen::HandsOff, "direct scaling beside a suspended process or a refresh"),
    (Seen::ZonesRebalanced, "zones rebalanced after a host was removed"),
    (Seen::ServiceRebalanced, "a service whose zones were balanced"),
    (Seen::ServiceRebalancedMeanwhile, "a service whose zones were balanced after a host was removed"),
];

const CALCULATOR_CALLS: [Operation; 14] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::ListTasks,
    Operation::DescribeTasks,
    Operation::DescribeTaskDefinition,
    Operation::ListServices,
    Operation::DescribeServices,
    Operation::DescribeCapacityProviders,
    Operation::GetTaskProtection,
    Operation::DescribeAutoScalingGroups,
    Operation::PutMetricData,
    Operation::SetDesiredCapacity,
    Operation::TerminateInstanceInAutoScalingGroup,
    Operation::DescribeInstanceRefreshes,
];

const WRONG: [Wrong; 5] =
    [Wrong::Throttled, Wrong::Refused, Wrong::Unavailable, Wrong::AnswerLost, Wrong::Hang];

/// Every state, in its order.
#[must_use]
pub fn all() -> Vec<Seen> {
    let waits = |call: &Operation| [AwaitPoint::Request(*call), AwaitPoint::Answer(*call)];
    let mut all: Vec<Seen> = PLAIN.iter().map(|(state, _)| *state).collect();
    let of_calculator_alone =
        [Operation::ListServices, Operation::DescribeCapacityProviders, Operation::PutMetricData];
    let of_drainer = Operation::ALL
        .iter()
        .filter(|call| !of_calculator_alone.contains(*call) && !Operation::OF_DIRECT_SCALING.contains(*call));
    all.extend(of_drainer.flat_map(waits).map(Seen::DrainerDied));
    all.push(Seen::DrainerDied(AwaitPoint::Time));
    all.extend(CALCULATOR_CALLS.iter().flat_map(waits).map(Seen::CalculatorDied));
    all.push(Seen::CalculatorDied(AwaitPoint::Time));
    for call in Operation::ALL {
        all.extend(WRONG.map(|wrong| Seen::Fault(call, wrong)));
        if call.is_on_several() {
            all.extend([Wrong::Missing, Wrong::Untold].map(|wrong| Seen::Fault(call, wrong)));
        }
    }
    all
}

impl Seen {
    /// Returns whether every campaign of some size sees it.
    #[must_use]
    pub fn expected(self) -> bool {
        // No history is as long as an event's greatest age, 6 hours. Both functions end before
        // their timeout, whichever call does not answer. The drainer reads a task definition only
        // where it stops tasks. The calculator seldom removes a host while that call hangs, and
        // seldom waits for time alone.
        match self {
            Self::EventAgeExceeded
            | Self::TimedOut
            | Self::Fault(
                Operation::TerminateInstanceInAutoScalingGroup | Operation::DescribeTaskDefinition,
                Wrong::Hang,
            ) => false,
            Self::DrainerDied(AwaitPoint::Request(call) | AwaitPoint::Answer(call)) => {
                call != Operation::DescribeTaskDefinition
            }
            Self::CalculatorDied(at) => at != AwaitPoint::Time,
            _ => true,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DrainerDied(at) => write!(f, "lifecycle-drainer died {at}"),
            Self::CalculatorDied(at) => write!(f, "capacity-calculator died {at}"),
            Self::Fault(call, wrong) => write!(f, "{call} {wrong}"),
            plain => {
                let named = PLAIN.iter().find(|(state, _)| state == plain);
                f.write_str(named.map_or("unnamed", |(_, name)| name))
            }
        }
    }
}

/// The words of a call's outcome.
impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::AnswerLost => "done, its answer lost",
            Self::Hang => "never answered",
            Self::Missing => "answered, with a resource MISSING",
            Self::Untold => "answered, with a resource not reached",
            Self::NoActiveAction => "denied an open action",
        })
    }
}
