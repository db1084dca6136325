//! What is on the screen: progress, each act's timeline, checks, the end.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::World;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_tests::Error;
use fleetkeeper_tests::process::wait_for_meanwhile;
use fleetkeeper_tests::stack::{Settings, Stack};

use crate::cluster::{self, ARM_GROUP, CLUSTER, GROUP};
use crate::timeline::{self, Line, Who};

/// The metrics' namespace.
pub(crate) const NAMESPACE: &str = "fleetkeeper-demo";

/// The running demo.
pub(crate) struct Show {
    pub(crate) stack: Stack,
    began: DateTime<Utc>,
    shown_until: DateTime<Utc>,
    /// Lines of neither the world's history nor a log.
    notes: Vec<Line>,
    checks: Vec<Check>,
    /// Calls of AWS in worlds that were replaced.
    calls: BTreeMap<Operation, u32>,
    on_terminal: bool,
}

struct Check {
    what: String,
    holds: bool,
}

/// Deploys the template and a new world, with these parameters beside those that all acts share.
fn deploy(parameters: &[(&'static str, &str)]) -> Result<Stack, Error> {
    let of = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
    let shared = [("ClusterName", CLUSTER), ("AutoScalingGroupName", GROUP)];
    let variables = [("POLL_INTERVAL_SECONDS", "1"), ("DEADLINE_MARGIN_SECONDS", "3")];
    let settings = Settings {
        name: NAMESPACE,
        parameters: shared.iter().chain(parameters).map(of).collect(),
        variables: variables.iter().map(of).collect(),
        // In place of 900: a drain outlasts it and continues in the next invocation.
        drainer_timeout_seconds: Some(12),
    };
    Stack::deploy(cluster::world()?, &settings)
}

impl Show {
    pub(crate) fn open() -> Result<Self, Error> {
        println!(
            "\nFleetkeeper: two Lambda functions and an ECS cluster that is safe to shrink and never short."
        );
        println!(
            "An emulator plays Lambda, SNS and CloudWatch; a simulated world plays ECS and Auto Scaling.\n"
        );
        println!("· starting the emulator and deploying infra/template.yaml with both functions' packages …");
        let started = Instant::now();
        let stack = deploy(&[
            ("FurtherAutoScalingGroupNames", ARM_GROUP),
            ("ScaleOutSeconds", "60"),
            ("ScaleInMinutes", "1"),
        ])?;
        println!(
            "· ready after {:.1} s: 2 hosts with room for 2 containers each, service web with 3 tasks.",
            started.elapsed().as_secs_f32()
        );
        let now = Utc::now();
        Ok(Self {
            stack,
            began: now,
            shown_until: now,
            notes: Vec::new(),
            checks: Vec::new(),
            calls: BTreeMap::new(),
            on_terminal: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        })
    }

    /// Replaces the stack and its world by new ones, in which the calculator scales the group.
    pub(crate) fn deploy_anew(&mut self) -> Result<(), Error> {
        self.count_calls();
        self.stack = deploy(&[("Scaling", "Direct")])?;
        self.shown_until = Utc::now();
        Ok(())
    }

    fn count_calls(&mut self) {
        for (operation, count) in self.stack.world(|world| world.history().api_calls()) {
            *self.calls.entry(operation).or_default() += count;
        }
    }

    pub(crate) fn act(&self, title: &str, about: &str) {
        println!("\n{}", self.bold(title));
        println!("{about}\n");
    }

    /// Waits for the next event, and shows that meanwhile.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        seconds: u64,
        mut has_happened: impl FnMut(&Stack) -> bool,
    ) -> Result<(), Error> {
        self.wait_and(what, seconds, &mut has_happened, &mut |_| {})
    }

    /// The same, with something to do all the while.
    pub(crate) fn wait_and(
        &self,
        what: &str,
        seconds: u64,
        has_happened: &mut dyn FnMut(&Stack) -> bool,
        meanwhile: &mut dyn FnMut(&Stack),
    ) -> Result<(), Error> {
        let started = Instant::now();
        let poll = || has_happened(&self.stack).then_some(());
        let waited = wait_for_meanwhile(what, seconds, poll, || {
            meanwhile(&self.stack);
            if self.on_terminal {
                print!("\r\x1b[2K  … waiting for {what}, {} s", started.elapsed().as_secs());
                let _ = std::io::stdout().flush();
            }
        });
        if self.on_terminal {
            print!("\r\x1b[2K");
        }
        waited
    }

    /// Puts a line into the timeline, as of now.
    pub(crate) fn note(&mut self, who: Who, text: &str) {
        self.notes.push(Line { at: Utc::now(), who, text: text.to_owned() });
    }

    /// The timeline of what happened since it was last shown.
    pub(crate) fn timeline(&mut self) -> Result<(), Error> {
        let now = Utc::now();
        let mut lines = timeline::since(&self.stack, self.shown_until)?;
        lines.append(&mut self.notes);
        lines.sort_by_key(|line| line.at);
        for line in lines {
            let seconds = (line.at - self.began).num_milliseconds().max(0);
            let (seconds, tenths) = (seconds / 1000, seconds % 1000 / 100);
            println!(
                "  {:>2}:{:02}.{tenths}  {}  {}",
                seconds / 60,
                seconds % 60,
                self.tag(line.who),
                line.text
            );
        }
        self.shown_until = now;
        Ok(())
    }

    /// Says and keeps whether something holds that must.
    pub(crate) fn check(&mut self, what: impl Into<String>, holds: bool) {
        let what = what.into();
        println!("  {} {what}", self.mark(holds));
        self.checks.push(Check { what, holds });
    }

    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.stack.world(act)
    }

    /// The end: whether all that was checked holds.
    pub(crate) fn close(mut self) -> bool {
        let held = self.checks.iter().filter(|check| check.holds).count();
        println!("\n{}", self.bold("The end"));
        println!(
            "  {held} of {} checks hold, after {} s.",
            self.checks.len(),
            (Utc::now() - self.began).num_seconds()
        );
        for check in self.checks.iter().filter(|check| !check.holds) {
            println!("  {} {}", self.mark(false), check.what);
        }
        self.count_calls();
        let calls: Vec<_> =
            self.calls.iter().map(|(operation, count)| format!("{count} {operation}")).collect();
        println!("  API calls: {}\n", calls.join(", "));
        held == self.checks.len()
    }

    fn bold(&self, text: &str) -> String {
        if self.on_terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn tag(&self, who: Who) -> String {
        let name = format!("{:<12}", who.name());
        if self.on_terminal { format!("\x1b[{}m{name}\x1b[0m", who.colour()) } else { name }
    }

    fn mark(&self, holds: bool) -> &'static str {
        match (holds, self.on_terminal) {
            (true, true) => "\x1b[32m✓\x1b[0m",
            (true, false) => "✓",
            (false, true) => "\x1b[31m✗\x1b[0m",
            (false, false) => "✗",
        }
    }
}
