//! The room that is kept free beyond the waiting tasks.

use std::fmt;
use std::str::FromStr;

/// The room that is kept free beyond the waiting tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Headroom {
    /// None.
    None,
    /// Room for one more task of any one kind, each kind tried on its own.
    #[default]
    One,
    /// Of each kind this share of the tasks that its services want, rounded up: 1 to 100 percent.
    Percent(u8),
}

/// A text that is no headroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("none, one, or a share from 1% to 100%")]
pub struct NotAHeadroom;

impl FromStr for Headroom {
    type Err = NotAHeadroom;

    fn from_str(text: &str) -> Result<Self, NotAHeadroom> {
        match text {
            "none" => Ok(Self::None),
            "one" => Ok(Self::One),
            share => {
                let digits =
                    share.strip_suffix('%').filter(|digits| digits.bytes().all(|it| it.is_ascii_digit()));
                let percent = digits.and_then(|digits| digits.parse().ok());
                percent.filter(|percent| (1..=100).contains(percent)).map(Self::Percent).ok_or(NotAHeadroom)
            }
        }
    }
}

impl fmt::Display for Headroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::One => f.write_str("one"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headroom_reads_back_as_it_was_written() {
        for text in ["none", "one", "1%", "10%", "100%"] {
            assert_eq!(text.parse::<Headroom>().unwrap().to_string(), text);
        }
        for text in ["", "two", "0%", "101%", "10", "-1%", "+1%", "1.5%", "%", "One"] {
            assert_eq!(text.parse::<Headroom>(), Err(NotAHeadroom), "{text}");
        }
    }
}
