//! Capacity provider strategies, and the shares that they give to providers.

use std::collections::BTreeMap;

/// An item of a `capacityProviderStrategy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyItem {
    /// The provider's name.
    pub provider: String,
    /// How many tasks it gets before any other does.
    pub base: u32,
    /// Its share of the others.
    pub weight: u32,
}

impl StrategyItem {
    /// An item.
    #[must_use]
    pub fn new(provider: &str, base: u32, weight: u32) -> Self {
        Self { provider: provider.to_owned(), base, weight }
    }
}

/// How many tasks of a service each of its providers has.
pub(crate) struct Shares<'a> {
    strategy: &'a [StrategyItem],
    tasks: BTreeMap<&'a str, u32>,
}

impl<'a> Shares<'a> {
    pub(crate) fn of(strategy: &'a [StrategyItem], has: impl Iterator<Item = &'a str>) -> Self {
        let mut tasks = BTreeMap::new();
        for provider in has {
            *tasks.entry(provider).or_default() += 1;
        }
        Self { strategy, tasks }
    }

    /// The provider of one more task, whether it fits there or not: the one whose base is not
    /// reached, else the one that is furthest below its weight.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let has = |item: &StrategyItem| self.tasks.get(item.provider.as_str()).copied().unwrap_or(0);
        let short = self.strategy.iter().find(|item| has(item) < item.base);
        let beyond = |item: &StrategyItem| u64::from(has(item) - item.base.min(has(item)));
        let weighed = self.strategy.iter().filter(|item| item.weight > 0);
        let chosen = short.or_else(|| {
            weighed.min_by(|a, b| {
                let (of_a, of_b) = (beyond(a) * u64::from(b.weight), beyond(b) * u64::from(a.weight));
                of_a.cmp(&of_b)
            })
        })?;
        *self.tasks.entry(&chosen.provider).or_default() += 1;
        Some(&chosen.provider)
    }
}
