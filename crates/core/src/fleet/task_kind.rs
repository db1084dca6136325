//! The kinds of tasks that services start: a service's task definition, and where its tasks may be
//! placed.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::amounts::{Amounts, HostPort, host_ports};
use super::decision::NotUnderstood;
use super::eligibility::Eligibility;
use super::snapshot::{Members, Snapshot};
use crate::service::{Deployment, Launch, PlacementConstraint, SchedulingStrategy, Service};
use crate::task::{TaskDefinition, TaskDefinitionArn};
use crate::task_needs::TaskNeeds;

/// The tasks of one task definition of one service.
#[derive(Debug, Clone)]
pub(super) struct TaskKind {
    pub(super) service: String,
    pub(super) definition: TaskDefinitionArn,
    /// The needs of its tasks, as they were read.
    pub(super) described: TaskNeeds,
    pub(super) needs: Amounts,
    pub(super) ports: Vec<HostPort>,
    /// No two tasks of the service on one instance.
    pub(super) distinct: bool,
    /// The hosts that its tasks may be placed on, were these empty: one set for each capacity
    /// provider, as ECS picks the provider whether or not it has room.
    pub(super) domains: Vec<FixedBitSet>,
    /// The hosts that it must be assumed to take room on. AWS does not say that it keeps tasks from
    /// hosts of another architecture, so these are among them.
    pub(super) may_block: FixedBitSet,
    /// The capacity providers' groups that new hosts of it may belong to; none for any group.
    pub(super) groups: Option<BTreeSet<String>>,
    /// The placement rule that is not understood, if any.
    pub(super) not_understood: Option<NotUnderstood>,
    /// How many tasks the deployment wants, if it is its service's last: the headroom is for its
    /// growth.
    pub(super) desired: u64,
}

impl TaskKind {
    /// Returns whether a task of it may be placed on a host, were that empty.
    pub(super) fn may_be_on(&self, host: usize) -> bool {
        self.domains.iter().any(|domain| domain.contains(host))
    }

    /// Returns whether it may be placed on new hosts of a group.
    pub(super) fn may_be_of_group(&self, group: &str) -> bool {
        self.not_understood.is_none() && self.groups.as_ref().is_none_or(|groups| groups.contains(group))
    }

    /// Returns whether it and another one take the same static port.
    pub(super) fn shares_port(&self, other: &Self) -> bool {
        self.ports.iter().any(|port| other.ports.contains(port))
    }

    /// What both of two kinds of a service could be: what replaces a task while a deployment is in
    /// progress may be of either.
    pub(super) fn either(&self, other: &Self) -> Self {
        let mut either = self.clone();
        either.needs = self.needs.at_least(&other.needs);
        either.ports.extend(&other.ports);
        either.distinct |= other.distinct;
        either.may_block.union_with(&other.may_block);
        // Each provider's set with each of the other's: all of them must have room.
        let pairs = self.domains.iter().flat_map(|one| other.domains.iter().map(move |two| one & two));
        either.domains = pairs.collect();
        either.not_understood = self.not_understood.clone().or_else(|| other.not_understood.clone());
        either
    }
}

/// The kinds of a cluster's services.
#[derive(Debug)]
pub(super) struct TaskKinds {
    pub(super) all: Vec<TaskKind>,
    by_definition: BTreeMap<(String, TaskDefinitionArn), usize>,
    /// What replaces a task of a service: a kind of its own where a deployment is in progress.
    replacements: BTreeMap<String, usize>,
    /// For kinds that stand for several, these.
    either_of: BTreeMap<usize, Vec<usize>>,
    /// For kinds of `distinctInstance` those of their headroom.
    unapart: BTreeMap<usize, usize>,
    /// The daemons' kinds.
    pub(super) daemons: Vec<TaskKind>,
    /// Services that have tasks on other than the cluster's EC2 instances, daemons, and those that
    /// are not ACTIVE: their tasks need not be placed elsewhere.
    unconcerned: BTreeSet<String>,
}

