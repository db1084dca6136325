//! Contract tests against what AWS publishes: service models, events, and recorded behavior.

#[cfg(test)]
mod event_shapes;
#[cfg(test)]
mod events;
#[cfg(test)]
mod face;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod world;

/// Fails with the faults that a script of `tests/contracts/python` finds, each on a line.
#[cfg(test)]
#[track_caller]
fn assert_holds(script: &str, arguments: &[&str]) {
    if let Err(found) = fleetkeeper_tests::python::check(script, arguments) {
        panic!("{found}");
    }
}
