//! How many hosts of a group may drain at once.

use std::fmt;
use std::str::FromStr;

use super::amounts::count;

/// How many hosts of a group may drain at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDraining {
    /// This many, at least 1.
    Hosts(u32),
    /// This share of the group's hosts, from 1 to 100 percent: rounded down, and at least one host.
    Percent(u8),
}

impl Default for MaxDraining {
    fn default() -> Self {
        Self::Percent(10)
    }
}

impl MaxDraining {
    /// The most hosts of a group of this many, those that drain included. Of 57 hosts `10%` are 5.
    #[must_use]
    pub fn of(self, hosts: usize) -> u64 {
        match self {
            Self::Hosts(most) => most.into(),
            Self::Percent(percent) => (count(hosts) * u64::from(percent) / 100).max(1),
        }
    }
}

/// A text that is no number or share of hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number of hosts from 1 to 5000, or a share from 1% to 100%")]
pub struct NotAMaxDraining;

/// The most container instances that a cluster can have (service quotas).
const HOSTS_MAX: u32 = 5_000;

impl FromStr for MaxDraining {
    type Err = NotAMaxDraining;

    fn from_str(text: &str) -> Result<Self, NotAMaxDraining> {
        let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        let parsed = if let Some(share) = text.strip_suffix('%') {
            let percent = share.parse().ok().filter(|percent| (1..=100).contains(percent));
            percent.filter(|_| is_number(share)).map(Self::Percent)
        } else {
            let hosts = text.parse().ok().filter(|hosts| (1..=HOSTS_MAX).contains(hosts));
            hosts.filter(|_| is_number(text)).map(Self::Hosts)
        };
        parsed.ok_or(NotAMaxDraining)
    }
}

impl fmt::Display for MaxDraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(hosts) => write!(f, "{hosts}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_was_written() {
        for text in ["1", "12", "5000", "1%", "10%", "100%"] {
            assert_eq!(text.parse::<MaxDraining>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0%", "101%", "5001", "-1", "+1", "+1%", "1.5%", "%", "ten", " 1"] {
            assert_eq!(text.parse::<MaxDraining>(), Err(NotAMaxDraining), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_down_and_is_at_least_one_host() {
        for (text, hosts, most) in
            [("10%", 0, 1), ("10%", 9, 1), ("10%", 19, 1), ("10%", 57, 5), ("100%", 3, 3), ("4", 1, 4)]
        {
            assert_eq!(text.parse::<MaxDraining>().unwrap().of(hosts), most, "{text} of {hosts}");
        }
    }
}
