//! The next delivery resumes a drain, whichever call failed.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;

use crate::scene::{LONGEST, Scene, first, two_hosts_with_web};

#[tokio::test(start_paused = true)]
async fn near_the_invocation_timeout_the_message_is_republished_and_the_next_invocation_resumes() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;

    assert!(invocations > 2, "{invocations}");
    assert_eq!(first(&answer)["outcome"], "completed");
    assert_eq!(first(&answer)["attempt"], invocations);
    let attempts: Vec<_> =
        scene.world(|world| world.published().iter().map(|it| it.attributes.attempt).collect());
    assert_eq!(attempts, (2..=invocations).collect::<Vec<_>>());
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn wherever_the_function_dies_the_next_delivery_resumes() {
    // In one invocation, and in several, where it may also die before, in and after its publish.
    for (timeout, at_least) in [(LONGEST, 40), (Duration::from_secs(25), 10)] {
        let mut steps = 0;
        loop {
            let mut scene = Scene::new(two_hosts_with_web());
            scene.timeout = timeout;
            let notice = scene.terminate(0);
            let lived = dies_after(steps, scene.deliver(&notice)).await.is_some();
            // Lambda retries a function that died, with the same event.
            let (answer, _) = scene.see_through(&notice).await;
            let outcome = first(&answer)["outcome"].clone();
            assert!(outcome == "completed" || outcome == "action-gone", "{steps}: {outcome}");
            scene.assert_all_drained(1);
            if lived {
                assert!(steps > at_least, "{steps}");
                break;
            }
            steps += 1;
        }
    }
}

/// Polls `function` `steps` times, and then drops it.
async fn dies_after<T>(steps: u32, function: impl Future<Output = T>) -> Option<T> {
    let mut function = pin!(function);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        function.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_republished_is_an_error() {
    // AWS may have taken a message whose answer did not come: that one is published twice at most.
    for (fault, times) in [(Fault::Unavailable, 2..=2), (Fault::Hang, 2..=2), (Fault::Refused, 3..=6)] {
        let mut scene = Scene::new(two_hosts_with_web());
        scene.timeout = Duration::from_secs(25);
        scene.plant(Operation::Publish, When::Always, fault);
        let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();

        assert_eq!(error.kind(), "RepublishFailed");
        let published = scene.calls(Operation::Publish);
        assert!(times.contains(&published), "{fault:?}: {published}");
        assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_fails_is_retried() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    scene.plant(Operation::Publish, When::First(3), Fault::Throttled);
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
}
