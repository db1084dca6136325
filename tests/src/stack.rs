//! The template deployed into the emulator, wired to a simulated ECS and Auto Scaling.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::outbox::Emission;
use fleetkeeper_sim::world::sns::Origin;
use fleetkeeper_sim::{SharedWorld, World};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::ministack::Ministack;
use crate::repository::{in_repository, package, tool};
use crate::requests::{Relay, Requests};

/// Settings of a deployment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The stack's name, and the metrics' namespace: alarms here know metrics by namespace and name
    /// alone.
    pub name: &'static str,
    /// Other parameters of the template.
    pub parameters: Vec<(&'static str, String)>,
    /// Variables of both functions that the template leaves at their defaults.
    pub variables: Vec<(&'static str, String)>,
    /// The drainer's timeout in seconds, if it differs from the template's.
    pub drainer_timeout_seconds: Option<u32>,
}

/// A deployed stack, and the couriers that deliver to it what ECS and Auto Scaling send out.
#[derive(Debug)]
pub struct Stack {
    /// The emulator.
    pub emulator: Arc<Ministack>,
    /// ECS and Auto Scaling.
    pub face: Face,
    /// The requests of both functions to AWS.
    pub requests: Requests,
    /// In front of the face, and of the emulator.
    _relays: [Relay; 2],
    outputs: Value,
    courier: Option<Courier>,
}

#[derive(Debug)]
struct Courier {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Stack {
    /// Starts an emulator and a face on `world`, and deploys the template with the real packages.
    /// From here on the world's time is the wall clock's.
    pub fn deploy(world: World, settings: &Settings) -> Result<Self, Error> {
        let emulator = Arc::new(Ministack::start()?);
        let face = Face::start(SharedWorld::in_real_time(world))?;
        let requests = Requests::default();
        let relays = [requests.relay(&face.url())?, requests.relay(emulator.url())?];
        let outputs = deploy(&emulator, &relays, settings)?;
        let mut stack = Self { emulator, face, requests, _relays: relays, outputs, courier: None };
        stack.courier = Some(stack.courier()?);
        Ok(stack)
    }

    /// An output of the stack, or a resource's physical id by its logical id.
    pub fn output(&self, name: &str) -> Result<&str, Error> {
        self.outputs
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the stack has no output {name}").into())
    }

    /// Looks at the world, or acts on it.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.face.world().with(act)
    }

    /// Delivers what the world sends out, as soon as it does: notices to the topic, events to the
    /// calculator. (No emulator takes events from `aws.ecs`, as EventBridge does not either.)
    fn courier(&self) -> Result<Courier, Error> {
        let (emulator, world) = (Arc::clone(&self.emulator), self.face.world().clone());
        let (topic, calculator) =
            (self.output("LifecycleTopicArn")?.to_owned(), self.output("CapacityCalculatorName")?.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut scheduled = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                for emission in world.with(World::take_outbox) {
                    // The test or the demo misses a message that is not delivered, and fails.
                    let _ = deliver(&emulator, &topic, &calculator, &emission);
                }
                // The schedule, a little sooner than each minute: it reads what comes within 15 s
                // of a snapshot.
                if scheduled.elapsed() > SCHEDULE {
                    scheduled = Instant::now();
                    let _ = emulator.invoke_later(&calculator, &json!({"detail-type": "Scheduled Event"}));
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Ok(Courier { stop, thread })
    }
}

/// From one scheduled snapshot to the next.
const SCHEDULE: Duration = Duration::from_secs(20);

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(courier) = self.courier.take() {
            courier.stop.store(true, Ordering::Relaxed);
            let _ = courier.thread.join();
        }
    }
}

fn deliver(emulator: &Ministack, topic: &str, calculator: &str, emission: &Emission) -> Result<(), Error> {
    match (emission.sns_message(), emission.event().filter(wakes_the_calculator)) {
        // A function's own publish goes to the emulator's topic directly.
        (Some(message), _) if message.origin != Origin::Publish => {
            emulator.publish(topic, message.subject.as_deref(), &message.message)
        }
        (_, Some(event)) => emulator.invoke_later(calculator, &event),
        _ => Ok(()),
    }
}

/// Returns whether one of the template's rules takes an event: a state change of a container
/// instance or of a deployment, or a placement failure.
fn wakes_the_calculator(event: &Value) -> bool {
    match event.get("detail-type").and_then(Value::as_str) {
        Some("ECS Container Instance State Change" | "ECS Deployment State Change") => true,
        Some("ECS Service Action") => {
            event.pointer("/detail/eventName").is_some_and(|name| name == "SERVICE_TASK_PLACEMENT_FAILURE")
        }
        _ => false,
    }
}

fn deploy(emulator: &Ministack, relays: &[Relay; 2], settings: &Settings) -> Result<Value, Error> {
    let mut parameters = strings(&settings.parameters);
    parameters.insert("MetricNamespace".to_owned(), json!(settings.name));
    let mut variables = strings(&emulator.environment());
    variables.append(&mut strings(&settings.variables));
    for (services, relay) in [["ECS", "AUTO_SCALING"], ["SNS", "CLOUDWATCH"]].into_iter().zip(relays) {
        for service in services {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), json!(relay.url()));
        }
    }

    let mut command = Command::new(tool("python")?);
    command
        .arg(in_repository("infra/emulator_deploy.py"))
        .args(["--endpoint", emulator.url(), "--stack", settings.name, "--no-schedules"])
        .args([std::ffi::OsStr::new("--drainer"), package("lifecycle-drainer")?.as_os_str()])
        .args([std::ffi::OsStr::new("--calculator"), package("capacity-calculator")?.as_os_str()])
        .args(["--parameters", &Value::Object(parameters).to_string()])
        .args(["--environment", &Value::Object(variables).to_string()]);
    if let Some(seconds) = settings.drainer_timeout_seconds {
        command.args(["--drainer-timeout", &seconds.to_string()]);
    }
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("the stack is not deployed: {said}{}", emulator.output()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn strings(pairs: &[(&'static str, String)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}
