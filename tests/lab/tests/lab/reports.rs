//! The command, and what it writes.

use std::fs;
use std::process::{Command, Output};

fn lab(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(words).output().unwrap()
}

#[test]
fn a_small_run_writes_the_page_the_document_and_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("services_x.csv"), folder.path().join("out"));
    let rows = "0,web,4,512,1024\n600,web,16,512,1024\n1800,web,4,512,1024\n";
    fs::write(&file, format!("time_s,service,desired,cpu_units,memory_mib\n{rows}")).unwrap();
    let words = ["--traces", file.to_str().unwrap(), "--seeds", "1", "--out", out.to_str().unwrap()];
    let output = lab(&words);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    for name in ["services_x", "book", "capacity provider 100", "capacity provider 90", "Fleetkeeper one"] {
        assert!(table.contains(name), "{table}");
    }
    let page = fs::read_to_string(out.join("lab.html")).unwrap();
    assert_eq!(page.matches("<svg role=\"img\"").count(), 3);
    // Each policy's line over time, twice.
    assert!(page.matches("<polyline").count() >= 10, "{}", page.matches("<polyline").count());
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page requests something: {outside}");
    }
    let document = fs::read_to_string(out.join("lab.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let policies = document["traces"][0]["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 8);
    assert!(policies.iter().all(|policy| policy["cost"][0].as_f64().unwrap() > 0.2), "{document}");
    assert!(fs::read_to_string(out.join("services_x.svg")).unwrap().contains("Hosts over time: services_x"));
}

#[test]
fn bad_input_and_bad_words_get_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks_x.csv");
    fs::write(&file, "arrival_s,duration_s,cpu_units,memory_mib,gpus\n0,x,1,1,0\n").unwrap();
    for (words, said) in [
        (vec!["--traces", file.to_str().unwrap()], "line 2: \"x\" is not accepted as duration_s"),
        (vec!["--traces", "/nowhere"], "/nowhere: cannot read it"),
        (vec!["--placement", "pile"], "spread, binpack or random"),
        (vec!["--seeds", "0"], "a whole number from 1 to 100"),
        (vec!["--only", "nothing"], "no trace has such a name"),
        (vec!["--colour"], "lab --help shows what is accepted"),
    ] {
        let output = lab(&words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(said), "{words:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
}
