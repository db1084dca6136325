//! The prose check finds what it bans, and passes what is plain.

use std::fs;
use std::process::{Command, Output};

use fleetkeeper_tests::repository::{in_repository, tool};

fn check(name: &str, text: &str) -> Output {
    let folder = in_repository("target/tmp/prose");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    Command::new(tool("python").unwrap()).arg(in_repository("infra/prose.py")).arg(file).output().unwrap()
}

fn assert_found(name: &str, text: &str, line: u32, message: &str) {
    let found = check(name, text);
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(!found.status.success(), "{text:?} passes");
    let hit = said.lines().any(|it| it.contains(&format!("{name}:{line}: ")) && it.contains(message));
    assert!(hit, "{text:?} has no {message:?} in line {line}: {said}");
}

const LONG: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen\nfifteen \
                    sixteen seventeen eighteen nineteen twenty one two three four five six.\n";

#[test]
fn it_names_the_file_the_line_and_the_better_word() {
    for (name, text, line, message) in [
        ("words.md", "# Page\n\nThe host is to go.\n", 3, "\"is to go\": say must, can, may or will"),
        ("words.md", "The drainer tells why.\n", 1, "\"tells\": say report, log, publish, say"),
        ("words.md", "- The task finds no place.\n", 1, "say be placed"),
        ("words.md", "A host that no task needs goes after five minutes.\n", 1, "say terminate"),
        ("words.md", "No host may go.\n", 1, "say terminate"),
        ("words.md", "It gives every task a place.\n", 1, "say be placed"),
        ("words.md", "No older look is believed.\n", 1, "say poll, snapshot"),
        ("words.md", "The drainer takes it for another one.\n", 1, "say assume"),
        ("words.md", "| a | it has to stop |\n", 1, "\"has to\": say must"),
        ("clause.md", "Fine.\nWhat fails is retried.\n", 2, "a clause as the subject"),
        ("long.md", LONG, 1, "a sentence of 26 words, at most 25"),
        ("wide.md", &format!("Fine.\n{}\n", "word ".repeat(21)), 2, "longer than 100 columns"),
        ("template.yaml", "Resources:\n  # The hook lets it go.\n", 2, "say complete the hook"),
        ("template.yaml", "A:\n  Description: >-\n    A text\n    that is to be read.\n", 3, "say must"),
        (
            "main.tf",
            "variable \"a\" {\n  description = \"The look at a host has to end.\"\n}\n",
            2,
            "say must",
        ),
        ("tool.py", "\"\"\"Mend the zips.\"\"\"\n", 1, "say fix"),
        ("names.rs", "#[test]\nfn a_host_has_to_go() {}\n", 2, "say must"),
        ("code.rs", "fn a() {}\n\n/// What is read.\nfn b() {}\n", 3, "a clause as the subject"),
    ] {
        assert_found(name, text, line, message);
    }
}

#[test]
fn it_passes_plain_prose_code_and_questions() {
    for (name, text) in [
        ("plain.md", "# What does it do?\n\nThe drainer completes the hook. It is `to be read`.\n"),
        (
            "plain.md",
            "```sh\nmake it tell whether this line of a command is longer than a hundred columns, if it has to be\n```\n",
        ),
        (
            "plain.rs",
            "/// The host of a task.\n///\n/// ```\n/// let it = has.to(go);\n/// ```\nlet it = \"by itself\";\n",
        ),
        (
            "plain.yaml",
            "A:\n  # The state machine of the drainer.\n  Description: The drainer's timeout in seconds.\n",
        ),
    ] {
        let found = check(name, text);
        assert!(found.status.success(), "{text:?}: {}", String::from_utf8_lossy(&found.stderr));
    }
}
