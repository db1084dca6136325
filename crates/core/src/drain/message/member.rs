//! A message's members.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::unreadable::{UnreadableMessage, malformed};
use crate::container_instance::Ec2InstanceId;

/// A member's text. An empty text counts as missing.
pub(super) fn text_of<'a>(fields: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The event's `detail`.
pub(super) fn detail(event: &Map<String, Value>) -> Result<&Map<String, Value>, UnreadableMessage> {
    match event.get("detail") {
        Some(Value::Object(detail)) => Ok(detail),
        None | Some(Value::Null) => Err(malformed("detail", "missing: a JSON object is required")),
        Some(_) => Err(malformed("detail", "not accepted: a JSON object is required")),
    }
}

/// The error that names each of `required` that is missing.
pub(super) fn missing(fields: &Map<String, Value>, required: &[&str]) -> UnreadableMessage {
    let absent = required.iter().filter(|field| text_of(fields, field).is_none());
    UnreadableMessage::Missing(absent.map(|field| (*field).to_owned()).collect())
}

pub(super) fn ec2_instance_id(
    field: impl fmt::Display,
    id: &str,
) -> Result<Ec2InstanceId, UnreadableMessage> {
    id.parse().map_err(|problem| malformed(field, problem))
}

pub(super) fn time(field: impl fmt::Display, text: &str) -> Result<DateTime<Utc>, UnreadableMessage> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.with_timezone(&Utc)),
        Err(problem) => {
            Err(malformed(field, format_args!("{text:?} is not accepted: an RFC 3339 time ({problem})")))
        }
    }
}
