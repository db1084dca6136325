//! The options of `make sim`.

use std::process::{Command, Output};

fn sim(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).args(words).output().unwrap()
}

#[test]
fn bad_input_is_one_line_and_exit_code_2() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (words, named) in [
        (&["--fast"][..], "--fast"),
        (&["12"], "12"),
        (&["--seeds"], "--seeds"),
        (&["--seeds", "0"], "--seeds=\"0\""),
        (&["--seeds", "many"], "--seeds=\"many\""),
        (&["--jobs=-1"], "--jobs=\"-1\""),
        (&["--from", "1.5"], "--from=\"1.5\""),
        (&["--seed", "1", "--seeds", "2"], "--seeds"),
        (&["--seed", "1", "--replay", "x"], "--replay"),
        (&["--replay", "no/such/file.json"], "no/such/file.json"),
        (&["--replay", file], "Cargo.toml"),
    ] {
        let output = sim(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("sim: ") && said.contains(named), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_seed_is_shown_with_its_scenario_its_timeline_and_the_verdict() {
    let output = sim(&["--seed", "1"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said.starts_with("{\n  \"seed\": 1,"));
    assert!(said.contains("  hook fleetkeeper: i-"));
    assert_eq!(said.lines().last(), Some("every rule held"));
}
