//! Where the world's time comes from: the one place that reads a clock.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// The source of a world's time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WorldClock {
    /// Tokio's clock: where it is paused, hours pass in milliseconds.
    Tokio { start: DateTime<Utc>, origin: tokio::time::Instant },
    /// The time on the wall.
    Wall,
    /// The time on the wall, `speed` times faster.
    Scaled { start: DateTime<Utc>, origin: std::time::Instant, speed: f64 },
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl WorldClock {
    pub(crate) fn tokio(start: DateTime<Utc>) -> Self {
        Self::Tokio { start, origin: tokio::time::Instant::now() }
    }

    pub(crate) fn scaled(start: DateTime<Utc>, speed: f64) -> Self {
        Self::Scaled { start, origin: std::time::Instant::now(), speed }
    }

    pub(crate) fn now(self) -> DateTime<Utc> {
        match self {
            Self::Tokio { start, origin } => start + delta(origin.elapsed()),
            Self::Wall => SystemTime::now().into(),
            Self::Scaled { start, origin, speed } => start + delta(origin.elapsed().mul_f64(speed)),
        }
    }

    /// Waits for so much of the world's time.
    pub(crate) async fn sleep(self, duration: Duration) {
        let duration = match self {
            Self::Tokio { .. } | Self::Wall => duration,
            Self::Scaled { speed, .. } => duration.div_f64(speed),
        };
        tokio::time::sleep(duration).await;
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
