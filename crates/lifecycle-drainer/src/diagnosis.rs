//! The reads that explain why a drain waits. They never affect it.

use std::sync::Arc;

use fleetkeeper_core::drain::{
    Diagnosis, DiagnosisEvidence, Session, diagnose, protections_to_ask, services_to_describe,
};
use fleetkeeper_core::ports::{CallError, Services, TaskProtections};

use crate::calls::Calls;
use crate::ports::Ports;

/// Explains why a drain waits. None without a task that has not stopped.
pub(crate) async fn explain<P: Ports>(
    calls: &Calls<'_, P>,
    session: &Session,
) -> Result<Option<Diagnosis>, Arc<CallError>> {
    let tasks: Vec<_> = session.evidence().unfinished_tasks().cloned().collect();
    if tasks.is_empty() {
        return Ok(None);
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
    Ok(Some(diagnose(&evidence, session.schedule().began, calls.now())))
}
