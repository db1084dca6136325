//! Capacity providers: a name for a group, whose container instances carry it.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::ports::{Answer, PageToken};

use super::describe::missing;
use super::managed_scaling::ManagedScaling;
use super::service::Service;
use crate::world::auto_scaling::notice::group_arn;
use crate::world::{ACCOUNT, ApiError, REGION, World};

/// A capacity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// Whether it was created with the group's name instead of its ARN: AWS takes and shows both.
    pub named_by_name: bool,
    /// True if ECS manages the group's scaling.
    pub managed_scaling: bool,
    /// How ECS scales the group. A world can show managed scaling without playing it.
    pub scaling: Option<ManagedScaling>,
}

impl CapacityProvider {
    /// A provider without managed scaling, created with the group's ARN.
    #[must_use]
    pub fn new(name: &str, group: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            named_by_name: false,
            managed_scaling: false,
            scaling: None,
        }
    }

    /// Created with the group's name.
    #[must_use]
    pub fn named_by_name(mut self) -> Self {
        self.named_by_name = true;
        self
    }

    /// With managed scaling ENABLED, as `DescribeCapacityProviders` shows it.
    #[must_use]
    pub fn managing_scaling(mut self) -> Self {
        self.managed_scaling = true;
        self
    }

    /// With managed scaling and managed termination protection, which the world plays.
    #[must_use]
    pub fn scaling(mut self, scaling: ManagedScaling) -> Self {
        self.managed_scaling = true;
        self.scaling = Some(scaling);
        self
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:ecs:{REGION}:{ACCOUNT}:capacity-provider/{}", self.name)
    }

    /// The value of `autoScalingGroupArn`.
    #[must_use]
    pub fn group_arn(&self) -> String {
        if self.named_by_name { self.group.clone() } else { group_arn(GROUP_ID, &self.group) }
    }
}

/// Capacity providers on a page, at most and by default.
const PROVIDERS_MAX: usize = 10;

/// The id in the groups' ARNs.
const GROUP_ID: &str = "00000000-0000-4000-8000-000000000000";

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

impl World {
    /// `CreateCapacityProvider`. Container instances that have registered before carry no
    /// provider's name.
    pub fn create_capacity_provider(&mut self, provider: CapacityProvider) -> Result<(), ApiError> {
        self.group(&provider.group)?;
        self.begin_managed_scaling(&provider);
        self.capacity_providers.insert(provider.name.clone(), provider);
        Ok(())
    }

    /// `DescribeCapacityProviders`, one page of at most ten: of all, or of those named by name or
    /// ARN.
    pub fn describe_capacity_providers(
        &self,
        named: &[String],
        max_results: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<(Answer<CapacityProvider>, Option<PageToken>), ApiError> {
        let mut answer = Answer { items: Vec::new(), failures: Vec::new() };
        let all = self.capacity_providers.keys().cloned().collect();
        let wanted: BTreeSet<String> = if named.is_empty() { all } else { named.iter().cloned().collect() };
        let size = match max_results.map(usize::try_from) {
            None => PROVIDERS_MAX,
            Some(Ok(size)) if (1..=PROVIDERS_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::invalid_parameter("maxResults must be between 1 and 10.")),
        };
        let after = next_token.map(|token| token.strip_prefix("after:").unwrap_or(token));
        let rest = wanted.into_iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        let mut page: Vec<String> = rest.take(size + 1).collect();
        let more = page.len() > size;
        page.truncate(size);
        for name in &page {
            match self.capacity_providers.get(name.rsplit('/').next().unwrap_or(name)) {
                Some(found) => answer.items.push(found.clone()),
                None => answer.failures.push(missing(CapacityProvider::new(name, "").arn())),
            }
        }
        let next = page.last().filter(|_| more).map(|last| PageToken(format!("after:{last}")));
        Ok((answer, next))
    }

    /// The provider of a group, if it has one.
    pub(crate) fn capacity_provider_of(&self, group: &str) -> Option<String> {
        let mut providers = self.capacity_providers.values();
        providers.find(|provider| provider.group == group).map(|provider| provider.name.clone())
    }
}

impl Service {
    /// With a capacity provider strategy instead of a launch type.
    #[must_use]
    pub fn on_providers(mut self, strategy: &[StrategyItem]) -> Self {
        self.capacity_provider_strategy = strategy.to_vec();
        self
    }
}
