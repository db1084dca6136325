//! The cluster's services, and their task definitions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, Failure, SERVICES_MAX, Services, TaskDefinitions,
};
use fleetkeeper_core::read::{self, DESCRIBES_IN_FLIGHT};
use fleetkeeper_core::service::{Service, ServiceArn};
use fleetkeeper_core::task::{TaskDefinition, TaskDefinitionArn};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::calls::{Paces, find_missing};
use crate::report;

/// The services' task definitions. They never change: what was read once is kept while the function
/// is warm.
#[derive(Debug, Default)]
pub(crate) struct KnownDefinitions(RefCell<BTreeMap<TaskDefinitionArn, TaskDefinition>>);

/// Lists and describes the cluster's services. A service that ECS cannot describe is reported and
/// left out. A listed service that stays MISSING was deleted meanwhile.
pub(crate) async fn services(
    ecs: &impl Services,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
) -> Result<Vec<Service>, CallError> {
    let listing = read::pages(|page| async move {
        paces.services.turn(clock).await;
        ecs.list_services(cluster, page.as_ref()).await
    });
    let arns: Vec<ServiceArn> = listing.try_concat().await?;
    let batches = arns.chunks(SERVICES_MAX).map(|batch| describe(ecs, clock, paces, cluster, batch));
    let described = stream::iter(batches).buffered(DESCRIBES_IN_FLIGHT).try_concat().await?;
    // A service that is created while the pages are listed may be on two of them.
    let mut names = BTreeSet::new();
    Ok(described.into_iter().filter(|service| names.insert(service.name.clone())).collect())
}

async fn describe(
    ecs: &impl Services,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
    batch: &[ServiceArn],
) -> Result<Vec<Service>, CallError> {
    let ask = async |names: Vec<String>| {
        let mut answer = describe_once(ecs, clock, paces, cluster, &names).await?;
        answer.failures.extend(not_described(&names, &answer));
        Ok(answer)
    };
    let answer = ask(batch.iter().map(|arn| arn.0.clone()).collect()).await?;
    let answer = find_missing(answer, clock, cluster, "services", ask).await?;
    for failure in answer.failures.iter().filter(|failure| !failure.is_missing()) {
        report::service_not_described(cluster, failure);
    }
    Ok(answer.items)
}

/// Describes services of these names once more. One that ECS does not describe is left out.
pub(crate) async fn again(
    ecs: &impl Services,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
    names: &[String],
) -> Result<Vec<Service>, CallError> {
    let batches = names
        .chunks(SERVICES_MAX)
        .map(|batch| async move { Ok(describe_once(ecs, clock, paces, cluster, batch).await?.items) });
    stream::iter(batches).buffered(DESCRIBES_IN_FLIGHT).try_concat().await
}

/// Describes one batch, at the pace of such calls.
async fn describe_once(
    ecs: &impl Services,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
    names: &[String],
) -> Result<Answer<Service>, CallError> {
    paces.services.turn(clock).await;
    let mut answer = ecs.describe_services(cluster, names).await?;
    // A description has its service's last 100 events.
    answer.items.iter_mut().for_each(|service| service.events = Vec::new());
    Ok(answer)
}

/// The services that an answer neither describes nor has among its failures. An ARN ends in its
/// service's name.
fn not_described(asked_for: &[String], answer: &Answer<Service>) -> Vec<Failure> {
    let name = |arn: &String| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let described: BTreeSet<_> = answer.items.iter().map(|service| service.name.clone()).collect();
    let failed: BTreeSet<_> = answer.failures.iter().map(|failure| name(&failure.arn)).collect();
    let absent =
        asked_for.iter().filter(|arn| !described.contains(&name(arn)) && !failed.contains(&name(arn)));
    absent.map(|arn| Failure::not_described(arn)).collect()
}

/// The task definitions of the ACTIVE services' tasks on EC2. Reads the unknown ones, and forgets
/// those of no service. One that ECS refuses to describe, such as a deleted one, is reported and
/// left out.
pub(crate) async fn definitions(
    ecs: &impl TaskDefinitions,
    clock: &impl Clock,
    paces: &Paces,
    cluster: &Cluster,
    known: &KnownDefinitions,
    services: &[Service],
) -> Result<BTreeMap<TaskDefinitionArn, TaskDefinition>, CallError> {
    let on_ec2 = services.iter().filter(|service| service.active).flat_map(Service::on_ec2);
    let wanted: BTreeSet<_> = on_ec2.map(|deployment| &deployment.definition).collect();
    known.0.borrow_mut().retain(|definition, _| wanted.contains(definition));
    let unknown: Vec<_> =
        wanted.into_iter().filter(|definition| !known.0.borrow().contains_key(*definition)).collect();
    let reads = unknown.into_iter().map(|definition| async move {
        paces.task_definitions.turn(clock).await;
        match ecs.describe_task_definition(definition).await {
            Ok(read) => {
                known.0.borrow_mut().insert(definition.clone(), read);
                Ok(())
            }
            Err(error) if error.kind == CallErrorKind::Refused => {
                report::definition_not_described(cluster, definition, &error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    });
    stream::iter(reads).buffered(DESCRIBES_IN_FLIGHT).try_collect::<()>().await?;
    Ok(known.0.borrow().clone())
}