impl TaskKinds {
    pub(super) fn of(snapshot: &Snapshot, eligibility: &mut Eligibility<'_>) -> Self {
        let mut kinds = Self {
            all: Vec::new(),
            by_definition: BTreeMap::new(),
            replacements: BTreeMap::new(),
            either_of: BTreeMap::new(),
            unapart: BTreeMap::new(),
            daemons: Vec::new(),
            unconcerned: BTreeSet::new(),
        };
        for service in &snapshot.services {
            let of_ec2: Vec<_> = service.on_ec2().collect();
            if !service.active || of_ec2.is_empty() {
                kinds.unconcerned.insert(service.name.clone());
            } else if service.strategy == SchedulingStrategy::Daemon {
                kinds.unconcerned.insert(service.name.clone());
                // A new host gets the task of the last deployment, which stands first.
                let last = of_ec2.first();
                kinds.daemons.extend(last.map(|it| task_kind(snapshot, service, it, eligibility)));
            } else {
                kinds.add(snapshot, service, &of_ec2, eligibility);
            }
        }
        kinds
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        service: &Service,
        deployments: &[&Deployment],
        eligibility: &mut Eligibility<'_>,
    ) {
        let mut own = Vec::new();
        for (number, deployment) in deployments.iter().enumerate() {
            // The last deployment stands first: earlier ones start no task beyond what they have.
            let wanted = if number == 0 || deployment.task_set { deployment.desired.into() } else { 0 };
            let named = (service.name.clone(), deployment.definition.clone());
            if let Some(known) = self.by_definition.get(&named).and_then(|known| self.all.get_mut(*known)) {
                known.desired += wanted;
                continue;
            }
            own.push(self.all.len());
            self.by_definition.insert(named, self.all.len());
            let kind = task_kind(snapshot, service, deployment, eligibility);
            self.all.push(TaskKind { desired: wanted, ..kind });
        }
        // A task of a task set is replaced by one of the same set.
        if deployments.iter().any(|deployment| deployment.task_set) {
            return;
        }
        let kinds = own.iter().filter_map(|kind| self.all.get(*kind)).cloned();
        let replacement = if let [only] = own.as_slice() {
            *only
        } else {
            let Some(either) = kinds.reduce(|one, other| one.either(&other)) else { return };
            self.either_of.insert(self.all.len(), own);
            self.all.push(TaskKind { desired: 0, ..either });
            self.all.len() - 1
        };
        self.replacements.insert(service.name.clone(), replacement);
    }

    /// The kind of a deployment's tasks.
    pub(super) fn of_deployment(&self, service: &str, definition: &TaskDefinitionArn) -> Option<usize> {
        self.by_definition.get(&(service.to_owned(), definition.clone())).copied()
    }

    /// Returns whether a kind is that of a deployment, and not one that stands for several.
    pub(super) fn is_of_deployment(&self, kind: &TaskKind) -> bool {
        let known = self.of_deployment(&kind.service, &kind.definition).and_then(|known| self.all.get(known));
        known.is_some_and(|known| std::ptr::eq(known, kind))
    }

    /// The kinds that tasks of a kind may turn out to be: several where it stands for a service's
    /// definitions.
    pub(super) fn turn_out(&self, kind: usize) -> impl Iterator<Item = usize> {
        let either = self.either_of.get(&kind).map(Vec::as_slice).unwrap_or_default().iter().copied();
        either.chain((!self.either_of.contains_key(&kind)).then_some(kind))
    }

    /// For each kind of `distinctInstance` the same without: the headroom is room for what might
    /// come, and does not ask for more hosts than there are tasks.
    pub(super) fn add_unapart(&mut self) {
        for number in 0..self.all.len() {
            let Some(kind) = self.all.get(number).filter(|kind| kind.distinct && kind.desired > 0) else {
                continue;
            };
            let unapart = TaskKind { distinct: false, desired: 0, ..kind.clone() };
            self.unapart.insert(number, self.all.len());
            self.all.push(unapart);
        }
    }

