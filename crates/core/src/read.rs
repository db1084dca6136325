//! Reads that span pages and batches: no page, no batch limit and no `failures[]` entry is skipped.

use std::collections::BTreeSet;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use crate::cluster::Cluster;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn};
use crate::ports::{
    Answer, CallError, ContainerInstanceQuery, ContainerInstances, DESCRIBE_MAX, Failure, Page, PageToken,
    Tasks, TasksOf,
};
use crate::task::{DesiredStatus, Task, TaskArn};

/// Describe calls under way at once.
///
/// ECS gives an account 100 reads at once and 20 a second after that. A snapshot of 5,000 container
/// instances takes 50 list and 50 describe calls. With 8 under way its list calls bound it, and
/// those follow one another anyway.
pub const DESCRIBES_IN_FLIGHT: usize = 8;

/// The pages of a list, one after the other: `list` is called with no token first, and with each
/// page's until there is none.
pub fn pages<T, F: Future<Output = Result<Page<T>, CallError>>>(
    list: impl Fn(Option<PageToken>) -> F,
) -> impl Stream<Item = Result<Vec<T>, CallError>> {
    stream::try_unfold(Some(None), move |page: Option<Option<PageToken>>| {
        // Boxed: a call of the SDK is a large future.
        let listing = page.map(|page| Box::pin(list(page)));
        async move {
            let Some(listing) = listing else { return Ok(None) };
            let Page { items, next } = listing.await?;
            Ok(Some((items, next.map(Some))))
        }
    })
}

/// Lists and describes the container instances that `query` asks for. Pages are described while the
/// next ones are listed. The failures are those of instances that left between the two calls, or
/// that ECS could not describe.
pub async fn container_instances(
    ecs: &impl ContainerInstances,
    cluster: &Cluster,
    query: &ContainerInstanceQuery,
) -> Result<Answer<ContainerInstance>, CallError> {
    describe(container_instance_pages(ecs, cluster, query), |arns: Vec<ContainerInstanceArn>| async move {
        ecs.describe_container_instances(cluster, &arns).await
    })
    .await
}

/// Describes container instances whose ARNs are known.
pub async fn describe_container_instances(
    ecs: &impl ContainerInstances,
    cluster: &Cluster,
    arns: &[ContainerInstanceArn],
) -> Result<Answer<ContainerInstance>, CallError> {
    describe(stream::iter([Ok(arns.to_vec())]), |arns| async move {
        ecs.describe_container_instances(cluster, &arns).await
    })
    .await
}

/// Lists the container instances that `query` asks for.
pub async fn container_instance_arns(
    ecs: &impl ContainerInstances,
    cluster: &Cluster,
    query: &ContainerInstanceQuery,
) -> Result<Vec<ContainerInstanceArn>, CallError> {
    container_instance_pages(ecs, cluster, query).try_concat().await
}

fn container_instance_pages(
    ecs: &impl ContainerInstances,
    cluster: &Cluster,
    query: &ContainerInstanceQuery,
) -> impl Stream<Item = Result<Vec<ContainerInstanceArn>, CallError>> {
    pages(move |page| async move { ecs.list_container_instances(cluster, query, page.as_ref()).await })
}

/// Lists and describes the tasks of some desired statuses.
pub async fn tasks_desired(
    ecs: &impl Tasks,
    cluster: &Cluster,
    of: TasksOf<'_>,
    desired: &[DesiredStatus],
) -> Result<Answer<Task>, CallError> {
    let pages = stream::iter(desired.iter().copied()).flat_map(|desired| {
        Box::pin(pages(move |page| async move { ecs.list_tasks(cluster, of, desired, page.as_ref()).await }))
    });
    describe(pages, |arns: Vec<TaskArn>| async move { ecs.describe_tasks(cluster, &arns).await }).await
}

/// Lists tasks that have one desired status, up to the page on which they are more than `most`.
pub async fn task_arns(
    ecs: &impl Tasks,
    cluster: &Cluster,
    of: TasksOf<'_>,
    desired: DesiredStatus,
    most: usize,
) -> Result<Vec<TaskArn>, CallError> {
    let (mut arns, mut page) = (Vec::new(), None);
    loop {
        let listed = ecs.list_tasks(cluster, of, desired, page.as_ref()).await?;
        arns.extend(listed.items);
        page = listed.next;
        if page.is_none() || arns.len() > most {
            return Ok(arns);
        }
    }
}

