//! The package as a process: its start, its memory, its CPU time.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use fleetkeeper_tests::Error;
use fleetkeeper_tests::http::REGION;
use fleetkeeper_tests::process::Server;
use fleetkeeper_tests::repository::{package, tool};
use tempfile::TempDir;

use crate::cloud_watch::CloudWatch;
use crate::cluster;
use crate::runtime_api::RuntimeApi;

/// What the template gives it, in MiB.
pub(crate) const MEMORY_SIZE: u64 = 256;

/// A function's package, unpacked.
#[derive(Debug)]
pub(crate) struct Package {
    folder: TempDir,
}

impl Package {
    pub(crate) fn unpack(function: &str) -> Result<Self, Error> {
        let folder = TempDir::new()?;
        let mut unzip = Command::new(tool("python")?);
        unzip.args(["-m", "zipfile", "--extract"]).arg(package(function)?).arg(folder.path());
        let output = unzip.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("the package cannot be unpacked: {said}").into());
        }
        let unpacked = Self { folder };
        // Python leaves out who may run it.
        fs::set_permissions(unpacked.bootstrap(), fs::Permissions::from_mode(0o755))?;
        Ok(unpacked)
    }

    fn bootstrap(&self) -> PathBuf {
        self.folder.path().join("bootstrap")
    }
}

/// The running process.
#[derive(Debug)]
pub(crate) struct Function {
    process: Server,
    /// From its start to its first request for an event.
    pub(crate) started_in: Duration,
}

impl Function {
    pub(crate) fn start(
        package: &Package,
        lambda: &RuntimeApi,
        ecs_url: &str,
        cloud_watch: &CloudWatch,
    ) -> Result<Self, Error> {
        let mut command = Command::new(package.bootstrap());
        command
            .env("AWS_LAMBDA_RUNTIME_API", lambda.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "capacity-calculator")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_SIZE.to_string())
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "none")
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env("AWS_ENDPOINT_URL_ECS", ecs_url)
            .env("AWS_ENDPOINT_URL_CLOUDWATCH", cloud_watch.url())
            .env("ECS_CLUSTER", cluster::NAME);
        let (began, asked) = (Instant::now(), Cell::new(None));
        let process = Server::start("capacity-calculator", command, || {
            asked.set(asked.get().or_else(|| lambda.asked()));
            asked.get().is_some()
        })?;
        let asked = asked.get().ok_or("it asks for no event")?;
        Ok(Self { process, started_in: asked - began })
    }

    /// The most memory that it has had so far, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64, Error> {
        let status = self.proc("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("/proc tells of no VmHWM")?.parse()?)
    }

    /// How long it has been on a CPU so far. It has one thread.
    pub(crate) fn on_cpu(&self) -> Result<Duration, Error> {
        let schedstat = self.proc("schedstat")?;
        let nanoseconds = schedstat.split_whitespace().next().ok_or("/proc tells of no CPU time")?;
        Ok(Duration::from_nanos(nanoseconds.parse()?))
    }

    /// What it has printed.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    fn proc(&self, file: &str) -> Result<String, Error> {
        let path = format!("/proc/{}/{file}", self.process.id());
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}").into())
    }
}
