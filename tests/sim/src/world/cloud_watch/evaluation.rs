//! From data points to an alarm's state.

use super::alarm::{AlarmState, TreatMissingData};

/// The state that data points lead to, oldest first, each breaching, not breaching or missing.
/// None: the state stays as it is.
///
/// - Real points come first, however old within the range: where there are as many as evaluation
///   periods, the newest of them decide, and how missing data are treated does not matter.
/// - Otherwise what is missing is filled in, as few times as possible.
/// - A breaching point that is as old as the data points to alarm are many, with nothing but
///   breaching or missing points since, is an alarm even though there are too few of them
///   ("premature", by CloudWatch's own word).
pub(crate) fn state(
    points: &[Option<bool>],
    evaluation_periods: usize,
    datapoints_to_alarm: usize,
    treat: TreatMissingData,
) -> Option<AlarmState> {
    let real: Vec<bool> = points.iter().rev().flatten().copied().take(evaluation_periods).collect();
    let filled = evaluation_periods - real.len();
    let breaching = real.iter().filter(|breaching| **breaching).count();
    let counted = if treat == TreatMissingData::Breaching { breaching + filled } else { breaching };
    if counted >= datapoints_to_alarm {
        return Some(AlarmState::Alarm);
    }
    if filled == 0 || breaching < real.len() {
        return Some(AlarmState::Ok);
    }
    // From here on nothing is known but breaches, if that, and too few of them.
    match treat {
        TreatMissingData::Breaching | TreatMissingData::NotBreaching => Some(AlarmState::Ok),
        TreatMissingData::Ignore => None,
        TreatMissingData::Missing if real.is_empty() => Some(AlarmState::InsufficientData),
        TreatMissingData::Missing => {
            let newest_first = points.iter().rev().take(evaluation_periods);
            let oldest = newest_first.enumerate().rfind(|(_, point)| point.is_some());
            // CloudWatch does not say what a younger breach does beyond that it is no alarm yet:
            // nothing.
            oldest.filter(|(age, _)| age + 1 >= datapoints_to_alarm).map(|_| AlarmState::Alarm)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<Option<bool>> {
        text.split(' ')
            .map(|point| match point {
                "X" => Some(true),
                "0" => Some(false),
                _ => None,
            })
            .collect()
    }

    const OK: Option<AlarmState> = Some(AlarmState::Ok);
    const ALARM: Option<AlarmState> = Some(AlarmState::Alarm);
    const NO_DATA: Option<AlarmState> = Some(AlarmState::InsufficientData);
    const STAYS: Option<AlarmState> = None;

    /// The tables of the CloudWatch user guide on missing data: missing, ignore, breaching,
    /// notBreaching.
    #[test]
    fn as_in_the_examples_of_aws() {
        for (to_alarm, text, expected) in [
            (3, "0 - X - X", [OK, OK, OK, OK]),
            (3, "0 - - - -", [OK, OK, OK, OK]),
            (3, "- - - - -", [NO_DATA, STAYS, ALARM, OK]),
            (3, "0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
            (3, "- - X - -", [ALARM, STAYS, ALARM, OK]),
            (2, "0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
            (2, "0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
            (2, "0 - X - -", [OK, OK, ALARM, OK]),
            (2, "- - - - 0", [OK, OK, ALARM, OK]),
            (2, "- - - X -", [ALARM, STAYS, ALARM, OK]),
        ] {
            let treatments = [
                TreatMissingData::Missing,
                TreatMissingData::Ignore,
                TreatMissingData::Breaching,
                TreatMissingData::NotBreaching,
            ];
            let states = treatments.map(|treat| state(&points(text), 3, to_alarm, treat));
            assert_eq!(states, expected, "{to_alarm} of 3: {text}");
        }
    }

    #[test]
    fn a_young_breach_alone_is_no_alarm_yet() {
        for text in ["- - - - X", "- - - X -"] {
            assert_eq!(state(&points(text), 3, 3, TreatMissingData::Missing), STAYS, "{text}");
        }
        assert_eq!(state(&points("- - - X 0"), 3, 3, TreatMissingData::Missing), OK);
    }
}
