//! Faults on purpose: which call of which operation goes wrong, and how.

use chrono::{DateTime, Utc};

use crate::world::chance::Chance;
use crate::world::operation::AwsService;
use crate::world::{ApiError, Operation};

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// "Rate exceeded".
    Throttled,
    /// No permission.
    Refused,
    /// A server error; nothing happened.
    Unavailable,
    /// A server error, but what was asked for did happen.
    AnswerLost,
    /// No answer, ever; nothing happened.
    Hang,
    /// "No active Lifecycle Action found", although the action is open, on a heartbeat or a
    /// completion. Other operations know no such answer: their calls go as they would.
    NoActiveAction,
    /// The first resource of a call on several ends up in `failures[]`, for this reason; it is left
    /// as it was.
    Failure {
        /// `MISSING`, ...
        reason: &'static str,
    },
}

/// Which calls go wrong, counted from when the fault was planted, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one.
    Nth(u32),
    /// This many, from the first on.
    First(u32),
    /// Every nth.
    Every(u32),
    /// All.
    Always,
    /// Those from a time on until, but not at, another.
    Between(DateTime<Utc>, DateTime<Utc>),
    /// This many in a thousand of those from a time on until, but not at, another.
    Sometimes {
        /// How many.
        per_mille: u32,
        /// From when on.
        from: DateTime<Utc>,
        /// Until when.
        until: DateTime<Utc>,
    },
}

/// The faults that are planted.
#[derive(Debug, Clone)]
pub struct Faults {
    planted: Vec<Planted>,
    chance: Chance,
}

impl Default for Faults {
    fn default() -> Self {
        Self { planted: Vec::new(), chance: Chance::new(0) }
    }
}

#[derive(Debug, Clone)]
struct Planted {
    operation: Option<Operation>,
    when: When,
    fault: Fault,
    calls: u32,
}

impl Faults {
    /// Plants a fault on an operation's calls. Where several fit a call, the one planted first
    /// comes true.
    pub fn plant(&mut self, operation: Operation, when: When, fault: Fault) {
        self.planted.push(Planted { operation: Some(operation), when, fault, calls: 0 });
    }

    /// Plants a fault on the calls of all operations, counted together.
    pub fn plant_on_all(&mut self, when: When, fault: Fault) {
        self.planted.push(Planted { operation: None, when, fault, calls: 0 });
    }

    /// The seed of what happens [`When::Sometimes`].
    pub fn seed(&mut self, seed: u64) {
        self.chance = Chance::stream(seed, 0);
    }

    /// Takes all faults back.
    pub fn clear(&mut self) {
        self.planted.clear();
    }

    /// The fault of the next call, if it has one.
    pub(crate) fn next(&mut self, operation: Operation, now: DateTime<Utc>) -> Option<Fault> {
        let mut next = None;
        for planted in &mut self.planted {
            if planted.operation.is_some_and(|only| only != operation) {
                continue;
            }
            planted.calls = planted.calls.saturating_add(1);
            let hit = match planted.when {
                When::Nth(n) => planted.calls == n,
                When::First(n) => planted.calls <= n,
                When::Every(n) => n > 0 && planted.calls.is_multiple_of(n),
                When::Always => true,
                When::Between(from, until) => (from..until).contains(&now),
                When::Sometimes { per_mille, from, until } => {
                    (from..until).contains(&now) && self.chance.per_mille(per_mille)
                }
            };
            if hit && next.is_none() {
                next = Some(planted.fault);
            }
        }
        next
    }
}

/// "Rate exceeded", as a service says it. ECS does not even model it.
pub(crate) fn throttled(service: AwsService) -> ApiError {
    let code = match service {
        AwsService::Ecs => "ThrottlingException",
        AwsService::AutoScaling | AwsService::Sns | AwsService::CloudWatch => "Throttling",
    };
    ApiError::client(code, "Rate exceeded")
}

/// No permission, as a service says it.
pub(crate) fn refused(operation: Operation) -> ApiError {
    let message = format!("User is not authorized to perform: {operation}");
    match operation.service() {
        AwsService::Ecs => ApiError::client("AccessDeniedException", message),
        AwsService::AutoScaling | AwsService::CloudWatch => {
            ApiError { status: 403, ..ApiError::client("AccessDenied", message) }
        }
        AwsService::Sns => ApiError { status: 403, ..ApiError::client("AuthorizationError", message) },
    }
}

/// A server error, as a service says it.
pub(crate) fn unavailable(service: AwsService) -> ApiError {
    match service {
        AwsService::Ecs => {
            ApiError { code: "ServerException", message: "Service Unavailable".to_owned(), status: 500 }
        }
        AwsService::AutoScaling | AwsService::Sns | AwsService::CloudWatch => {
            ApiError { code: "InternalFailure", message: "Service Unavailable".to_owned(), status: 500 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(when: When) -> Vec<u32> {
        let mut faults = Faults::default();
        faults.plant(Operation::ListTasks, when, Fault::Throttled);
        (1..=6).filter(|_| faults.next(Operation::ListTasks, DateTime::UNIX_EPOCH).is_some()).collect()
    }

    #[test]
    fn calls_are_counted_from_one() {
        assert_eq!(hits(When::Nth(2)), [2]);
        assert_eq!(hits(When::First(2)), [1, 2]);
        assert_eq!(hits(When::Every(3)), [3, 6]);
        assert_eq!(hits(When::Always), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn other_operations_do_not_count() {
        let mut faults = Faults::default();
        faults.plant(Operation::ListTasks, When::Nth(1), Fault::Hang);
        assert_eq!(faults.next(Operation::DescribeTasks, DateTime::UNIX_EPOCH), None);
        assert_eq!(faults.next(Operation::ListTasks, DateTime::UNIX_EPOCH), Some(Fault::Hang));
    }
}
