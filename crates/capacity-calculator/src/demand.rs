//! What the cluster's services want, and what their tasks need.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::capacity::{Demanded, Unfittable, Wanted, is_demand};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, Failure, Page, SERVICES_MAX, Services, TaskDefinitions,
};
use fleetkeeper_core::read::DESCRIBES_IN_FLIGHT;
use fleetkeeper_core::service::{Service, ServiceArn};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::task_needs::TaskNeeds;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::calls::{Paces, find_missing};

/// What each of the services wants, by its name, and what it may start tasks of.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    wants: BTreeMap<String, Wanted>,
    starts: BTreeSet<(String, TaskDefinitionArn)>,
}

/// What tasks need, by their task definition. Those never change: what was read once is kept while the function is warm.
#[derive(Debug, Default)]
pub(crate) struct KnownNeeds(RefCell<BTreeMap<TaskDefinitionArn, TaskNeeds>>);

impl Demand {
    /// Lists and describes the cluster's REPLICA services. Of each only what is wanted is kept: a description has its
    /// service's last 100 events.
    pub(crate) async fn read(
        ecs: &impl Services,
        clock: &impl Clock,
        paces: &Paces,
        cluster: &Cluster,
    ) -> Result<Self, CallError> {
        let listing = stream::try_unfold(Some(None), |page| async move {
            let Some(token) = page else { return Ok(None) };
            paces.services.turn(clock).await;
            let Page { items, next } = ecs.list_services(cluster, token.as_ref()).await?;
            Ok(Some((items, next.map(Some))))
        });
        let arns: Vec<ServiceArn> = listing.try_concat().await?;
        let batches = arns.chunks(SERVICES_MAX).map(|batch| async move {
            let answer = describe(ecs, clock, paces, cluster, batch).await?;
            let demand = || answer.items.iter().filter(|service| is_demand(service));
            let wants = demand().map(|service| (service.name.clone(), Wanted::by(service)));
            let starts = demand().flat_map(|service| {
                service.definitions().into_iter().map(|definition| (service.name.clone(), definition.clone()))
            });
            Ok(Self { wants: wants.collect(), starts: starts.collect() })
        });
        let whole = stream::iter(batches).buffered(DESCRIBES_IN_FLIGHT).try_fold(
            Self::default(),
            |mut whole, part| {
                whole.wants.extend(part.wants);
                whole.starts.extend(part.starts);
                async { Ok(whole) }
            },
        );
        whole.await
    }

    /// What all services want together. What fits on no host is missing for ever, whatever the number of hosts: of services
    /// that may start such a task, no task is missing.
    pub(crate) fn wanted(&self, unfittable: &[Unfittable]) -> Wanted {
        let in_vain: BTreeSet<_> = unfittable.iter().map(|it| &it.service).collect();
        self.wants.iter().fold(Wanted::default(), |all, (service, wanted)| {
            let missing_tasks = if in_vain.contains(service) { 0 } else { wanted.missing_tasks };
            all + Wanted { missing_tasks, ..*wanted }
        })
    }

    /// What tasks of each task definition need. Reads those that are not known yet, and forgets what no service starts.
    pub(crate) async fn needs(
        &self,
        ecs: &impl TaskDefinitions,
        clock: &impl Clock,
        paces: &Paces,
        known: &KnownNeeds,
    ) -> Result<Vec<Demanded>, CallError> {
        let wanted: BTreeSet<_> = self.starts.iter().map(|(_, definition)| definition).collect();
        known.0.borrow_mut().retain(|definition, _| wanted.contains(definition));
        let unknown: Vec<_> =
            wanted.into_iter().filter(|definition| !known.0.borrow().contains_key(*definition)).collect();
        let reads = unknown.into_iter().map(|definition| async move {
            paces.task_definitions.turn(clock).await;
            let read = ecs.describe_task_definition(definition).await?;
            known.0.borrow_mut().insert(definition.clone(), read.needs);
            Ok::<(), CallError>(())
        });
        stream::iter(reads).buffered(DESCRIBES_IN_FLIGHT).try_collect::<()>().await?;
        let known = known.0.borrow();
        let demanded = self.starts.iter().filter_map(|(service, definition)| {
            let needs = known.get(definition)?.clone();
            Some(Demanded { service: service.clone(), definition: definition.clone(), needs })
        });
        Ok(demanded.collect())
    }
}

/// Describes services. What is listed and MISSING is asked for again, as reads lag; what stays MISSING left meanwhile, and
/// wants nothing.
async fn describe(
    ecs: &impl Services,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
    batch: &[ServiceArn],
) -> Result<Answer<Service>, CallError> {
    let ask = async |names: Vec<String>| {
        paces.services.turn(clock).await;
        ecs.describe_services(cluster, &names).await
    };
    let answer = ask(batch.iter().map(|arn| arn.0.clone()).collect()).await?;
    let answer = find_missing(answer, clock, cluster, "services", ask).await?;
    match answer.failures.iter().find(|failure| !failure.is_missing()) {
        Some(failure) => Err(untold(failure)),
        None => Ok(answer),
    }
}

/// Of a service that ECS cannot tell of it is not known what it wants.
fn untold(failure: &Failure) -> CallError {
    CallError {
        operation: "ecs:DescribeServices",
        resource: failure.arn.clone(),
        kind: CallErrorKind::Unavailable,
        source: Some(failure.to_string().into()),
    }
}
