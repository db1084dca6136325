//! Which hosts a task may be placed on, were they empty.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::snapshot::{Members, Snapshot};
use crate::container_instance::ContainerInstance;
use crate::lifecycle::GroupInstance;
use crate::service::Service;
use crate::task::TaskDefinition;

/// A host, as far as it decides on eligibility.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) instance: &'a ContainerInstance,
    /// The group that it belongs to, and itself as that group's instance, where it is there.
    pub(super) group: Option<usize>,
    pub(super) of_group: Option<&'a GroupInstance>,
    /// The expressions that it matched, where it is not there any more: ECS cannot be asked about
    /// it. It is assumed to match one that is new since.
    pub(super) remembered: Option<&'a BTreeMap<String, bool>>,
}

/// Answers which hosts meet a requirement, each requirement worked out once.
#[derive(Debug)]
pub(super) struct Eligibility<'a> {
    snapshot: &'a Snapshot,
    hosts: &'a [Candidate<'a>],
    known: BTreeMap<Requirement, FixedBitSet>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Requirement {
    Attribute(String, Option<String>),
    OperatingSystem(String),
    Architecture(String),
    MemberOf(String),
    Provider(String),
}

impl<'a> Eligibility<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, hosts: &'a [Candidate<'a>]) -> Self {
        Self { snapshot, hosts, known: BTreeMap::new() }
    }

    /// All hosts.
    pub(super) fn every(&self) -> FixedBitSet {
        let mut every = FixedBitSet::with_capacity(self.hosts.len());
        every.insert_range(..);
        every
    }

    /// The hosts that a service may place tasks of a task definition on, whatever their platform
    /// and provider.
    pub(super) fn constrained(&mut self, service: &Service, definition: &TaskDefinition) -> FixedBitSet {
        let mut hosts = self.every();
        for (name, value) in &definition.host.attributes {
            hosts.intersect_with(self.meeting(Requirement::Attribute(name.clone(), value.clone())));
        }
        for expression in service.member_of().chain(&definition.host.member_of) {
            hosts.intersect_with(self.meeting(Requirement::MemberOf(expression.clone())));
        }
        hosts
    }

    /// The hosts of a task definition's operating system and CPU architecture.
    pub(super) fn of_platform(&mut self, definition: &TaskDefinition) -> FixedBitSet {
        let mut hosts = self.every();
        if let Some(family) = &definition.host.operating_system {
            hosts.intersect_with(self.meeting(Requirement::OperatingSystem(family.clone())));
        }
        if let Some(architecture) = &definition.host.cpu_architecture {
            hosts.intersect_with(self.meeting(Requirement::Architecture(architecture.clone())));
        }
        hosts
    }

    /// The hosts of one of some capacity providers.
    pub(super) fn of_any_provider(&mut self, providers: &[&String]) -> FixedBitSet {
        let mut hosts = FixedBitSet::with_capacity(self.hosts.len());
        for provider in providers {
            hosts.union_with(self.meeting(Requirement::Provider((*provider).clone())));
        }
        hosts
    }

    fn meeting(&mut self, requirement: Requirement) -> &FixedBitSet {
        let (hosts, snapshot) = (self.hosts, self.snapshot);
        self.known.entry(requirement).or_insert_with_key(|requirement| {
            let mut meeting = FixedBitSet::with_capacity(hosts.len());
            meeting
                .extend((0..).zip(hosts).filter(|(_, it)| requirement.is_met(it, snapshot)).map(|it| it.0));
            meeting
        })
    }
}

impl Requirement {
    fn is_met(&self, host: &Candidate<'_>, snapshot: &Snapshot) -> bool {
        let attributes = &host.instance.attributes;
        match self {
            Self::Attribute(name, None) => attributes.has(name),
            Self::Attribute(name, value) => attributes.value(name) == value.as_deref(),
            Self::OperatingSystem(family) => is_of_family(host.instance, family),
            Self::Architecture(architecture) => attributes
                .value("ecs.cpu-architecture")
                .is_some_and(|value| value.eq_ignore_ascii_case(architecture)),
            Self::MemberOf(expression) => match snapshot.expressions.get(expression) {
                Some(Members::Match(members)) => match host.remembered {
                    Some(matched) => matched.get(expression).copied().unwrap_or(true),
                    None => members.contains(&host.instance.arn),
                },
                Some(Members::NotUnderstood(_)) | None => false,
            },
            // An instance that registered before its group became a provider's does not name it.
            Self::Provider(provider) => {
                let of_group = || {
                    let own = host.group.and_then(|group| snapshot.groups.get(group));
                    own.is_some_and(|own| snapshot.capacity_providers.get(provider) == Some(&own.name))
                };
                host.instance.capacity_provider.as_ref().map_or_else(of_group, |own| own == provider)
            }
        }
    }
}

/// `LINUX` is every Linux; of Windows the version counts, where the host gives it
/// (`ecs.os-family`).
fn is_of_family(host: &ContainerInstance, family: &str) -> bool {
    let is_windows = family.to_ascii_uppercase().starts_with("WINDOWS");
    let os_type = host.attributes.value("ecs.os-type").unwrap_or_default();
    if os_type.eq_ignore_ascii_case("windows") != is_windows {
        return false;
    }
    let os_family = host.attributes.value("ecs.os-family");
    !is_windows || os_family.is_none_or(|os_family| os_family.eq_ignore_ascii_case(family))
}
