//! AWS's errors, as a port's caller gets them.

use fleetkeeper_core::ports::{CallError, CallErrorKind};

use crate::world::{ApiError, Operation};

pub(super) fn call_error(operation: Operation, resource: &str, error: ApiError) -> CallError {
    let kind = match error.code {
        "ThrottlingException" | "Throttling" => CallErrorKind::Throttled,
        _ if error.status >= 500 => CallErrorKind::Unavailable,
        _ => CallErrorKind::Refused,
    };
    CallError {
        operation: operation.name(),
        resource: resource.to_owned(),
        kind,
        source: Some(Box::new(error)),
    }
}
