//! How often a drain is diagnosed.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::time_left::between;

/// The first pause between two diagnoses. The longer a drain lasts, the longer they get: what holds
/// it changes less.
pub const DIAGNOSIS_INTERVAL_MIN: Duration = Duration::from_secs(30);

/// The longest pause between two diagnoses.
pub const DIAGNOSIS_INTERVAL_MAX: Duration = Duration::from_secs(300);

/// When to diagnose a drain next that began at `began`, or `now` where that has passed. `last` is
/// when it was last diagnosed. The first diagnosis is due after 30 s: most drains are over by then,
/// or nearly. Then the pauses are 60, 120, 240 and 300 s.
#[must_use]
pub fn next_diagnosis(
    began: DateTime<Utc>,
    last: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let last = last.unwrap_or(began);
    (last + (between(began, last) + DIAGNOSIS_INTERVAL_MIN).min(DIAGNOSIS_INTERVAL_MAX)).max(now)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::at;
    use super::*;

    #[test]
    fn the_first_is_made_after_half_a_minute() {
        assert_eq!(next_diagnosis(at(0), None, at(0)), at(30));
        assert_eq!(next_diagnosis(at(0), None, at(1000)), at(1000));
    }

    #[test]
    fn the_pauses_double_and_end_at_five_minutes() {
        let mut made = vec![at(0)];
        for _ in 0..6 {
            let last = *made.last().unwrap();
            made.push(next_diagnosis(at(0), Some(last), last));
        }
        assert_eq!(made, [0, 30, 90, 210, 450, 750, 1050].map(at));
    }

    #[test]
    fn one_that_fell_due_meanwhile_is_made_now() {
        assert_eq!(next_diagnosis(at(0), Some(at(0)), at(29)), at(30));
        assert_eq!(next_diagnosis(at(0), Some(at(0)), at(31)), at(31));
    }

    #[test]
    fn a_clock_that_stood_before_the_beginning_makes_the_first_pause() {
        assert_eq!(next_diagnosis(at(10), Some(at(0)), at(0)), at(30));
    }
}
