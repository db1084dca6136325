//! The parameters of a request of the Query protocol.

use std::collections::BTreeMap;

use crate::world::ApiError;

pub(super) type Form = BTreeMap<String, String>;

/// A list as the Query protocol writes it: `NAME.member.1`, ...
pub(super) fn members(form: &Form, name: &str) -> Vec<String> {
    let prefix = format!("{name}.member.");
    let members = form.iter().filter(|(name, _)| name.starts_with(&prefix));
    members.map(|(_, value)| value.clone()).collect()
}

/// The most items of a page.
pub(super) fn max_records(form: &Form) -> Result<Option<i64>, ApiError> {
    let number = form.get("MaxRecords").map(|number| number.parse()).transpose();
    number.map_err(|_| ApiError::validation("MaxRecords must be a number."))
}

pub(super) fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, ApiError> {
    form.get(name)
        .map(String::as_str)
        .ok_or_else(|| ApiError::validation(format!("1 validation error detected: {name} must not be null")))
}
