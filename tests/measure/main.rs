//! `make measure`: what drains take, in the simulated world: calls on AWS, and how long after its
//! last task has stopped an instance's hook is completed.

#![allow(clippy::print_stdout, reason = "a program that talks to a person")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the world is set up here: what is asked for is there"
)]

mod scene;

use std::process::ExitCode;

use fleetkeeper_sim::{Service, TaskDefinition};

use scene::{Figures, Scene, web};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> ExitCode {
    println!("| drain | seconds | calls | polls | calls beside polls | completed after the last stop |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, scene) in [
        ("empty instance", Scene::of_hosts(1)),
        (
            "service, 30 s of deregistration, 10 s to stop",
            Scene::with_service(2, Service::new("web", 4, web())),
        ),
        (
            "service, no load balancer, 3 s to stop",
            Scene::with_service(2, Service::new("web", 4, web().deregistration_delay(0).stopping(3))),
        ),
        (
            "batch task that ends after 100 s",
            Scene::with_batch(&TaskDefinition::new("batch", 256, 256).running_for(160)),
        ),
    ] {
        let figures = scene.drain(1, false).await;
        println!("| {name} | {} |", figures.of_one());
    }

    println!("\n| drain of 50 min | calls |\n| --- | --- |");
    let long = TaskDefinition::new("batch", 256, 256).running_for(3060);
    let alone = Scene::with_batch(&long).drain(1, false).await;
    let swept = Scene::with_batch(&long).drain(1, true).await;
    println!("| alone | {} |", alone.calls);
    println!("| with a sweep each minute | {} (+{:.1} %) |", swept.calls, percent_more(&swept, &alone));

    println!(
        "\n| instances at once | seconds | calls | calls a drain | most ECS reads a second over a minute | late at most |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for count in [1, 2, 3, 4, 10, 100, 500] {
        let tasks = u32::try_from(4 * count).unwrap_or(u32::MAX);
        let figures =
            Scene::with_service(2 * count, Service::new("web", tasks, web())).drain(count, false).await;
        println!("| {count} | {} |", figures.of_many(count));
    }
    ExitCode::SUCCESS
}

fn percent_more(figures: &Figures, than: &Figures) -> f64 {
    f64::from(figures.calls) / f64::from(than.calls) * 100.0 - 100.0
}