/// Describes tasks whose ARNs are known.
pub async fn describe_tasks(
    ecs: &impl Tasks,
    cluster: &Cluster,
    arns: &[TaskArn],
) -> Result<Answer<Task>, CallError> {
    describe(
        stream::iter([Ok(arns.to_vec())]),
        |arns| async move { ecs.describe_tasks(cluster, &arns).await },
    )
    .await
}

/// A resource that a describe call returns, by its ARN.
trait Described {
    fn arn(&self) -> &str;
}

impl Described for ContainerInstance {
    fn arn(&self) -> &str {
        &self.arn.0
    }
}

impl Described for Task {
    fn arn(&self) -> &str {
        &self.arn.0
    }
}

/// Describes what comes in pages, in batches of at most [`DESCRIBE_MAX`]. The answer keeps the
/// pages' order, and has each resource once: one may move to a later page while the pages are
/// listed.
async fn describe<Arn, Item, F>(
    pages: impl Stream<Item = Result<Vec<Arn>, CallError>>,
    call: impl Fn(Vec<Arn>) -> F,
) -> Result<Answer<Item>, CallError>
where
    Arn: Clone + AsRef<str>,
    Item: Described,
    F: Future<Output = Result<Answer<Item>, CallError>>,
{
    let call = &call;
    let answers = pages
        .map_ok(|arns| {
            let batches: Vec<_> = arns.chunks(DESCRIBE_MAX).map(|batch| Ok(batch.to_vec())).collect();
            stream::iter(batches)
        })
        .try_flatten()
        .map_ok(|batch| async move { Ok(with_not_described(call(batch.clone()).await?, &batch)) })
        .try_buffered(DESCRIBES_IN_FLIGHT);
    let empty = Answer { items: Vec::new(), failures: Vec::new() };
    let mut whole: Answer<Item> = answers
        .try_fold(empty, |mut whole, answer| async move {
            whole.items.extend(answer.items);
            whole.failures.extend(answer.failures);
            Ok(whole)
        })
        .await?;
    let mut seen = BTreeSet::new();
    whole.items.retain(|item| seen.insert(item.arn().to_owned()));
    Ok(whole)
}

/// Adds a failure for each resource that was asked for and is neither described nor among the
/// failures. Counting decides how many there are, because a failure may name its resource in
/// another format of ARN.
fn with_not_described<Arn: AsRef<str>, Item: Described>(
    mut answer: Answer<Item>,
    asked_for: &[Arn],
) -> Answer<Item> {
    let count = asked_for.len().saturating_sub(answer.items.len() + answer.failures.len());
    let described: BTreeSet<&str> = answer.items.iter().map(Described::arn).collect();
    let failed: BTreeSet<&str> = answer.failures.iter().map(|failure| failure.arn.as_str()).collect();
    let absent: Vec<Failure> = asked_for
        .iter()
        .map(AsRef::as_ref)
        .filter(|arn| !described.contains(arn) && !failed.contains(arn))
        .take(count)
        .map(Failure::not_described)
        .collect();
    answer.failures.extend(absent);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(described: &[&str], failed: &[&str]) -> Answer<Task> {
        let task = |arn: &&str| Task::seen(arn, "RUNNING");
        let failure = |arn: &&str| Failure {
            arn: (*arn).to_owned(),
            reason: "MISSING".to_owned(),
            detail: String::new(),
        };
        Answer { items: described.iter().map(task).collect(), failures: failed.iter().map(failure).collect() }
    }

    #[test]
    fn a_resource_that_an_answer_leaves_out_is_a_failure() {
        let whole = with_not_described(answer(&["a"], &["b"]), &["a", "b", "c"]);
        let failures: Vec<_> = whole.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, ["b: MISSING", "c: UNTOLD (neither described nor among the failures)"]);
    }

    #[test]
    fn a_failure_that_names_its_resource_otherwise_is_not_reported_twice() {
        let whole = with_not_described(answer(&["a"], &["old-format/b"]), &["a", "b"]);
        assert_eq!(whole.failures.len(), 1);
    }
}