    /// The kind of the headroom's tasks.
    pub(super) fn headroom_of(&self, kind: usize) -> usize {
        self.unapart.get(&kind).copied().unwrap_or(kind)
    }

    /// The replacement of a service's task whose host leaves.
    pub(super) fn replacement(&self, service: &str, definition: &TaskDefinitionArn) -> Replacement {
        if self.unconcerned.contains(service) {
            return Replacement::None;
        }
        let found = self.replacements.get(service).copied();
        let found = found.or_else(|| self.of_deployment(service, definition));
        let understood =
            found.filter(|kind| self.all.get(*kind).is_some_and(|it| it.not_understood.is_none()));
        understood.map_or(Replacement::Unknown, Replacement::Kind)
    }
}

/// The replacement of a task whose host leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// Nothing: a daemon's task goes with its host, and so does that of a service that starts none
    /// any more.
    None,
    /// A task of this kind.
    Kind(usize),
    /// A task that nothing is known of.
    Unknown,
}

fn task_kind(
    snapshot: &Snapshot,
    service: &Service,
    deployment: &Deployment,
    eligibility: &mut Eligibility<'_>,
) -> TaskKind {
    let definition = snapshot.definitions.get(&deployment.definition);
    let described = definition.map(|it| it.needs.clone()).unwrap_or_default();
    let mut kind = TaskKind {
        service: service.name.clone(),
        definition: deployment.definition.clone(),
        needs: Amounts::needed(&described),
        ports: host_ports(&described),
        described,
        distinct: service.constraints.contains(&PlacementConstraint::DistinctInstance),
        domains: Vec::new(),
        may_block: eligibility.every(),
        groups: None,
        not_understood: not_understood(snapshot, service, deployment, definition),
        desired: deployment.desired.into(),
    };
    let Some(definition) = definition.filter(|_| kind.not_understood.is_none()) else { return kind };
    let providers: &[String] = match &deployment.launch {
        Launch::CapacityProviders(providers) => providers,
        Launch::Ec2 | Launch::Elsewhere => &[],
    };
    if !providers.is_empty() {
        let group = |provider: &String| snapshot.capacity_providers.get(provider).cloned();
        kind.groups = Some(providers.iter().filter_map(group).collect());
        // A provider without a group of its own, such as one of ECS Managed Instances, is none of
        // ours.
        let ours: Vec<_> =
            providers.iter().filter(|it| snapshot.capacity_providers.contains_key(*it)).collect();
        kind.may_block = eligibility.of_any_provider(&ours);
    }
    let constrained = eligibility.constrained(service, definition);
    kind.may_block.intersect_with(&constrained);
    let fitting = &constrained & &eligibility.of_platform(definition);
    kind.domains = if providers.is_empty() {
        vec![fitting]
    } else {
        let ours = providers.iter().filter(|it| snapshot.capacity_providers.contains_key(*it));
        ours.map(|provider| &fitting & &eligibility.of_any_provider(&[provider])).collect()
    };
    kind
}

fn not_understood(
    snapshot: &Snapshot,
    service: &Service,
    deployment: &Deployment,
    definition: Option<&TaskDefinition>,
) -> Option<NotUnderstood> {
    let because = |what: &str, why: &str| {
        Some(NotUnderstood { service: service.name.clone(), what: what.to_owned(), why: why.to_owned() })
    };
    let Some(definition) = definition else {
        return because(&deployment.definition.0, "the task definition cannot be described");
    };
    for expression in service.member_of().chain(&definition.host.member_of) {
        match snapshot.expressions.get(expression) {
            Some(Members::Match(_)) => {}
            Some(Members::NotUnderstood(why)) => return because(expression, why),
            None => return because(expression, "ECS was not asked"),
        }
    }
    service.constraints.iter().find_map(|constraint| match constraint {
        PlacementConstraint::Other(kind) => because(kind, "the type of constraint is unknown"),
        PlacementConstraint::DistinctInstance | PlacementConstraint::MemberOf(_) => None,
    })
}
