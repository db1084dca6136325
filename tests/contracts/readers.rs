//! Arbitrary input to every reader. No reader may panic, and each error must be one line.
//!
//! `make fuzz` runs the same for longer: `FUZZ_CASES` is the number of inputs to each reader.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::LazyLock;

use capacity_calculator::Trigger;
use fleetkeeper_core::drain::read_message;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::setting::{SettingError, Settings};
use lifecycle_drainer::record::{read_record, records};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use serde_json::{Map, Value, json};

use crate::event_shapes::{Shape, all};

/// Made once: each of thousands of inputs begins with one of them.
static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(all);

/// Inputs to each reader in the tests, which take a second or two.
const CASES: u32 = 400;

fn runner() -> TestRunner {
    let cases = std::env::var("FUZZ_CASES").ok().map(|cases| cases.parse().unwrap());
    let persistence = FileFailurePersistence::Off;
    TestRunner::new(Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: Some(Box::new(persistence)),
        ..Config::default()
    })
}

/// Arbitrary texts, and texts that resemble what a reader accepts.
fn texts() -> impl Strategy<Value = String> {
    let significant = [
        "",
        "\n",
        "\u{0}",
        "{}",
        "[]",
        "null",
        "\"",
        "{\"cluster\": 5}",
        "{\"cluster\": \"a\nb\"}",
        "i-0",
        "i-0a1b2c3d4e5f60718\n",
        "arn:aws:ecs:us-east-1:111122223333:cluster/",
        "arn:aws:ecs:::cluster/a\r\nb",
        "autoscaling:TEST_NOTIFICATION",
        "9999-12-31T23:59:60Z",
        "-262144-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "18446744073709551616",
        "-1",
        "1e999",
        "٣",
    ];
    prop_oneof![
        3 => any::<String>(),
        2 => proptest::sample::select(significant.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,300}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![texts(), Just("detail".to_owned()), Just("Records".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|it| it.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// A change to a member of a known event.
#[derive(Debug, Clone)]
enum Change {
    Removed,
    Replaced(Value),
    /// Its text, cut and lengthened.
    Garbled(Index, String),
    /// As JSON in a text.
    Quoted,
}

fn changes() -> impl Strategy<Value = Vec<(Index, Change)>> {
    let change = prop_oneof![
        Just(Change::Removed),
        values().prop_map(Change::Replaced),
        (any::<Index>(), texts()).prop_map(|(at, text)| Change::Garbled(at, text)),
        Just(Change::Quoted),
    ];
    prop::collection::vec((any::<Index>(), change), 1..4)
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(inner, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn change(value: &mut Value, changes: &[(Index, Change)]) {
    for (which, change) in changes {
        let mut found = Vec::new();
        pointers(value, "", &mut found);
        let at = which.get(&found);
        if let (Change::Removed, Some((parent, name))) = (change, at.rsplit_once('/')) {
            if let Some(Value::Object(members)) = value.pointer_mut(parent) {
                members.remove(&name.replace("~1", "/").replace("~0", "~"));
            }
            continue;
        }
        let Some(target) = value.pointer_mut(at) else { continue };
        *target = match change {
            Change::Removed => Value::Null,
            Change::Replaced(by) => by.clone(),
            Change::Quoted => Value::String(target.to_string()),
            Change::Garbled(cut, more) => {
                let text = target.as_str().map_or_else(|| target.to_string(), str::to_owned);
                let kept = cut.index(text.chars().count() + 1);
                Value::String(text.chars().take(kept).collect::<String>() + more)
            }
        };
    }
}

/// An arbitrary value, or an event of a known shape with changes. The changes affect the whole
/// event or the message in its record.
fn events() -> impl Strategy<Value = Value> {
    let known = (any::<Index>(), changes(), any::<bool>()).prop_map(|(shape, changes, within)| {
        let mut event = shape.get(&SHAPES).event.clone();
        let message = event["Records"][0]["Sns"]["Message"].as_str().map(serde_json::from_str::<Value>);
        match message {
            Some(Ok(mut message)) if within => {
                change(&mut message, &changes);
                event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
            }
            _ => change(&mut event, &changes),
        }
        event
    });
    prop_oneof![1 => values(), 4 => known]
}

/// Asserts that an error is one line of more than ten bytes.
fn says(error: &dyn Display) -> Result<(), TestCaseError> {
    let text = error.to_string();
    prop_assert!(!text.chars().any(char::is_control) && text.len() > 10, "no line: {text:?}");
    Ok(())
}

#[test]
fn the_drainer_reads_any_event_or_says_in_a_line_why_not() {
    let run = |event: Value| -> Result<(), TestCaseError> {
        match records(event) {
            Err(error) => says(&ErrorChain(&error)),
            Ok(records) => records.into_iter().try_for_each(|record| match read_record(record, None) {
                Err(error) => says(&ErrorChain(&error)),
                // The republished text must read as the same message.
                Ok(delivery) => {
                    prop_assert_eq!(read_message(&delivery.text).ok(), Some(delivery.message));
                    Ok(())
                }
            }),
        }
    };
    runner().run(&events(), run).unwrap();
}

#[test]
fn the_drainer_reads_any_message_or_says_in_a_line_why_not() {
    let run = |text: String| read_message(&text).err().map_or(Ok(()), |error| says(&ErrorChain(&error)));
    let message = prop_oneof![texts(), events().prop_map(|event| event.to_string())];
    runner().run(&message, run).unwrap();
}

#[test]
fn the_calculator_reads_any_event_or_says_in_a_line_why_not() {
    let run = |event: Value| Trigger::read(event).err().map_or(Ok(()), |error| says(&error));
    runner().run(&events(), run).unwrap();
}

/// Reads a function's configuration.
type Reader<'a> = &'a dyn Fn(&Settings<'_>) -> Result<(), SettingError>;

/// The variables that a configuration asks for.
fn asked(read: Reader<'_>) -> Vec<String> {
    let names = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        names.borrow_mut().insert(name.to_owned());
        None
    };
    read(&Settings::new(&lookup)).unwrap();
    names.into_inner().into_iter().collect()
}

#[test]
fn any_value_of_a_variable_is_taken_or_refused_in_a_line_that_names_it() {
    let drainer = |settings: &Settings<'_>| lifecycle_drainer::Config::read(settings).map(drop);
    let calculator = |settings: &Settings<'_>| capacity_calculator::Config::read(settings).map(drop);
    let readers: [Reader<'_>; 2] = [&drainer, &calculator];
    for read in readers {
        let names = asked(read);
        assert!(names.len() > 5, "{names:?}");
        let value = prop_oneof![texts(), "[0-9]{0,21}", "[0-9]{1,3}%", "[A-Za-z0-9_./:-]{0,300}"];
        let run = |(which, value): (Index, String)| {
            let variable = which.get(&names);
            let lookup = |name: &str| (name == variable).then(|| value.clone());
            let Err(error) = read(&Settings::new(&lookup)) else { return Ok(()) };
            says(&error)?;
            prop_assert!(error.to_string().contains(variable.as_str()), "{error} does not name {variable}");
            Ok(())
        };
        runner().run(&(any::<Index>(), value), run).unwrap();
    }
}
