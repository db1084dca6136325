//! Pages, batch limits, filters, partial failures.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::World;
use fleetkeeper_sim::world::ecs::list::ListContainerInstances;

use crate::scene::{arn_of, tasks_on, two_hosts_with_web, world_of_hosts};

fn all_pages(world: &World, max_results: Option<i64>) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut token) = (Vec::new(), 0, None::<String>);
    loop {
        let page = world
            .list_container_instances(ListContainerInstances {
                cluster: Some("demo"),
                max_results,
                next_token: token.as_deref(),
                ..ListContainerInstances::default()
            })
            .unwrap();
        pages += 1;
        found.extend(page.items.into_iter().map(|arn| arn.0));
        match page.next {
            Some(next) => token = Some(next.0),
            None => return (found, pages),
        }
    }
}

#[test]
fn pages_hold_at_most_100_and_together_everything_once() {
    let (mut world, _) = world_of_hosts(250);
    for (max_results, pages) in [(None, 3), (Some(100), 3), (Some(99), 3), (Some(7), 36)] {
        let (found, counted) = all_pages(&world, max_results);
        assert_eq!(counted, pages);
        assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (250, 250));
    }
    world.set_page_limit(7);
    assert_eq!(all_pages(&world, None).1, 36);
}

#[test]
fn max_results_and_tokens_are_checked() {
    let (world, _) = world_of_hosts(1);
    let with = |max_results, next_token| {
        let input = ListContainerInstances {
            cluster: Some("demo"),
            max_results,
            next_token,
            ..ListContainerInstances::default()
        };
        world.list_container_instances(input).map(|page| page.items.len()).map_err(|error| error.code)
    };
    assert_eq!(with(None, None), Ok(1));
    for max_results in [0, 101, -1] {
        assert_eq!(with(Some(max_results), None), Err("InvalidParameterException"));
    }
    assert_eq!(with(None, Some("x")), Err("InvalidParameterException"));
}

#[test]
fn batches_are_limited() {
    let (mut world, hosts) = world_of_hosts(101);
    let arns: Vec<String> = hosts.iter().map(|host| arn_of(&world, host).0).collect();
    let described = |count: usize| world.describe_container_instances(Some("demo"), &arns[..count]);
    assert_eq!(described(100).unwrap().items.len(), 100);
    assert_eq!(described(101).unwrap_err().code, "InvalidParameterException");
    assert_eq!(described(0).unwrap_err().code, "InvalidParameterException");
    let tasks = vec!["x".to_owned(); 101];
    assert_eq!(world.describe_tasks(Some("demo"), &tasks).unwrap_err().code, "InvalidParameterException");
    let mut drained = |count: usize| {
        world
            .update_container_instances_state(Some("demo"), &arns[..count], "DRAINING")
            .map(|a| a.items.len())
    };
    assert_eq!(drained(10), Ok(10));
    assert_eq!(drained(11).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn clusters_go_by_name_or_arn_and_default_is_a_name() {
    let (mut world, _) = world_of_hosts(1);
    let found = |world: &World, cluster| {
        let input = ListContainerInstances { cluster, ..ListContainerInstances::default() };
        world.list_container_instances(input).map(|page| page.items.len()).map_err(|error| error.code)
    };
    assert_eq!(found(&world, Some("demo")), Ok(1));
    assert_eq!(found(&world, Some("arn:aws:ecs:us-east-1:111122223333:cluster/demo")), Ok(1));
    assert_eq!(found(&world, Some("none")), Err("ClusterNotFoundException"));
    assert_eq!(found(&world, None), Err("ClusterNotFoundException"));
    world.add_cluster("default");
    assert_eq!(found(&world, None), Ok(0), "the wrong cluster, silently");
}

#[test]
fn a_filter_finds_one_instance_of_many() {
    let (world, hosts) = world_of_hosts(150);
    let filter = format!("ec2InstanceId == {}", hosts[120]);
    let input = ListContainerInstances {
        cluster: Some("demo"),
        filter: Some(&filter),
        ..ListContainerInstances::default()
    };
    let page = world.list_container_instances(input).unwrap();
    assert_eq!((page.items, page.next), (vec![arn_of(&world, &hosts[120])], None));
}

#[test]
fn a_status_narrows_the_list_and_inactive_is_not_one() {
    let (mut world, hosts) = world_of_hosts(3);
    crate::scene::drain(&mut world, &hosts[0]);
    world.lose_instance("hosts", &hosts[1]).unwrap();
    let found = |status| {
        let input = ListContainerInstances {
            cluster: Some("demo"),
            status: Some(status),
            ..ListContainerInstances::default()
        };
        world.list_container_instances(input).map(|page| page.items.len()).map_err(|error| error.code)
    };
    assert_eq!((found("ACTIVE"), found("DRAINING")), (Ok(1), Ok(1)));
    assert_eq!(found("INACTIVE"), Err("InvalidParameterException"));
    assert_eq!(all_pages(&world, None).0.len(), 2);
}

#[test]
fn what_is_not_there_is_a_failure_in_an_answer() {
    let (world, hosts) = world_of_hosts(1);
    let arn = arn_of(&world, &hosts[0]).0;
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let answer = world
        .describe_container_instances(Some("demo"), &[arn, id, "0123456789abcdef0123456789abcdef".to_owned()])
        .unwrap();
    assert_eq!(answer.items.len(), 2);
    assert!(answer.failures[0].is_missing());
    assert!(answer.failures[0].arn.ends_with(":container-instance/demo/0123456789abcdef0123456789abcdef"));
}

#[test]
fn an_instance_that_registers_or_deregisters_cannot_be_drained() {
    let (mut world, hosts) = world_of_hosts(2);
    let arns: Vec<String> = hosts.iter().map(|host| arn_of(&world, host).0).collect();
    let registering = ContainerInstanceStatus::Registering;
    world.set_container_instance_status("demo", &hosts[0], registering).unwrap();
    let error = world.update_container_instances_state(Some("demo"), &arns, "DRAINING").unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
    let again = world.update_container_instances_state(Some("demo"), &arns[1..], "DRAINING").unwrap();
    let twice = world.update_container_instances_state(Some("demo"), &arns[1..], "DRAINING").unwrap();
    assert_eq!(again, twice, "DRAINING already: nothing changes");
    world.lose_instance("hosts", &hosts[1]).unwrap();
    let gone = world.update_container_instances_state(Some("demo"), &arns[1..], "DRAINING").unwrap();
    assert_eq!(gone.failures[0].reason, "INACTIVE");
}

#[test]
fn tasks_are_listed_by_desired_status_and_never_as_pending() {
    let (world, hosts) = two_hosts_with_web(100, 200);
    assert_eq!(tasks_on(&world, &hosts[0], "RUNNING").len(), 2);
    assert!(tasks_on(&world, &hosts[0], "PENDING").is_empty());
    assert!(tasks_on(&world, &hosts[0], "STOPPED").is_empty());
}
