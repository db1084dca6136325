//! Parts that several of ECS's operations have in common.

use fleetkeeper_core::ports::{Answer as Several, PageToken};
use serde_json::{Map, Value};

use super::ecs_shapes::failure;
use crate::shared::Called;
use crate::world::ApiError;

/// An id, or the end of an ARN, has 32 characters; before 2019 it was a UUID. AWS says so in these
/// words where a caller names what it did not find: `None`, or nothing.
pub(super) fn ids(what: &str, named: &[String]) -> Result<(), ApiError> {
    let length = |name: &String| name.rsplit('/').next().map_or(0, str::len);
    if named.iter().all(|name| [32, 36].contains(&length(name))) {
        Ok(())
    } else {
        Err(ApiError::invalid_parameter(format!("{what} length should be one of [32,36]")))
    }
}

/// The last page has no token: not one that is null.
pub(super) fn insert_token(answer: &mut Map<String, Value>, next: Option<PageToken>) {
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), Value::String(next.0));
    }
}

pub(super) fn several<T>(
    member: &str,
    called: Called<Several<T>>,
    item: impl Fn(&T) -> Value,
) -> Called<Value> {
    match called {
        Called::Hanging => Called::Hanging,
        Called::Answered(answer) => Called::Answered(answer.map(|answer| {
            let mut members = Map::new();
            members.insert(member.to_owned(), answer.items.iter().map(item).collect());
            members.insert("failures".to_owned(), answer.failures.iter().map(failure).collect());
            Value::Object(members)
        })),
    }
}
