//! The arm64 packages answer events, under qemu's user-mode emulation: `make arm64`.
//!
//! It needs the packages (`make package`) and two of Debian's packages: `qemu-user` or
//! `qemu-user-static`, and `libc6-arm64-cross`. Where one of them is not there the test says so and
//! passes, unless `FLEETKEEPER_ARM64=required`.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use chrono::{TimeDelta, Utc};
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, SharedWorld, World};
use fleetkeeper_tests::ministack::Ministack;
use fleetkeeper_tests::process::Server;
use fleetkeeper_tests::repository::{in_repository, sample_event, tool};
use serde_json::Value;
use tempfile::TempDir;

/// Starting under emulation takes some seconds on a busy computer.
const ANSWER: Duration = Duration::from_secs(60);

/// The emulator that runs an arm64 program here, and the folder of its C library.
fn emulator() -> Result<(PathBuf, PathBuf), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["qemu-aarch64", "qemu-aarch64-static"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let qemu = found.into_iter().find(|program| program.is_file());
    let qemu = qemu.ok_or("there is no qemu-aarch64: install qemu-user")?;
    let library = std::env::var_os("QEMU_LD_PREFIX").unwrap_or_else(|| "/usr/aarch64-linux-gnu".into());
    let library = PathBuf::from(library);
    if library.join("lib/ld-linux-aarch64.so.1").is_file() {
        Ok((qemu, library))
    } else {
        Err(format!("{} has no C library for arm64: install libc6-arm64-cross", library.display()))
    }
}

fn package(function: &str) -> Result<PathBuf, String> {
    let path = in_repository("target/built/arm64").join(function).join("bootstrap.zip");
    if path.is_file() { Ok(path) } else { Err(format!("there is no {}: run make arm64", path.display())) }
}

/// Lambda's runtime API for one invocation: it hands out the event once, and sends on what the
/// function says.
fn runtime_api(event: &Value, says: &Sender<(bool, String)>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let deadline = (Utc::now() + TimeDelta::seconds(120)).timestamp_millis().to_string();
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", "1".parse().unwrap());
    headers.insert("lambda-runtime-deadline-ms", deadline.parse().unwrap());
    headers.insert("lambda-runtime-invoked-function-arn", "arn:aws:lambda:f".parse().unwrap());
    let (event, mut handed) = (event.to_string(), false);
    let handed = std::sync::Arc::new(std::sync::Mutex::new(move || !std::mem::replace(&mut handed, true)));
    let next = move || {
        let (first, event, headers) = (handed.lock().unwrap()(), event.clone(), headers.clone());
        async move {
            if !first {
                std::future::pending::<()>().await;
            }
            (headers, event)
        }
    };
    let hears = |good: bool| {
        let says = says.clone();
        post(move |body: String| async move { drop(says.send((good, body))) })
    };
    let routes = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", hears(true))
        .route("/2018-06-01/runtime/invocation/{id}/error", hears(false))
        .route("/2018-06-01/runtime/init/error", hears(false));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await
        })
    });
    address
}

/// The answer of an arm64 package to an event.
fn answer(function: &str, event: &Value, stage: &Stage) -> Value {
    let folder = TempDir::new().unwrap();
    let unzip = Command::new(tool("python").unwrap())
        .args(["-m", "zipfile", "-e"])
        .args([package(function).unwrap().as_path(), folder.path()])
        .status();
    assert!(unzip.unwrap().success());
    let bootstrap = folder.path().join("bootstrap");
    // Python drops the mode of what it unpacks.
    std::fs::set_permissions(&bootstrap, PermissionsExt::from_mode(0o755)).unwrap();

    let (says, said) = channel();
    let mut program = Command::new(&stage.qemu);
    program
        .arg("-L")
        .arg(&stage.library)
        .arg(bootstrap)
        .envs(stage.aws.environment())
        .env("AWS_ENDPOINT_URL_ECS", stage.face.url())
        .env("AWS_ENDPOINT_URL_AUTO_SCALING", stage.face.url())
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api(event, &says))
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("ECS_CLUSTER", "demo")
        .env("CONTAINER_MAX_CPU", "250")
        .env("CONTAINER_MAX_MEMORY", "400");
    let server = Server::start(function, program, || true).unwrap();
    let (good, body) = said.recv_timeout(ANSWER).unwrap_or_else(|_| panic!("{}", server.output()));
    assert!(good, "{function} failed: {body}\n{}", server.output());
    serde_json::from_str(&body).unwrap()
}

/// The packages' environment.
struct Stage {
    qemu: PathBuf,
    library: PathBuf,
    face: Face,
    aws: Ministack,
}

impl Stage {
    fn set() -> Result<Self, String> {
        let (qemu, library) = emulator()?;
        for function in ["lifecycle-drainer", "capacity-calculator"] {
            package(function)?;
        }
        let mut world = World::new(Utc::now());
        world.add_cluster("demo");
        let hosts = AutoScalingGroup::new("demo-asg", InstanceType::new("c5.large", 2048, 3767));
        world.add_group(hosts.in_cluster("demo"));
        world.launch_now("demo-asg").unwrap();
        let face = Face::start(SharedWorld::in_real_time(world)).unwrap();
        Ok(Self { qemu, library, face, aws: Ministack::start().unwrap() })
    }
}

#[test]
fn the_arm64_packages_answer_events() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => {
            let required = std::env::var("FLEETKEEPER_ARM64").is_ok_and(|it| it == "required");
            assert!(!required, "{why}");
            // Past the harness, which shows nothing of a test that passes.
            let _ = writeln!(std::io::stderr(), "the arm64 packages are not run: {why}");
            return;
        }
    };
    let event = |name| sample_event(name).unwrap();
    // The notice is older than any hook lasts: it takes calls to find that out.
    let drained = answer("lifecycle-drainer", &event("sns-lifecycle-terminating.json"), &stage);
    assert_eq!(drained["records"][0]["outcome"], "action-gone", "{drained}");
    let figures = answer("capacity-calculator", &event("scheduled-event.json"), &stage);
    assert_eq!(figures["containerCapacity"], 8, "{figures}");
}
