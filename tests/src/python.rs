//! Checks in Python: AWS's own data comes as Python packages.

use std::process::Command;

use crate::Error;
use crate::repository::{in_repository, tool};

/// Runs a script of `tests/contracts/python` with the pinned tools' Python. The error names each
/// fault that it finds.
pub fn check(script: &str, arguments: &[&str]) -> Result<(), Error> {
    run(script, arguments).map(drop)
}

/// The same, with what the script prints.
pub fn run(script: &str, arguments: &[&str]) -> Result<String, Error> {
    let output = Command::new(tool("python")?)
        .arg(in_repository("tests/contracts/python").join(script))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(found);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{script}:\n{found}{errors}").into())
}
