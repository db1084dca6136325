//! `ListContainerInstances` and `ListTasks`, with their pages.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::ports::{DESCRIBE_MAX, Page, PageToken};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::cluster_query::ClusterQuery;
use super::service::SchedulingStrategy;
use super::task::Task;
use crate::world::{ApiError, World};

/// The parameters of `ListContainerInstances`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListContainerInstances<'a> {
    /// Name or ARN.
    pub cluster: Option<&'a str>,
    /// A cluster query expression.
    pub filter: Option<&'a str>,
    /// One status; without it, all but INACTIVE.
    pub status: Option<&'a str>,
    /// 1 to 100.
    pub max_results: Option<i64>,
    /// From the page before.
    pub next_token: Option<&'a str>,
}

/// The parameters of `ListTasks`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListTasks<'a> {
    /// Name or ARN.
    pub cluster: Option<&'a str>,
    /// Id or ARN; without it, the whole cluster's tasks.
    pub container_instance: Option<&'a str>,
    /// RUNNING without it; PENDING finds nothing, as nothing is ever desired to be pending.
    pub desired_status: Option<&'a str>,
    /// 1 to 100.
    pub max_results: Option<i64>,
    /// From the page before.
    pub next_token: Option<&'a str>,
}

/// `ListServices` answers with this many where the caller sets no `maxResults`.
const SERVICES_DEFAULT: i64 = 10;

const STATUSES: [&str; 5] = ["ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED"];

impl World {
    /// `ListContainerInstances`, one page.
    pub fn list_container_instances(
        &self,
        input: ListContainerInstances<'_>,
    ) -> Result<Page<ContainerInstanceArn>, ApiError> {
        let name = self.cluster_name(input.cluster)?;
        let query = input.filter.map(ClusterQuery::parse).transpose()?;
        if let Some(status) = input.status.filter(|status| !STATUSES.contains(status)) {
            return Err(ApiError::invalid_parameter(format!("Invalid status: {status}")));
        }
        let by_instance = input.filter.is_some_and(|filter| filter.contains("ec2InstanceId"));
        let query = query.filter(|_| !(self.filters_ignored && by_instance));
        let cluster = self.view(&name)?;
        let found = cluster.container_instances(query.as_ref()).filter(|(_, status)| match input.status {
            Some(wanted) => status.to_string() == wanted,
            None => **status != ContainerInstanceStatus::Inactive,
        });
        let found = found.map(|(arn, _)| arn.clone());
        self.page(found, |arn| &arn.0, input.max_results, input.next_token)
    }

    /// `ListTasks`, one page. A container instance that is not there has no tasks.
    pub fn list_tasks(&self, input: ListTasks<'_>) -> Result<Page<TaskArn>, ApiError> {
        let cluster = self.view(&self.cluster_name(input.cluster)?)?;
        let desired = match input.desired_status.unwrap_or("RUNNING") {
            "RUNNING" => Some(DesiredStatus::Running),
            "STOPPED" => Some(DesiredStatus::Stopped),
            "PENDING" => None,
            other => return Err(ApiError::invalid_parameter(format!("Invalid desired status: {other}"))),
        };
        let wanted = |task: &&Task| desired == Some(task.desired_status);
        let mut found: Vec<TaskArn> = match input.container_instance {
            None => cluster.tasks().filter(wanted).map(|task| task.arn.clone()).collect(),
            Some(named) => {
                let arn = ContainerInstanceArn(cluster.full_arn("container-instance", named));
                let tasks = cluster.tasks_on(&arn).into_iter();
                tasks.filter(wanted).map(|task| task.arn.clone()).collect()
            }
        };
        found.sort_unstable();
        self.page(found.into_iter(), |arn| &arn.0, input.max_results, input.next_token)
    }

    /// `ListServices`, one page, by scheduling strategy where one is given.
    pub fn list_services(
        &self,
        cluster: Option<&str>,
        strategy: Option<SchedulingStrategy>,
        max_results: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<Page<String>, ApiError> {
        let cluster = self.cluster(&self.cluster_name(cluster)?)?;
        let of = cluster
            .services
            .values()
            .filter(|it| strategy.is_none_or(|wanted| it.scheduling_strategy == wanted));
        let mut found: Vec<String> = of.map(|service| cluster.full_arn("service", &service.name)).collect();
        found.sort_unstable();
        // `maxResults` reaches 100, and pages hold ten services without it (API reference).
        let max_results = max_results.or(Some(SERVICES_DEFAULT));
        self.page(found.into_iter(), |arn| arn, max_results, next_token)
    }

    /// One page of what is sorted by ARN. The token names the last ARN seen, so that nothing is
    /// skipped where the list changes between two pages.
    fn page<T>(
        &self,
        items: impl Iterator<Item = T>,
        arn: impl Fn(&T) -> &str,
        max_results: Option<i64>,
        token: Option<&str>,
    ) -> Result<Page<T>, ApiError> {
        let size = match max_results.map(usize::try_from) {
            None => DESCRIBE_MAX,
            Some(Ok(size)) if (1..=DESCRIBE_MAX).contains(&size) => size,
            Some(_) => return Err(ApiError::invalid_parameter("maxResults must be between 1 and 100.")),
        };
        let size = size.min(self.page_limit);
        let after = match token.map(|token| token.strip_prefix("after:")) {
            None => "",
            Some(Some(arn)) => arn,
            Some(None) => return Err(ApiError::invalid_parameter("Invalid token.")),
        };
        let mut items: Vec<T> = items.filter(|item| arn(item) > after).take(size + 1).collect();
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(|last| PageToken(format!("after:{}", arn(last))));
        Ok(Page { items, next })
    }
}
