//! What is measured: the packages that would be deployed, and what a user would otherwise run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::repository::{in_repository, package, tool};
use tempfile::TempDir;

/// One of the two functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    LifecycleDrainer,
    CapacityCalculator,
}

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Fleetkeeper,
    /// The handlers in `tests/bench/python`, under Lambda's own runtime client for Python.
    Python,
}

/// Fleetkeeper's packages, unpacked.
#[derive(Debug)]
pub(crate) struct Packages {
    folder: TempDir,
}

impl Function {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LifecycleDrainer => "lifecycle-drainer",
            Self::CapacityCalculator => "capacity-calculator",
        }
    }

    /// The template's memory size for it, in MiB.
    pub(crate) const fn memory_size(self) -> u64 {
        match self {
            Self::LifecycleDrainer => 128,
            Self::CapacityCalculator => 256,
        }
    }

    /// How long an invocation of it may take: the template's.
    pub(crate) const fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::LifecycleDrainer => 900,
            Self::CapacityCalculator => 60,
        })
    }
}

impl Packages {
    /// Their names.
    pub(crate) const NAMES: [&str; 2] =
        [Function::LifecycleDrainer.name(), Function::CapacityCalculator.name()];

    pub(crate) fn unpack() -> Result<Self, Error> {
        let packages = Self { folder: TempDir::new()? };
        for name in Self::NAMES {
            let to = packages.folder.path().join(name);
            let mut unzip = Command::new(tool("python")?);
            unzip.args(["-m", "zipfile", "--extract"]).arg(package(name)?).arg(&to);
            let output = unzip.output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("the package cannot be unpacked: {said}").into());
            }
            // Python leaves out who may run it.
            fs::set_permissions(to.join("bootstrap"), fs::Permissions::from_mode(0o755))?;
        }
        Ok(packages)
    }

    /// The command that Lambda would start.
    pub(crate) fn command(&self, subject: Subject, function: Function) -> Result<Command, Error> {
        Ok(match subject {
            Subject::Fleetkeeper => Command::new(self.folder.path().join(function.name()).join("bootstrap")),
            Subject::Python => {
                let mut python = Command::new(tool("python")?);
                let module = function.name().replace('-', "_");
                python
                    .args(["-m", "awslambdaric", &format!("{module}.handler")])
                    .env("PYTHONPATH", in_repository("tests/bench/python"));
                python
            }
        })
    }
}
