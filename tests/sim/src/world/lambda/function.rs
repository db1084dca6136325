//! Functions, as they are configured.

/// A function that is invoked asynchronously: by SNS, by EventBridge, on a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaFunction {
    /// Its name.
    pub name: String,
    /// An invocation's time.
    pub timeout_seconds: u32,
    /// How many of it may run at once; without, as many as there are events.
    pub reserved_concurrency: Option<u32>,
    /// How often Lambda retries an event whose invocation failed: 0 to 2.
    pub maximum_retry_attempts: u32,
    /// How old an event may get.
    pub maximum_event_age_seconds: u32,
    /// The treatment of a chain of invocations by way of its own messages.
    pub recursive_loop: RecursiveLoop,
}

/// Lambda's recursive loop detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecursiveLoop {
    /// Nothing.
    Allow,
    /// It is cut after about 16 invocations: Lambda's default.
    Terminate,
}

impl LambdaFunction {
    /// A function with Lambda's defaults for asynchronous invocations, and a timeout of its own.
    #[must_use]
    pub fn new(name: &str, timeout_seconds: u32) -> Self {
        Self {
            name: name.to_owned(),
            timeout_seconds,
            reserved_concurrency: None,
            maximum_retry_attempts: 2,
            maximum_event_age_seconds: 21_600,
            recursive_loop: RecursiveLoop::Terminate,
        }
    }

    /// With `RecursiveLoop: Allow`.
    #[must_use]
    pub fn allowing_recursion(mut self) -> Self {
        self.recursive_loop = RecursiveLoop::Allow;
        self
    }

    /// With reserved concurrency.
    #[must_use]
    pub fn at_most(mut self, at_once: u32) -> Self {
        self.reserved_concurrency = Some(at_once);
        self
    }

    /// With a number of retries of its own.
    #[must_use]
    pub fn retries(mut self, attempts: u32) -> Self {
        self.maximum_retry_attempts = attempts.min(2);
        self
    }
}
