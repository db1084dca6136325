//! An execution environment of Lambda: a function's process, and the runtime API that it asks for
//! events.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use fleetkeeper_tests::Error;
use fleetkeeper_tests::http::REGION;
use fleetkeeper_tests::process::Server;
use serde_json::Value;

use crate::aws::Aws;
use crate::package::{Function, Packages, Subject};
use crate::runtime_api::RuntimeApi;

#[derive(Debug)]
pub(crate) struct Environment {
    lambda: RuntimeApi,
    process: Server,
    /// From the process's start to its first request for an event.
    pub(crate) started_in: Duration,
}

impl Environment {
    /// Starts a process, and waits until it asks for an event.
    pub(crate) fn start(
        packages: &Packages,
        (subject, function): (Subject, Function),
        aws: &Aws,
        variables: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let lambda = RuntimeApi::start(function)?;
        let mut command = packages.command(subject, function)?;
        command
            .env("AWS_LAMBDA_RUNTIME_API", lambda.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", function.name())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_size().to_string())
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "none")
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env("AWS_SESSION_TOKEN", "none")
            .envs(aws.environment())
            .envs(variables.iter().copied());
        let asked: Cell<Option<Instant>> = Cell::new(None);
        let process = Server::start(function.name(), command, || {
            asked.set(asked.get().or_else(|| lambda.asked()));
            asked.get().is_some()
        })?;
        let asked = asked.get().ok_or("it asks for no event")?;
        let started_in = asked - process.started();
        Ok(Self { lambda, process, started_in })
    }

    /// Hands out an event. Returns how long the answer took, and the answer.
    pub(crate) fn invoke(&self, event: &Value) -> Result<(Duration, Value), Error> {
        self.lambda.invoke(event).map_err(|error| format!("{error}\n{}", self.process.output()).into())
    }

    /// The most memory that it has had so far, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64, Error> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("/proc has no VmHWM")?.parse()?)
    }
}
