//! The calls that an environment waits for, which show where it died.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::world::Operation;
use crate::world::lambda::invocation::AwaitPoint;

/// The calls that are under way, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct AwaitPoints {
    calls: Arc<Mutex<BTreeMap<u64, AwaitPoint>>>,
}

/// A call that is under way until this is dropped.
pub(super) struct CallUnderWay<'a> {
    of: &'a AwaitPoints,
    number: u64,
    operation: Operation,
}

impl AwaitPoints {
    pub(super) fn begin(&self, operation: Operation) -> CallUnderWay<'_> {
        let number = self.with(|calls| {
            let number = calls.last_key_value().map_or(0, |(number, _)| number + 1);
            calls.insert(number, AwaitPoint::Request(operation));
            number
        });
        CallUnderWay { of: self, number, operation }
    }

    pub(super) fn newest(&self) -> AwaitPoint {
        self.with(|calls| calls.last_key_value().map_or(AwaitPoint::Time, |(_, point)| *point))
    }

    pub(super) fn any(&self, point: AwaitPoint) -> bool {
        self.with(|calls| calls.values().any(|it| *it == point))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<u64, AwaitPoint>) -> T) -> T {
        act(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CallUnderWay<'_> {
    pub(super) fn reached(&self) {
        self.of.with(|calls| calls.insert(self.number, AwaitPoint::Answer(self.operation)));
    }
}

impl Drop for CallUnderWay<'_> {
    fn drop(&mut self) {
        self.of.with(|calls| calls.remove(&self.number));
    }
}
