//! Errors never complete a hook. The drainer retries failed calls for as long as there is time,
//! then republishes the message. A call that AWS refuses for a minute is the function's error.

use std::time::Duration;

use expect_test::expect;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_sim::Service;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use futures_util::future::join;

use crate::scene::{
    CLUSTER, GROUP, LONGEST, Scene, first, sns_event, two_hosts_with, two_hosts_with_one_task,
    two_hosts_with_web, web,
};

const DRAINED: &str = "drained: every task on the instance has stopped";

const CALLS_OF_A_DRAIN: [Operation; 6] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::UpdateContainerInstancesState,
    Operation::ListTasks,
    Operation::DescribeTasks,
    Operation::CompleteLifecycleAction,
];

#[tokio::test(start_paused = true)]
async fn any_call_that_fails_for_a_while_is_retried_and_the_drain_is_done() {
    for operation in CALLS_OF_A_DRAIN {
        for fault in [Fault::Throttled, Fault::Unavailable, Fault::Refused, Fault::AnswerLost] {
            let scene = Scene::new(two_hosts_with_web());
            scene.plant(operation, When::First(3), fault);
            let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;
            // A completion whose answer was lost has taken place: the retry finds the action gone.
            let (outcome, reason) = (&first(&answer)["outcome"], &first(&answer)["reason"]);
            assert_eq!((outcome, reason), (&"completed".into(), &DRAINED.into()), "{operation} {fault:?}");
            assert_eq!(invocations, 1);
            assert_eq!(scene.values("DrainErrors"), [0.0], "{operation} {fault:?}");
            scene.assert_all_drained(1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_call_that_keeps_being_refused_is_an_error_that_names_it_and_completes_nothing() {
    let mut errors = Vec::new();
    for operation in CALLS_OF_A_DRAIN {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(operation, When::Always, Fault::Refused);
        let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
        errors.push(format!("{}: {}", error.kind(), ErrorChain(&error)));
        assert!(scene.ends().is_empty());
        assert!(scene.sent().is_empty(), "an error and a republish would make two of one");
    }
    expect![[r#"
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, whatever runs on it: ecs:ListContainerInstances on demo was refused: AccessDeniedException: User is not authorized to perform: ecs:ListContainerInstances
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, whatever runs on it: ecs:DescribeContainerInstances on demo was refused: AccessDeniedException: User is not authorized to perform: ecs:DescribeContainerInstances
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, with 2 tasks: ecs:UpdateContainerInstancesState on demo was refused: AccessDeniedException: User is not authorized to perform: ecs:UpdateContainerInstancesState
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, whatever runs on it: ecs:ListTasks on demo was refused: AccessDeniedException: User is not authorized to perform: ecs:ListTasks
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, with 2 tasks: ecs:DescribeTasks on demo was refused: AccessDeniedException: User is not authorized to perform: ecs:DescribeTasks
        DrainFailed: cannot drain i-01b39896a51a8749b of cluster demo: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, with 0 tasks: autoscaling:CompleteLifecycleAction on demo-asg was refused: AccessDenied: User is not authorized to perform: autoscaling:CompleteLifecycleAction"#]].assert_eq(&errors.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn any_call_that_keeps_failing_is_counted_as_an_error_and_the_message_is_republished() {
    for operation in CALLS_OF_A_DRAIN {
        for fault in [Fault::Throttled, Fault::Unavailable, Fault::Hang] {
            let scene = Scene::new(two_hosts_with_web());
            scene.plant(operation, When::Always, fault);
            let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
            let (outcome, seconds) = (&answer["outcome"], &answer["secondsSinceNotice"]);
            assert_eq!((outcome, seconds), (&"republished".into(), &890.into()), "{operation} {fault:?}");
            let reasons = scene.reasons("DrainErrors", 1.0);
            assert_eq!(reasons.len(), 1, "{operation} {fault:?}: {reasons:?}");
            // A call that hangs is known by the read that it is part of.
            assert!(fault == Fault::Hang || reasons[0].contains(&operation.to_string()), "{reasons:?}");
            assert!(scene.ends().is_empty());
            assert_eq!(scene.sent().len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_an_error_after_a_minute_and_a_failed_call_is_not() {
    for (fault, seconds) in [(Fault::Refused, 60..=65), (Fault::Unavailable, 890..=890)] {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(Operation::ListContainerInstances, When::Always, fault);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let answer = scene.deliver(&notice).await;
        assert_eq!(answer.is_err(), fault == Fault::Refused);
        let lasted = (scene.aws.world().now() - began).num_seconds();
        assert!(seconds.contains(&lasted), "{fault:?}: {lasted} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_keeps_failing_is_retried_less_and_less_often_down_to_once_a_minute() {
    // Whatever the polls: after 2, 4, 8, 16 and 32 s, and then each minute.
    for poll in ["5", "90"] {
        let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", poll)];
        let scene = Scene::with_settings(two_hosts_with_web(), &variables);
        scene.plant(Operation::ListContainerInstances, When::Always, Fault::Unavailable);
        scene.deliver(&scene.terminate(0)).await.unwrap();
        let calls = scene.calls(Operation::ListContainerInstances);
        assert!((17..=19).contains(&calls), "{poll}: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_refusals_with_a_success_between_are_no_error() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let mut slow = began;
    for _ in 0..2 {
        let refused = When::Between(slow + Duration::from_secs(4), slow + Duration::from_secs(9));
        scene.plant(Operation::DescribeContainerInstances, refused, Fault::Refused);
        slow += Duration::from_secs(70);
    }
    // Without a second host, for now, the tasks stay.
    scene.world(|world| world.set_agent_connected(CLUSTER, &scene.hosts[1], false).unwrap());
    let back = async {
        scene.wait(100).await;
        scene.world(|world| world.set_agent_connected(CLUSTER, &scene.hosts[1], true).unwrap());
    };
    let ((answer, invocations), ()) = join(scene.see_through(&notice), back).await;
    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 1));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_long_outage_is_no_error() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let outage = began + Duration::from_secs(100);
    let find = Operation::ListContainerInstances;
    scene.plant(find, When::Between(began, outage), Fault::Unavailable);
    scene.plant(find, When::Between(outage, outage + Duration::from_secs(50)), Fault::Refused);
    let (answer, invocations) = scene.see_through(&notice).await;
    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 1));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn failures_of_less_than_a_minute_are_republished_and_no_error() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(40);
    scene.plant(Operation::ListContainerInstances, When::Always, Fault::Unavailable);
    let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
    assert_eq!(answer["outcome"], "republished");
    assert_eq!(answer["waitingFor"], "the group or the instance could not be read");
    assert!(scene.values("DrainErrors").is_empty());
    assert_eq!(scene.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_exist_is_an_error_and_not_an_absent_instance() {
    let scene = Scene::with_settings(two_hosts_with_web(), &[("ECS_CLUSTER", "misspelt")]);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    expect!["cannot drain i-01b39896a51a8749b of cluster misspelt: its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance 600 s after its last heartbeat, whatever runs on it: ecs:ListContainerInstances on misspelt was refused: ClusterNotFoundException: Cluster not found."].assert_eq(&ErrorChain(&error).to_string());
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_resource_is_a_failure_like_any_other() {
    let operations = [
        Operation::DescribeContainerInstances,
        Operation::UpdateContainerInstancesState,
        Operation::DescribeTasks,
    ];
    for operation in operations {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(operation, When::Always, Fault::Failure { reason: "INACTIVE_FOR_A_REASON" });
        let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
        let (outcome, seconds) = (&answer["outcome"], &answer["secondsSinceNotice"]);
        assert_eq!((outcome, seconds), (&"republished".into(), &890.into()), "{operation}");
        let reasons = scene.reasons("DrainErrors", 1.0);
        assert_eq!(reasons.len(), 1, "{operation}");
        let named = reasons[0].contains("INACTIVE_FOR_A_REASON");
        assert!(named && reasons[0].contains(&operation.to_string()), "{reasons:?}");
        assert!(scene.ends().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_described_is_retried_less_and_less_often() {
    let (world, hosts, host) = two_hosts_with_one_task();
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeTasks, When::Always, Fault::Failure { reason: "NOT_NOW" });
    scene.deliver(&scene.terminate(host)).await.unwrap();
    let calls = scene.calls(Operation::DescribeTasks);
    assert!((17..=19).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_only_task_is_not_its_end() {
    let (world, hosts, host) = two_hosts_with_one_task();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(host);
    let outage = scene.aws.world().now() + Duration::from_secs(30);
    let failing = When::Between(scene.aws.world().now(), outage);
    scene.plant(Operation::DescribeTasks, failing, Fault::Failure { reason: "NOT_NOW" });
    scene.see_through(&notice).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn one_poll_that_misses_the_instance_does_not_complete_its_hook() {
    for operation in [Operation::DescribeContainerInstances, Operation::UpdateContainerInstancesState] {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(operation, When::First(1), Fault::Failure { reason: "MISSING" });
        let (answer, _) = scene.see_through(&scene.terminate(0)).await;
        assert_eq!(first(&answer)["reason"], DRAINED);
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_is_cut_off_in_time_to_republish() {
    for operation in CALLS_OF_A_DRAIN {
        let mut scene = Scene::new(two_hosts_with_web());
        scene.timeout = Duration::from_secs(60);
        scene.plant(operation, When::Nth(1), Fault::Hang);
        let notice = scene.terminate(0);
        let (_, invocations) = scene.see_through(&notice).await;
        assert!(invocations > 1, "{operation}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_is_retried_within_a_minute_where_the_hook_lasts() {
    let scene = Scene::new(two_hosts_with(Service::new("web", 4, web()), 7200));
    scene.plant(Operation::ListTasks, When::Nth(1), Fault::Hang);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (_, invocations) = scene.see_through(&notice).await;
    assert_eq!(invocations, 1);
    assert!((scene.aws.world().now() - began).num_seconds() < 150);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_that_never_answer_do_not_put_off_the_republishing() {
    let mut scene = Scene::new(two_hosts_with_web());
    // The third heartbeat is tried at 25 s.
    scene.timeout = Duration::from_secs(41);
    scene.plant(Operation::RecordLifecycleActionHeartbeat, When::Always, Fault::Hang);
    scene.plant(Operation::DescribeLifecycleHooks, When::Always, Fault::Hang);
    let notice = scene.terminate(0);
    scene.wait(70).await;
    let began = scene.aws.world().now();
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "republished");
    assert_eq!((scene.aws.world().now() - began).num_seconds(), 31);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_that_fail_do_not_hold_up_the_drain() {
    for fault in [Fault::Throttled, Fault::Refused, Fault::Hang] {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(Operation::RecordLifecycleActionHeartbeat, When::Always, fault);
        scene.plant(Operation::DescribeLifecycleHooks, When::Always, Fault::Refused);
        let notice = scene.terminate(0);
        scene.wait(30).await;
        let (answer, _) = scene.see_through(&notice).await;
        assert_eq!(first(&answer)["outcome"], "completed", "{fault:?}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_does_not_hold_back_the_good_ones() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let mut unreadable = notice.clone();
    unreadable.message = "Service: AWS Auto Scaling".to_owned();
    let error = scene.invoke(sns_event(&[&unreadable, &notice])).await.unwrap_err();

    expect![[r#"UnreadableEvent: 1 of 2 records failed, this one first: the SNS message can't be read: the message is not a JSON object; the drainer accepts an SNS event whose Message is a lifecycle message of Auto Scaling, EventBridge's "EC2 Instance-terminate Lifecycle Action", "EC2 Spot Instance Interruption Warning" and "EC2 Instance Rebalance Recommendation", and any event with {"sweep": {"group": "GROUP", "hook": "HOOK"}}: expected value at line 1 column 1"#]].assert_eq(&format!("{}: {}", error.kind(), ErrorChain(&error)));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn any_call_may_fail_once_at_any_moment_and_the_drain_is_done() {
    for fault in [Fault::Throttled, Fault::Unavailable, Fault::Refused, Fault::AnswerLost, Fault::Hang] {
        for timeout in [900, 40] {
            let mut nth = 0;
            loop {
                nth += 1;
                let mut scene = Scene::new(two_hosts_with_web());
                scene.timeout = Duration::from_secs(timeout);
                scene.aws.world().faults(|faults| faults.plant_on_all(When::Nth(nth), fault));
                let notice = scene.terminate(0);
                let (answer, _) = scene.see_through(&notice).await;
                // A publish whose answer was lost is made twice: the second message finds the
                // action gone.
                let attempts: Vec<_> =
                    scene.world(|world| world.published().iter().map(|it| it.attributes.attempt).collect());
                let twice = attempts.windows(2).any(|two| two[0] == two[1]);
                let outcome = if twice { "action-gone" } else { "completed" };
                assert_eq!(first(&answer)["outcome"], outcome, "{fault:?} {nth}");
                scene.assert_all_drained(1);
                let calls: u32 = scene.world(|world| world.history().api_calls().values().sum());
                if nth > calls {
                    assert!(calls > 15, "{calls}");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_right_before_the_republishing_is_left_to_the_next_invocation() {
    // An error would be run again by Lambda a minute later: too late for a hook of 30 s.
    let mut scene = Scene::new(two_hosts_with(Service::new("web", 4, web()), 30));
    scene.timeout = Duration::from_secs(40);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let outage = When::Between(began + Duration::from_secs(24), began + Duration::from_secs(30));
    scene.aws.world().faults(|faults| faults.plant_on_all(outage, Fault::Throttled));
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "republished");
    let republished = scene.sent().pop().unwrap();
    scene.see_through(&republished).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn where_one_of_two_records_cannot_be_republished_both_are_resumed() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    let event = sns_event(&[&scene.terminate(0), &scene.terminate(1)]);
    scene.world(|world| world.launch_now(GROUP).unwrap());
    for publish_of_the_second in 2..10 {
        scene.plant(Operation::Publish, When::Nth(publish_of_the_second), Fault::Unavailable);
    }
    let error = scene.invoke(event.clone()).await.unwrap_err();
    assert_eq!(error.kind(), "RepublishFailed");

    // Lambda retries it a minute later, beside the one that was republished.
    scene.timeout = LONGEST;
    scene.wait(60).await;
    let again = scene.invoke(event).await.unwrap();
    assert_eq!(again.records.len(), 2);
    for republished in scene.sent() {
        scene.see_through(&republished).await;
    }
    scene.assert_all_drained(2);
}
