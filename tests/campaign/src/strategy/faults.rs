//! Calls that go wrong: none, one operation for a while, several, all.

use fleetkeeper_sim::world::Operation;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;
use proptest::sample::select;

use crate::scenario::{FaultPlan, Wrong};

/// A fault from a part of the time before the quiet on.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    plan: FaultPlan,
    from_per_mille: u64,
}

pub(super) fn faults() -> impl Strategy<Value = Vec<Drawn>> {
    prop_oneof![
        3 => Just(Vec::new()),
        3 => vec(fault(one()), 1..=1),
        3 => vec(fault(one()), 2..=5),
        1 => vec(fault(prop_oneof![one(), Just(None)].boxed()), 1..=3),
        1 => vec(never_permitted(), 1..=1),
        1 => vec(denied(), 1..=1),
    ]
}

/// A heartbeat or a completion that is denied an open action.
fn denied() -> impl Strategy<Value = Drawn> {
    let operations = vec![Operation::RecordLifecycleActionHeartbeat, Operation::CompleteLifecycleAction];
    fault(select(operations).prop_map(Some).boxed())
        .prop_map(|drawn| Drawn { plan: FaultPlan { fault: Wrong::NoActiveAction, ..drawn.plan }, ..drawn })
}

fn fault(operation: BoxedStrategy<Option<Operation>>) -> impl Strategy<Value = Drawn> {
    (operation, wrong(), per_mille(), 0_u64..1000, seconds()).prop_map(
        |(operation, fault, per_mille, from_per_mille, seconds)| Drawn {
            plan: FaultPlan { operation, fault, per_mille, from_seconds: 0, seconds, throughout: false },
            from_per_mille,
        },
    )
}

/// An operation that is refused for the whole history, as where a policy lacks a permission.
fn never_permitted() -> impl Strategy<Value = Drawn> {
    one().prop_map(|operation| Drawn {
        plan: FaultPlan {
            operation,
            fault: Wrong::Refused,
            per_mille: 1000,
            from_seconds: 0,
            seconds: 0,
            throughout: true,
        },
        from_per_mille: 0,
    })
}

impl Drawn {
    pub(super) fn within(self, quiet_after_seconds: u32) -> FaultPlan {
        if self.plan.throughout {
            return self.plan;
        }
        if self.plan.operation.is_some_and(is_seldom) {
            return FaultPlan { from_seconds: 0, seconds: quiet_after_seconds, ..self.plan };
        }
        let from = u64::from(quiet_after_seconds) * self.from_per_mille / 1000;
        FaultPlan { from_seconds: u32::try_from(from).unwrap_or(u32::MAX), ..self.plan }
    }
}

/// Operations that are called a few times a drain: most faults for a while would pass between two
/// calls.
fn is_seldom(operation: Operation) -> bool {
    matches!(operation, Operation::StopTask | Operation::DescribeTaskDefinition)
}

/// Up to two faults of direct scaling's own calls, which are few.
pub(super) fn of_direct_scaling() -> impl Strategy<Value = Vec<Drawn>> {
    let one = || select(Operation::OF_DIRECT_SCALING.to_vec()).prop_map(Some).boxed();
    let fault = || {
        (fault(one()), prop_oneof![2 => 900_u32..=1800, 1 => Just(7200)]).prop_map(|(drawn, seconds)| Drawn {
            plan: FaultPlan { seconds, ..drawn.plan },
            from_per_mille: drawn.from_per_mille / 2,
        })
    };
    prop_oneof![2 => Just(Vec::new()), 3 => vec(fault(), 1..=2)]
}

fn one() -> BoxedStrategy<Option<Operation>> {
    // Few drains get as far as to stop tasks. The calls that only direct scaling makes are drawn
    // with it.
    let of_all = Operation::ALL.iter().filter(|call| !Operation::OF_DIRECT_SCALING.contains(*call));
    let called = of_all.copied().chain([Operation::StopTask; 3]).collect::<Vec<_>>();
    select(called).prop_map(Some).boxed()
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        3 => Just(Wrong::Throttled),
        1 => Just(Wrong::Refused),
        2 => Just(Wrong::Unavailable),
        2 => Just(Wrong::AnswerLost),
        1 => Just(Wrong::Hang),
        1 => Just(Wrong::Missing),
        1 => Just(Wrong::Untold),
    ]
}

fn per_mille() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 10_u32..=200, 2 => 201_u32..=999, 1 => Just(1000)]
}

/// Seconds, minutes, or all the time.
fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 1_u32..=60, 4 => 61_u32..=900, 2 => Just(3600)]
}
