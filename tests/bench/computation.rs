//! The figures of the first half of `make bench`: how long the computation takes on its own.

use std::fs;

use fleetkeeper_tests::Error;
use fleetkeeper_tests::performance::Computation;
use fleetkeeper_tests::performance::spread::Spread;
use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

/// Where criterion leaves what it measured, a folder for each computation and each number of hosts.
const CRITERION: &str = "target/criterion";

/// The computations, as crates/core/benches/capacity names them.
const NAMES: [&str; 2] = ["discover", "figures"];

/// All that was measured, by the number of hosts.
pub(crate) fn read() -> Result<Vec<Computation>, Error> {
    let mut all = Vec::new();
    for name in NAMES {
        let folder = in_repository(CRITERION).join(name);
        let sizes = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for size in sizes {
            let size = size?.path();
            let hosts = size.file_name().and_then(|it| it.to_str()).and_then(|it| it.parse().ok());
            // Beside them lies criterion's own report.
            let Some(hosts) = hosts else { continue };
            let estimates: Value = serde_json::from_slice(&fs::read(size.join("new/estimates.json"))?)?;
            let microseconds =
                |pointer| estimates.pointer(pointer).and_then(Value::as_f64).map(|ns| ns / 1e3);
            let median = microseconds("/median/point_estimate");
            let min = microseconds("/median/confidence_interval/lower_bound");
            let max = microseconds("/median/confidence_interval/upper_bound");
            let (Some(median), Some(min), Some(max)) = (median, min, max) else {
                return Err(format!("{} has no median", size.display()).into());
            };
            all.push(Computation { name: name.to_owned(), hosts, took: Spread { median, min, max } });
        }
    }
    all.sort_by(|one, other| (&one.name, one.hosts).cmp(&(&other.name, other.hosts)));
    Ok(all)
}
