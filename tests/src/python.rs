//! The checks that need AWS's own data, which comes as Python packages.

use std::process::Command;

use crate::Error;
use crate::repository::{in_repository, tool};

/// Runs a script of `tests/contracts/python` with the pinned tools' Python. The error names each fault that it finds.
pub fn check(script: &str, arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new(tool("python")?)
        .arg(in_repository("tests/contracts/python").join(script))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let (found, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{script}:\n{found}{errors}").into())
}
