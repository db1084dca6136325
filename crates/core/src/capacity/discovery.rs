//! The worst case, discovered: the most that any task that a cluster's services may start needs.

use super::resource::Resource;
use super::worst_case::WorstCase;
use crate::container_instance::ContainerInstance;
use crate::task::TaskDefinitionArn;

/// A task definition that a service may start tasks of, and what one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demanded {
    /// The service's name.
    pub service: String,
    /// The task definition.
    pub definition: TaskDefinitionArn,
    /// What a task of it needs.
    pub needs: WorstCase,
}

/// What was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The worst case; none where nothing is demanded, or none of it fits on a host.
    pub worst_case: Option<WorstCase>,
    /// What fits on no host, however empty: it is left out, or nothing would ever fit.
    pub unfittable: Vec<Unfittable>,
}

/// A task definition that fits on no host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfittable {
    /// Whose it is.
    pub demanded: Demanded,
    /// The resources of which the host that comes nearest has too little.
    pub fails_in: Vec<Resource>,
}

/// Discovers the worst case of what is demanded of `instances`. Where no host takes tasks, it can't be known what fits on
/// one, and all counts.
pub fn discover(demanded: Vec<Demanded>, instances: &[ContainerInstance]) -> Discovered {
    let hosts: Vec<_> = instances.iter().filter(|instance| instance.takes_tasks()).collect();
    let (mut worst_case, mut unfittable) = (None, Vec::new());
    for demanded in demanded {
        let lacking = |host: &&ContainerInstance| demanded.needs.lacking_on_empty(host);
        // The first host that it fits on settles it: mostly one of the first few.
        if hosts.is_empty() || hosts.iter().any(|host| lacking(host).is_empty()) {
            worst_case = Some(match worst_case {
                Some(worst) => demanded.needs.most(&worst),
                None => demanded.needs,
            });
        } else {
            let fails_in = hosts.iter().map(lacking).min_by_key(Vec::len).unwrap_or_default();
            unfittable.push(Unfittable { demanded, fails_in });
        }
    }
    Discovered { worst_case, unfittable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::made_up::{host, worst};

    fn demanded(service: &str, needs: WorstCase) -> Demanded {
        Demanded { service: service.to_owned(), definition: TaskDefinitionArn(format!("{service}:1")), needs }
    }

    #[test]
    fn the_worst_case_has_the_most_of_each_resource_and_all_ports() {
        let all = vec![
            demanded("cpu", worst(900, 100).with_tcp([80])),
            demanded("memory", worst(100, 900).with_tcp([443])),
        ];
        let discovered = discover(all, &[host(1000, 1000)]);
        assert_eq!(discovered.worst_case, Some(worst(900, 900).with_tcp([80, 443])));
        assert_eq!(discovered.unfittable, []);
    }

    #[test]
    fn what_fits_on_no_host_is_left_out_and_told_with_what_is_lacking() {
        let all = vec![demanded("web", worst(100, 100)), demanded("huge", worst(100, 5000))];
        let discovered = discover(all, &[host(1000, 1000), host(500, 4000)]);
        assert_eq!(discovered.worst_case, Some(worst(100, 100)));
        let told: Vec<_> =
            discovered.unfittable.iter().map(|it| (it.demanded.service.as_str(), &it.fails_in[..])).collect();
        assert_eq!(told, [("huge", &[Resource::Memory][..])]);
    }

    #[test]
    fn without_a_host_all_counts_and_without_demand_there_is_no_worst_case() {
        assert_eq!(discover(vec![demanded("web", worst(1, 1))], &[]).worst_case, Some(worst(1, 1)));
        assert_eq!(discover(Vec::new(), &[host(1000, 1000)]).worst_case, None);
        let only = vec![demanded("huge", worst(5000, 1))];
        assert_eq!(discover(only, &[host(1000, 1000)]).worst_case, None);
    }
}
