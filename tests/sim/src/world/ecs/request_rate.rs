//! ECS's request rates: token buckets, each for the whole account and Region and shared by all its
//! operations.
//!
//! "Request throttling" in the API reference gives the limits, as burst and rate a second. They are
//! 100 and 20 for reads of cluster resources, 100 and 40 for changes of them, and 100 and 20 for
//! reads of services. Reads of task definitions have 50 and 20, task protections 200 and 80.
//!
//! Tokens are counted in thousandths. A rate in tokens a second is then one in thousandths a
//! millisecond, and nothing is ever rounded.

use chrono::{DateTime, Utc};

use crate::world::{ApiError, Operation, World};

const TOKEN: i64 = 1000;

/// The rates of the account, and whether they hold.
#[derive(Debug, Clone)]
pub(crate) struct RequestRates {
    limited: bool,
    read: Bucket,
    modify: Bucket,
    service_read: Bucket,
    task_definition_read: Bucket,
    task_protection: Bucket,
}

#[derive(Debug, Clone)]
struct Bucket {
    burst: i64,
    per_second: i64,
    /// The tokens that other users of the account take, in each second.
    others_per_second: i64,
    level: i64,
    as_of_milliseconds: i64,
}

impl Default for RequestRates {
    fn default() -> Self {
        Self {
            limited: false,
            read: Bucket::new(100, 20),
            modify: Bucket::new(100, 40),
            service_read: Bucket::new(100, 20),
            task_definition_read: Bucket::new(50, 20),
            task_protection: Bucket::new(200, 80),
        }
    }
}

impl RequestRates {
    fn bucket_of(&mut self, operation: Operation) -> Option<&mut Bucket> {
        match operation {
            read if read.reads_cluster_resources() => Some(&mut self.read),
            Operation::UpdateContainerInstancesState | Operation::StopTask => Some(&mut self.modify),
            Operation::DescribeServices => Some(&mut self.service_read),
            Operation::DescribeTaskDefinition => Some(&mut self.task_definition_read),
            Operation::GetTaskProtection => Some(&mut self.task_protection),
            _ => None,
        }
    }
}

impl Bucket {
    fn new(burst: i64, per_second: i64) -> Self {
        Self {
            burst: burst * TOKEN,
            per_second,
            others_per_second: 0,
            level: burst * TOKEN,
            as_of_milliseconds: 0,
        }
    }

    /// Lets it fill, less what others took meanwhile.
    fn fill(&mut self, now: DateTime<Utc>) {
        let now = now.timestamp_millis();
        let net = self.per_second - self.others_per_second;
        let gained = net.saturating_mul(now - self.as_of_milliseconds);
        self.level = self.level.saturating_add(gained).clamp(0, self.burst);
        self.as_of_milliseconds = now;
    }

    fn take(&mut self, now: DateTime<Utc>) -> bool {
        self.fill(now);
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
    }
}

impl World {
    /// From now on ECS's request rates hold, for calls from outside ([`serve`](Self::serve)): one
    /// without a token is answered with `ThrottlingException`, and nothing happens. The buckets
    /// begin full.
    pub fn limit_request_rates(&mut self) {
        let rates = &mut self.request_rates;
        rates.limited = true;
        let buckets = [
            &mut rates.read,
            &mut rates.modify,
            &mut rates.service_read,
            &mut rates.task_definition_read,
            &mut rates.task_protection,
        ];
        for bucket in buckets {
            bucket.level = bucket.burst;
            bucket.as_of_milliseconds = self.now.timestamp_millis();
        }
    }

    /// From now on other users of the account, consoles and pipelines, read cluster resources so
    /// often. As many as ECS allows, 20 a second, leave nothing but what is in the bucket.
    pub fn other_readers(&mut self, reads_per_second: u32) {
        let bucket = &mut self.request_rates.read;
        bucket.fill(self.now);
        bucket.others_per_second = i64::from(reads_per_second);
    }

    /// Takes a call's token from its bucket. An operation without a bucket needs none.
    pub fn take_token(&mut self, operation: Operation) -> Result<(), ApiError> {
        let now = self.now;
        let rates = &mut self.request_rates;
        if !rates.limited || rates.bucket_of(operation).is_none_or(|bucket| bucket.take(now)) {
            return Ok(());
        }
        Err(ApiError::client("ThrottlingException", "Rate exceeded"))
    }
}
