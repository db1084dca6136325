//! A setting parsed once, with one clear line where it is malformed.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The variables as the edge hands them over: name in, value out.
///
/// A variable that is set to the empty text is set: what may be empty says so, all else refuses it.
pub struct Settings<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

/// A variable that is missing or malformed. One line: which, what it holds, what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It must be set and is not.
    #[error("{variable} is not set: {accepted}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// The accepted values.
        accepted: String,
    },
    /// It is set to something else than what is accepted.
    #[error("{variable}={value:?} is not accepted: {accepted}")]
    Malformed {
        /// The variable.
        variable: &'static str,
        /// The variable's value.
        value: String,
        /// The accepted values.
        accepted: String,
    },
}

impl<'a> Settings<'a> {
    /// Settings looked up by `lookup`.
    #[must_use]
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// A value that `parse` makes of the text; none where the variable is not set.
    pub fn optional<T>(
        &self,
        variable: &'static str,
        accepted: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingError> {
        let Some(value) = (self.lookup)(variable) else { return Ok(None) };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(SettingError::Malformed { variable, value, accepted: accepted.to_string() }),
        }
    }

    /// A value of a type that says itself what it accepts: the error's text ends in that.
    pub fn parsed<T>(&self, variable: &'static str, accepted: &str) -> Result<Option<T>, SettingError>
    where
        T: FromStr,
    {
        self.optional(variable, accepted, |text| text.parse().ok())
    }

    /// A whole number from `least` to `most`, both included.
    pub fn whole_number(
        &self,
        variable: &'static str,
        of: &str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, SettingError> {
        self.optional(variable, format_args!("a whole number of {of} from {least} to {most}"), |text| {
            digits(text).filter(|number| (least..=most).contains(number))
        })
    }

    /// Whole seconds from `least` to `most`, both included.
    pub fn seconds(
        &self,
        variable: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<Duration>, SettingError> {
        Ok(self.whole_number(variable, "seconds", least, most)?.map(Duration::from_secs))
    }
}

/// Digits and nothing else: `u64`'s own parser also takes a leading `+`.
#[must_use]
pub fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_of(value: Option<&str>) -> Result<Option<Duration>, SettingError> {
        let value = value.map(str::to_owned);
        Settings::new(&|_| value.clone()).seconds("POLL_INTERVAL_SECONDS", 1, 60)
    }

    #[test]
    fn unset_is_none_and_bounds_are_included() {
        assert_eq!(seconds_of(None), Ok(None));
        assert_eq!(seconds_of(Some("1")), Ok(Some(Duration::from_secs(1))));
        assert_eq!(seconds_of(Some("60")), Ok(Some(Duration::from_secs(60))));
    }

    #[test]
    fn malformed_is_one_line_with_the_variable_the_value_and_what_is_accepted() {
        for value in ["", "0", "61", "-1", "+5", " 5", "5s", "5.0", "99999999999999999999999"] {
            let said = seconds_of(Some(value)).unwrap_err().to_string();
            assert_eq!(
                said,
                format!(
                    "POLL_INTERVAL_SECONDS={value:?} is not accepted: a whole number of seconds from 1 to 60"
                )
            );
        }
    }
}
