//! The users' way with cargo-lambda. Under `cargo lambda watch` and `cargo lambda invoke` both
//! functions answer sensibly: the deadline that they get lies in 1970.

use std::process::Command;

use chrono::Utc;
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, SharedWorld, World};
use fleetkeeper_tests::ministack::Ministack;
use fleetkeeper_tests::process::{Server, free_port};
use fleetkeeper_tests::repository::{in_repository, package, tool};
use serde_json::Value;

#[test]
fn both_functions_answer_under_cargo_lambda() {
    let mut world = World::new(Utc::now());
    world.add_cluster("demo");
    world.add_group(
        AutoScalingGroup::new("demo-asg", InstanceType::new("t2.micro", 1024, 993)).in_cluster("demo"),
    );
    world.launch_now("demo-asg").unwrap();
    let face = Face::start(SharedWorld::in_real_time(world)).unwrap();
    let emulator = Ministack::start().unwrap();

    let port = free_port().unwrap();
    let mut watch = Command::new(tool("cargo-lambda").unwrap());
    watch
        .args(["lambda", "watch", "--ignore-changes", "--quiet", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &port.to_string(), "--manifest-path"])
        .arg(in_repository("Cargo.toml"))
        .envs(emulator.environment())
        .env("AWS_ENDPOINT_URL_ECS", face.url())
        .env("AWS_ENDPOINT_URL_AUTO_SCALING", face.url())
        .env("CONTAINER_MAX_CPU", "250")
        .env("CONTAINER_MAX_MEMORY", "400");
    for variable in ["CARGO_HOME", "RUSTUP_HOME", "HOME", "CARGO_TARGET_DIR"] {
        watch.envs(std::env::var_os(variable).map(|value| (variable, value)));
    }
    let server = Server::start("cargo lambda watch", watch, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .unwrap();

    let invoke = |function: &str, sample: &str| -> Value {
        let mut invoke = Command::new(tool("cargo-lambda").unwrap());
        invoke
            .args(["lambda", "invoke", function, "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string(), "--data-file"])
            .arg(in_repository("infra/events").join(sample))
            .current_dir(in_repository("."));
        let output = invoke.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&said).unwrap_or_else(|_| {
            panic!("{said}{}{}", String::from_utf8_lossy(&output.stderr), server.output())
        })
    };

    let drained = invoke("lifecycle-drainer", "sns-lifecycle-terminating.json");
    // The notice is older than any hook lasts.
    assert_eq!(drained["records"][0]["outcome"], "action-gone", "{drained}");
    let ignored = invoke("lifecycle-drainer", "sns-test-notification.json");
    assert_eq!(ignored["records"][0]["ignored"], "a test notification of Auto Scaling", "{ignored}");
    let figures = invoke("capacity-calculator", "ecs-container-instance-state-change.json");
    assert_eq!(
        (&figures["cluster"], &figures["containerCapacity"]),
        (&"demo".into(), &2.into()),
        "{figures}"
    );
    assert!(server.output().contains("deadline is in the past"), "{}", server.output());
}

#[test]
fn cargo_lambda_would_deploy_the_packages() {
    for function in ["lifecycle-drainer", "capacity-calculator"] {
        let mut deploy = Command::new(tool("cargo-lambda").unwrap());
        deploy
            .args(["lambda", "deploy", "--dry", "--binary-name", function, "--lambda-dir"])
            .arg(package(function).unwrap().ancestors().nth(2).unwrap())
            .arg("name-of-the-function")
            .env("AWS_REGION", "us-east-1")
            .current_dir(in_repository("."));
        let output = deploy.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("- bootstrap") && said.contains("provided.al2023"), "{said}");
    }
}
