//! Recorded and documented facts about AWS, replayed in the simulated world. `facts.json` lists
//! each fact with its source.

use std::collections::BTreeMap;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::ApiError;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, CapacityProvider, InstanceType, LifecycleHook, Service, TaskDefinition,
    WarmPool, World,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

#[derive(Deserialize)]
struct Fact {
    #[serde(rename = "fact")]
    says: String,
    source: String,
    group: Group,
    service: Option<FirstService>,
    /// The steps, and the observations after each.
    play: Vec<(String, Map<String, Value>)>,
}

#[derive(Deserialize)]
struct Group {
    hooks: Vec<String>,
    #[serde(default = "many")]
    maximum: u32,
    #[serde(default)]
    settings: Vec<String>,
}

/// A service that runs from the start.
#[derive(Deserialize)]
struct FirstService {
    tasks: u32,
    maximum_percent: u32,
    /// Seconds that its zones are uneven before ECS balances them.
    rebalances_after: Option<u32>,
}

fn many() -> u32 {
    1000
}

/// A world with the fact's group, and the instance that the fact is about.
struct Stage {
    world: World,
    instance: Option<Ec2InstanceId>,
    /// The hook that is completed, and the token of its last action.
    hook: String,
    token: String,
}

impl Stage {
    fn of(group: &Group, service: Option<&FirstService>) -> Self {
        let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
        world.add_cluster("demo");
        let mut made = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767));
        made = made.in_cluster("demo").sizes(0, group.maximum);
        for setting in &group.settings {
            made = match setting.as_str() {
                "replaces as recorded" => made.replacing_as_recorded(),
                "retains" => made.retaining_abandoned(),
                "retained run hooks again" => made.retained_running_hooks_again(),
                "lingers" => made.lingering(30),
                // A setting of its capacity provider.
                "managed draining" => made,
                "warm pool" => made.warm_pool(WarmPool::new()),
                "two zones" => made.in_zones(&["us-east-1a", "us-east-1b"]),
                "warm pool as recorded" => made.warm_pool(WarmPool::new().keeping_abandoned()),
                other => panic!("no setting {other}"),
            };
        }
        world.add_group(made);
        if group.settings.iter().any(|setting| setting == "managed draining") {
            let provider = CapacityProvider::new("hosts", "hosts").draining_within(5);
            world.create_capacity_provider(provider).unwrap();
        }
        for name in &group.hooks {
            let hook = match name.as_str() {
                "ready" => LifecycleHook::launching(name, TOPIC),
                "refused" => LifecycleHook::new(name, TOPIC).notification_refused(),
                _ => LifecycleHook::new(name, TOPIC),
            };
            let hook = hook.heartbeat_timeout(600).default_result(ActionResult::Continue);
            world.put_lifecycle_hook("hosts", hook).unwrap();
        }
        if let Some(FirstService { tasks, maximum_percent, rebalances_after }) = service {
            let web = TaskDefinition::new("web", 512, 512).pending(10).healthy_after(10).stopping(10);
            let mut service = Service::new("web", *tasks, web).percents(100, *maximum_percent);
            if let Some(seconds) = rebalances_after {
                service = service.rebalancing_zones_after(*seconds);
            }
            world.create_service("demo", service).unwrap();
        }
        world.take_outbox();
        Self { world, instance: None, hook: group.hooks[0].clone(), token: String::new() }
    }

    fn play(&mut self, what: &str) -> Result<(), ApiError> {
        let instance = self.instance.clone();
        let instance = || instance.clone().expect("the play begins with a launch");
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        match (word, rest) {
            ("launch", "") => self.instance = Some(self.world.launch_now("hosts")?),
            ("scale", "out") => self.world.set_desired_capacity("hosts", 1)?,
            ("scale", "in") => self.world.set_desired_capacity("hosts", 0)?,
            ("terminate", _) => {
                self.world.terminate_instance("hosts", &instance(), rest == "and decrement")?;
            }
            ("reclaim", "") => self.world.interrupt_spot_instance("hosts", &instance())?,
            ("replace", "root volume") => self.world.replace_root_volume("hosts", &instance())?,
            ("wait", seconds) => self.world.advance_seconds(seconds.parse().unwrap()),
            ("stop", "tasks") => self.world.set_desired_count("demo", "web", 0)?,
            ("heartbeat", "") => self.on_the_action(World::record_lifecycle_action_heartbeat)?,
            ("complete", "again") => {
                self.on_the_action(|world, action| world.complete_lifecycle_action(action, "CONTINUE"))?;
            }
            ("complete", result) => {
                self.on_the_action(|world, action| world.complete_lifecycle_action(action, result))?;
            }
            _ => panic!("nothing to play: {what}"),
        }
        if let Some((_, token)) = self.world.open_actions(&self.hook).into_iter().next() {
            self.token = token;
        }
        self.instance = self.instance.take().or_else(|| self.world.instances("hosts").into_keys().next());
        Ok(())
    }

    fn on_the_action<T>(
        &mut self,
        call: impl FnOnce(&mut World, ActionReference<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let action = ActionReference {
            group: "hosts",
            hook: &self.hook,
            token: Some(&self.token),
            ..ActionReference::default()
        };
        call(&mut self.world, action)
    }

    fn seen(&mut self, what: &str) -> Value {
        let world = &mut self.world;
        match what {
            "state" => {
                let state = self.instance.as_ref().and_then(|id| world.lifecycle_state("hosts", id));
                json!(state.map_or("gone", |state| state.as_str()))
            }
            "activity" => {
                let activity =
                    world.describe_scaling_activities("hosts", None, None).unwrap().items.remove(0);
                json!(format!("{} {}", activity.status_code, activity.progress))
            }
            "pending" => {
                let states = world.instances("hosts").into_values();
                json!(states.filter(|state| state.as_str() == "Pending").count())
            }
            "tasks by zone" => {
                let hosts = world.describe_auto_scaling_groups(&[])[0].instances.clone();
                let tasks = world.tasks_of_service("demo", "web");
                let on = |id: &Ec2InstanceId| {
                    let host = world.container_instance_of("demo", id);
                    host.map_or(0, |host| tasks.iter().filter(|it| it.container_instance == host.arn).count())
                };
                let mut zones: BTreeMap<String, usize> = BTreeMap::new();
                for host in hosts {
                    *zones.entry(host.zone).or_default() += on(&host.id);
                }
                json!(zones.values().map(usize::to_string).collect::<Vec<_>>().join(" "))
            }
            "status" => {
                let host = self.instance.as_ref().and_then(|id| world.container_instance_of("demo", id));
                json!(host.map(|host| host.status.to_string()))
            }
            "listed" => json!(world.describe_auto_scaling_groups(&[])[0].instances.len()),
            "notices" => {
                let sent = world.take_outbox();
                json!(sent.iter().filter(|emission| emission.sns_message().is_some()).count())
            }
            other => panic!("nothing to see: {other}"),
        }
    }
}

#[test]
fn the_world_does_what_aws_was_recorded_to_do() {
    let facts: Vec<Fact> = serde_json::from_str(include_str!("facts.json")).unwrap();
    let mut wrong = Vec::new();
    for fact in &facts {
        assert!(
            !fact.source.is_empty() && fact.play.iter().any(|(_, seen)| !seen.is_empty()),
            "{}",
            fact.says
        );
        let mut stage = Stage::of(&fact.group, fact.service.as_ref());
        for (what, expected) in &fact.play {
            let refused = stage.play(what).err().map(|error| json!(error.code));
            let mut expected = expected.clone();
            if refused != expected.remove("error") {
                wrong.push(format!("{}: {what}: {refused:?}", fact.says));
            }
            for (name, value) in expected {
                let seen = stage.seen(&name);
                if seen != value {
                    wrong.push(format!("{}: after {what}: {name} is {seen}, not {value}", fact.says));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
