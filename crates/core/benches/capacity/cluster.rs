//! A fixture for measuring: hosts and task definitions by their number.

use std::collections::BTreeSet;

use fleetkeeper_core::capacity::Demanded;
use fleetkeeper_core::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
    Resources,
};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::task_needs::TaskNeeds;

/// Instance type, CPU units, MiB, GPUs.
const SIZES: [(&str, u64, u64, u32); 5] = [
    ("c5.large", 2_048, 3_743, 0),
    ("m5.xlarge", 4_096, 15_699, 0),
    ("g4dn.xlarge", 4_096, 15_544, 1),
    ("r5.xlarge", 4_096, 31_600, 0),
    ("m5.2xlarge", 8_192, 31_631, 0),
];
/// Those that the agent keeps for itself.
const AGENT_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];
/// Those that task definitions name.
const TASK_PORTS: [u16; 5] = [80, 443, 8080, 8443, 9090];

/// A host by its number. Ten in a row hold one that is draining, one that is disconnected, empty
/// ones and full ones, on all sizes. So clusters of ten and of five thousand differ only in their
/// number.
pub(crate) fn host(number: usize) -> ContainerInstance {
    let ten = number / 10;
    let (instance_type, cpu, memory, gpus) = pick(&SIZES, number + ten);
    let quarters_taken = pick(&[0, 4, 1, 2, 3, 2, 1, 3, 4, 0], number);
    let ports_taken = pick(&[0, 2, 0, 1, 1, 0, 1, 0, 3, 0], number);
    let agents = ports(&AGENT_PORTS);
    let tasks = ports((0..ports_taken).map(|port| &TASK_PORTS[(port + ten) % TASK_PORTS.len()]));
    let running_tasks = 2 * quarters_taken;
    let left = 4 - u64::from(quarters_taken);
    let with = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    let mut attributes = vec![with("ecs.instance-type", instance_type)];
    attributes.extend(number.is_multiple_of(2).then(|| with("ecs.awsvpc-trunk-id", "eni-1")));
    ContainerInstance {
        registered_at: None,
        arn: ContainerInstanceArn(format!(
            "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/{number:032x}"
        )),
        ec2_instance_id: format!("i-{number:017x}"),
        status: if number % 10 == 7 {
            ContainerInstanceStatus::Draining
        } else {
            ContainerInstanceStatus::Active
        },
        agent_connected: number % 10 != 3,
        running_tasks,
        pending_tasks: 0,
        registered: Resources {
            cpu: CpuUnits(cpu),
            memory: Mib(memory),
            tcp_ports_taken: agents.clone(),
            udp_ports_taken: BTreeSet::new(),
            gpus,
        },
        remaining: Resources {
            cpu: CpuUnits(cpu * left / 4),
            memory: Mib(memory * left / 4),
            tcp_ports_taken: &agents | &tasks,
            udp_ports_taken: tasks,
            gpus: if left == 0 { 0 } else { gpus },
        },
        attributes: Attributes(attributes.into_iter().collect()),
        capacity_provider: None,
        network_interfaces: Some(running_tasks / 2),
        version: 1,
    }
}

/// A service's task definition by its number: of every fifty, one fits on no host.
pub(crate) fn demanded(number: usize) -> Demanded {
    let (service, every) = (format!("service-{number}"), |nth: usize| number % nth == nth - 1);
    let port = ports(&[pick(&TASK_PORTS, number / 10)]);
    let needs = TaskNeeds {
        cpu: CpuUnits(if every(50) { 16_384 } else { pick(&[0, 128, 256, 512, 1_024], number) }),
        memory: Mib(pick(&[64, 128, 256, 512, 1_024, 2_048, 3_072], number)),
        tcp_ports: if every(4) { port.clone() } else { BTreeSet::new() },
        udp_ports: if every(20) { port } else { BTreeSet::new() },
        network_interface: every(2),
        gpus: u32::from(every(40)),
    };
    Demanded {
        definition: TaskDefinitionArn(format!(
            "arn:aws:ecs:us-east-1:111122223333:task-definition/{service}:1"
        )),
        service,
        needs,
    }
}

fn ports<'a>(numbers: impl IntoIterator<Item = &'a u16>) -> BTreeSet<Port> {
    numbers.into_iter().copied().map(Port).collect()
}

fn pick<T: Copy>(choices: &[T], number: usize) -> T {
    choices[number % choices.len()]
}
