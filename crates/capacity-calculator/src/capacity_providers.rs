//! The capacity providers that the cluster's hosts and services name.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::container_instance::ContainerInstance;
use fleetkeeper_core::ports::{CallError, CapacityProviders, Clock};
use fleetkeeper_core::read;
use fleetkeeper_core::service::{Launch, Service};

use futures_util::TryStreamExt;

use crate::calls::Paces;

/// So long a description counts: a provider's group never changes, its managed scaling seldom does.
const KEPT: TimeDelta = TimeDelta::minutes(5);

/// The most names that one `DescribeCapacityProviders` takes (API reference).
const NAMES_MAX: usize = 100;

/// The capacity providers as they were last described.
#[derive(Debug, Default)]
pub(crate) struct KnownCapacityProviders(RefCell<Option<Known>>);

#[derive(Debug)]
struct Known {
    at: DateTime<Utc>,
    names: BTreeSet<String>,
    providers: Vec<CapacityProvider>,
}

/// The providers that the cluster's hosts and ACTIVE services name.
pub(crate) fn named(instances: &[ContainerInstance], services: &[Service]) -> BTreeSet<String> {
    let by_hosts = instances.iter().filter_map(|instance| instance.capacity_provider.clone());
    let deployments = services.iter().filter(|service| service.active).flat_map(|it| &it.deployments);
    let by_services = deployments.filter_map(|deployment| match &deployment.launch {
        Launch::CapacityProviders(names) => Some(names.clone()),
        Launch::Ec2 | Launch::Elsewhere => None,
    });
    by_hosts.chain(by_services.flatten()).collect()
}

/// Describes the providers of these names, unless that was done minutes ago. Without names nothing
/// is asked: AWS would describe every provider of the account.
pub(crate) async fn describe(
    ecs: &impl CapacityProviders,
    clock: &impl Clock,
    paces: &Paces,
    known: &KnownCapacityProviders,
    names: BTreeSet<String>,
) -> Result<Vec<CapacityProvider>, CallError> {
    let now = clock.now();
    if let Some(known) = known.0.borrow().as_ref()
        && now - known.at < KEPT
        && names.is_subset(&known.names)
    {
        return Ok(known.providers.clone());
    }
    let (all, mut providers) = (names.iter().cloned().collect::<Vec<_>>(), Vec::new());
    for names in all.chunks(NAMES_MAX) {
        let listing = read::pages(|page| async move {
            paces.capacity_providers.turn(clock).await;
            ecs.describe_capacity_providers(names, page.as_ref()).await
        });
        providers.extend(listing.try_concat().await?);
    }
    *known.0.borrow_mut() = Some(Known { at: now, names, providers: providers.clone() });
    Ok(providers)
}
