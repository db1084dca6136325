//! How long launches take, where they differ.

use super::group::Group;
use crate::world::chance::Chance;

/// Launch times that are drawn, each launch's by its number in its group. Two worlds with one seed
/// give their nth launches the same time, whatever else happens in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchTimes {
    /// The shortest, in seconds.
    pub least: u32,
    /// The likeliest, in seconds.
    pub likeliest: u32,
    /// The longest, in seconds.
    pub most: u32,
    /// The seed of the draws.
    pub seed: u64,
}

/// The resolution of a draw.
const GRAIN: u64 = 1_000_000;

impl LaunchTimes {
    /// From the request to a registered host: 60 to 150 s, most often 90 s.
    ///
    /// Measured by others: 39 s (awslabs/amazon-eks-ami#1099), 41 s (aws/amazon-ecs-agent#2309),
    /// 71 s (keikoproj/instance-manager#290), 45 to 60 s of it EC2's own.
    #[must_use]
    pub const fn of_ecs_hosts(seed: u64) -> Self {
        Self { least: 60, likeliest: 90, most: 150, seed }
    }

    /// The time of the nth launch, in seconds: triangular between the shortest and the longest.
    #[must_use]
    pub fn of_launch(&self, nth: u64) -> u32 {
        let (least, most) = (u64::from(self.least.min(self.most)), u64::from(self.most));
        let mode = u64::from(self.likeliest).clamp(least, most);
        let (width, rise) = (most - least, mode - least);
        let drawn = Chance::stream(self.seed, nth).below(GRAIN);
        let seconds = if drawn * width < rise * GRAIN {
            least + (drawn * width * rise / GRAIN).isqrt()
        } else {
            most - ((GRAIN - drawn) * width * (width - rise) / GRAIN).isqrt()
        };
        u32::try_from(seconds).unwrap_or(self.most)
    }
}

impl Group {
    /// How long the next launch takes.
    pub(super) fn next_launch_seconds(&mut self) -> u32 {
        let Some(times) = self.settings.launch_times else { return self.settings.launch_seconds };
        self.launches_drawn += 1;
        times.of_launch(self.launches_drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_take_what_their_bounds_allow_and_most_of_them_what_is_likeliest() {
        let times = LaunchTimes::of_ecs_hosts(7);
        let drawn: Vec<u32> = (0..10_000).map(|nth| times.of_launch(nth)).collect();
        assert!(drawn.iter().all(|seconds| (60..=150).contains(seconds)));
        let mean = drawn.iter().sum::<u32>() / 10_000;
        assert!((98..=102).contains(&mean), "{mean} s where the mean is 100 s");
        let within = |from, to| drawn.iter().filter(|seconds| (from..to).contains(*seconds)).count();
        assert!(within(85, 95) > within(60, 70) && within(85, 95) > within(140, 150));
    }

    #[test]
    fn one_seed_decides_the_nth_launch() {
        let (one, other) = (LaunchTimes::of_ecs_hosts(1), LaunchTimes::of_ecs_hosts(2));
        let nth = |times: LaunchTimes| (0..20).map(|nth| times.of_launch(nth)).collect::<Vec<_>>();
        assert_eq!(nth(one), nth(one));
        assert_ne!(nth(one), nth(other));
    }
}
