//! Groups of several instance types, with capacity units or without.

use super::group::{AutoScalingGroup, Group};
use crate::world::chance::Chance;
use crate::world::ecs::container_instance::InstanceType;

/// The instance types of a group with a mixed instances policy.
#[derive(Debug, Clone)]
pub struct MixedInstances {
    types: Vec<(InstanceType, Option<u32>)>,
    /// None: the types take turns.
    seed: Option<u64>,
}

impl MixedInstances {
    /// These types, each instance one unit of the capacity. They take turns.
    #[must_use]
    pub fn of(types: &[InstanceType]) -> Self {
        Self { types: types.iter().map(|of_type| (of_type.clone(), None)).collect(), seed: None }
    }

    /// These types, each with the capacity units of an instance. They take turns. Desired capacity,
    /// minimum and maximum are units then.
    #[must_use]
    pub fn weighing(types: &[(InstanceType, u32)]) -> Self {
        let types = types.iter().map(|(of_type, weight)| (of_type.clone(), Some(*weight)));
        Self { types: types.collect(), seed: None }
    }

    /// The type of each launch is drawn: AWS launches what it has most of, or what is cheapest.
    #[must_use]
    pub fn drawn(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The types.
    pub(crate) fn of_all_types(&self) -> Vec<InstanceType> {
        self.types.iter().map(|(of_type, _)| of_type.clone()).collect()
    }

    /// The types' names and weights.
    pub(crate) fn names(&self) -> Vec<(String, Option<u32>)> {
        self.types.iter().map(|(of_type, weight)| (of_type.name.clone(), *weight)).collect()
    }
}

/// Whose turn it is.
#[derive(Debug, Clone)]
pub(crate) struct TypeSequence {
    launched: usize,
    chance: Chance,
}

impl TypeSequence {
    pub(crate) fn of(settings: &AutoScalingGroup) -> Self {
        let seed = settings.mixed_instances.as_ref().and_then(|mixed| mixed.seed);
        Self { launched: 0, chance: Chance::new(seed.unwrap_or(0)) }
    }

    fn next(&mut self, mixed: &MixedInstances) -> Option<usize> {
        let count = mixed.types.len();
        let bound = u64::try_from(count).unwrap_or(u64::MAX);
        let number = match mixed.seed {
            Some(_) => usize::try_from(self.chance.below(bound)).unwrap_or(0),
            None => self.launched.checked_rem(count)?,
        };
        self.launched += 1;
        Some(number)
    }
}

impl Group {
    /// The type of the next launch, and the weight of an instance of it.
    pub(crate) fn next_type(&mut self) -> (InstanceType, Option<u32>) {
        let only = || (self.settings.instance_type.clone(), None);
        let Some(mixed) = &self.settings.mixed_instances else { return only() };
        let number = self.type_sequence.next(mixed);
        number.and_then(|number| mixed.types.get(number)).cloned().unwrap_or_else(only)
    }

    /// The most units of one instance.
    pub(crate) fn largest_weight(&self) -> u64 {
        let types = self.settings.mixed_instances.iter().flat_map(|mixed| &mixed.types);
        types.filter_map(|(_, weight)| *weight).max().map_or(1, u64::from)
    }

    /// The weight of an instance of a type.
    pub(crate) fn weight_of(&self, of_type: &InstanceType) -> Option<u32> {
        let mixed = self.settings.mixed_instances.as_ref()?;
        mixed.types.iter().find(|(known, _)| known.name == of_type.name).and_then(|(_, weight)| *weight)
    }
}
