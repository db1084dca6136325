//! The scenarios that broke a rule once: `regressions/*.json`.

use std::fs;
use std::path::Path;

use fleetkeeper_campaign::campaign::verdict;
use fleetkeeper_campaign::rules::RULES;
use fleetkeeper_campaign::scenario::Scenario;

#[test]
fn no_scenario_breaks_a_rule_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let text = fs::read_to_string(file).unwrap();
        let scenario: Scenario = serde_json::from_str(&text).unwrap();
        assert_eq!(verdict(&scenario, &RULES), None, "{}", file.display());
    }
}
