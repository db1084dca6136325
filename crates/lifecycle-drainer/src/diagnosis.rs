//! The reads that explain why a drain waits. They never affect it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetkeeper_core::drain::{
    Diagnosis, DiagnosisEvidence, Preflight, Session, Verdict, diagnose, protections_to_ask,
    services_to_describe,
};
use fleetkeeper_core::ports::{
    CallError, ContainerInstanceQuery, ContainerInstances, DESCRIBE_MAX, PageToken, Services, TaskProtections,
};
use fleetkeeper_core::service::SchedulingStrategy;
use fleetkeeper_core::task::Task;

use crate::calls::Calls;
use crate::ports::Ports;

/// Pages of the cluster's instances that are read to find room.
const PREFLIGHT_PAGES: usize = 5;

/// The findings.
pub(crate) struct Explained {
    pub(crate) diagnosis: Option<Diagnosis>,
    /// The pre-flight's answer about room in the rest of the cluster, where it was asked.
    pub(crate) room: Option<Verdict>,
}

/// Explains why a drain waits, and with `preflight` whether the rest of the cluster has room for
/// its tasks.
pub(crate) async fn explain<P: Ports>(
    calls: &Calls<'_, P>,
    session: &Session,
    preflight: bool,
) -> Result<Explained, Arc<CallError>> {
    let tasks = session.evidence().unfinished_tasks();
    if tasks.is_empty() {
        return Ok(Explained { diagnosis: None, room: None });
    }
    let (mut services, mut protections) = (Vec::new(), Vec::new());
    let names = services_to_describe(&tasks);
    if !names.is_empty() {
        let call = calls.ports.ecs().describe_services(calls.cluster, &names);
        services = calls.ecs("ecs:DescribeServices", call).await?.items;
    }
    let to_ask = protections_to_ask(&tasks);
    if !to_ask.is_empty() {
        let call = calls.ports.ecs().task_protection(calls.cluster, &to_ask);
        protections = calls.ecs("ecs:GetTaskProtection", call).await?.items;
    }
    let agent_connected = session.evidence().agent_connected();
    let evidence =
        DiagnosisEvidence { tasks: &tasks, services: &services, protections: &protections, agent_connected };
    let diagnosis = diagnose(&evidence, session.schedule().began, calls.now());
    let daemons = services.iter().filter(|service| service.strategy == SchedulingStrategy::Daemon);
    let daemons = daemons.map(|service| service.name.clone()).collect();
    let room = if preflight { Some(room(calls, session, &tasks, &daemons).await?) } else { None };
    Ok(Explained { diagnosis: Some(diagnosis), room })
}

/// Answers whether the rest of the cluster has room for the tasks that move. Pages are read until
/// that is known.
async fn room<P: Ports>(
    calls: &Calls<'_, P>,
    session: &Session,
    tasks: &[Task],
    daemons: &BTreeSet<String>,
) -> Result<Verdict, Arc<CallError>> {
    let reads = calls.reads(false);
    let mut preflight = Preflight::new(session.ec2_instance_id().clone(), tasks, daemons);
    let (mut page, mut all_seen): (Option<PageToken>, _) = (None, false);
    for _ in 0..PREFLIGHT_PAGES {
        if preflight.is_decided() || all_seen {
            break;
        }
        let call = reads.list_container_instances(calls.cluster, &ContainerInstanceQuery::All, page.as_ref());
        let listed = calls.ecs("ecs:ListContainerInstances", call).await?;
        for arns in listed.items.chunks(DESCRIBE_MAX) {
            let call = reads.describe_container_instances(calls.cluster, arns);
            preflight.see(&calls.ecs("ecs:DescribeContainerInstances", call).await?.items);
        }
        all_seen = listed.next.is_none();
        page = listed.next;
    }
    Ok(preflight.verdict(all_seen))
}
