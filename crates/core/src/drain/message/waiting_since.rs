//! Since when a group's instances wait, as a republished message carries it to the next invocation.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::container_instance::Ec2InstanceId;

/// The instances that an invocation saw waiting, each with when its lifecycle action began, or later where that is not
/// known.
///
/// No answer of AWS says when an action began. Without this, a drain timeout would start anew in each invocation. As
/// text, instances that began at the same time share it, in Unix seconds: `1800000000 i-0a1 i-0a2,1800000060 i-0b1`.
/// 5,000 instances take 110 KB of the 256 KB that SNS allows a message with its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingSince(pub BTreeMap<Ec2InstanceId, DateTime<Utc>>);

/// The time, in Unix seconds, of an instance whose wait may yet give way to another one: later than any.
const UNKNOWN: i64 = 9_999_999_999;

impl WaitingSince {
    /// The time of an instance of which it is not known when it began to wait.
    #[must_use]
    pub fn unknown() -> DateTime<Utc> {
        DateTime::from_timestamp(UNKNOWN, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Text that is no [`WaitingSince`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not accepted: Unix seconds and EC2 instance ids, as in 1800000000 i-0a1 i-0a2,1800000060 i-0b1")]
pub struct NotWaitingSince;

impl fmt::Display for WaitingSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut since: BTreeMap<i64, Vec<&Ec2InstanceId>> = BTreeMap::new();
        for (id, at) in &self.0 {
            // A part of a second is rounded up: later, never earlier.
            let seconds = at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0);
            since.entry(seconds).or_default().push(id);
        }
        for (nth, (seconds, ids)) in since.into_iter().enumerate() {
            write!(f, "{}{seconds}", if nth == 0 { "" } else { "," })?;
            ids.into_iter().try_for_each(|id| write!(f, " {id}"))?;
        }
        Ok(())
    }
}

impl FromStr for WaitingSince {
    type Err = NotWaitingSince;

    fn from_str(text: &str) -> Result<Self, NotWaitingSince> {
        let mut waiting = BTreeMap::new();
        for of_time in text.split(',').filter(|of_time| !of_time.is_empty()) {
            let mut words = of_time.split(' ');
            let seconds = words.next().and_then(|seconds| seconds.parse().ok());
            let at =
                seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or(NotWaitingSince)?;
            for id in words {
                waiting.insert(id.parse().map_err(|_| NotWaitingSince)?, at);
            }
        }
        Ok(Self(waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Ec2InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn it_reads_as_it_was_written_and_never_earlier() {
        let waiting = WaitingSince([(id(1), at(0)), (id(2), at(60_001)), (id(3), at(0))].into());
        let text = "1800000000 i-00000000000000001 i-00000000000000003,1800000061 i-00000000000000002";
        assert_eq!(waiting.to_string(), text);
        let read = WaitingSince([(id(1), at(0)), (id(2), at(61_000)), (id(3), at(0))].into());
        assert_eq!(text.parse(), Ok(read));
        assert_eq!("".parse(), Ok(WaitingSince::default()));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["x", "soon i-00000000000000001", "1800000000 host", "1800000000  i-00000000000000001"] {
            assert_eq!(text.parse::<WaitingSince>(), Err(NotWaitingSince), "{text}");
        }
    }

    #[test]
    fn the_instances_of_the_largest_cluster_fit_into_a_message() {
        let waiting = WaitingSince(
            (0_u16..5000).map(|number| (id(number.into()), at(i64::from(number) * 1000))).collect(),
        );
        assert!(waiting.to_string().len() < 200_000);
    }
}
