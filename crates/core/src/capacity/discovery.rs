//! The worst case, discovered: the most that any task that a cluster's services may start needs.

use serde::{Serialize, Serializer};

use super::given::Given;
use super::resource::Resource;
use super::worst_case::WorstCase;
use crate::container_instance::ContainerInstance;
use crate::task::TaskDefinitionArn;
use crate::task_needs::TaskNeeds;

/// A task definition that a service may start tasks of, and what one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demanded {
    /// The service's name.
    pub service: String,
    /// The task definition.
    pub definition: TaskDefinitionArn,
    /// What a task of it needs.
    pub needs: TaskNeeds,
}

/// What was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The worst case; none where nothing is given, and nothing demanded that fits on a host.
    pub worst_case: Option<WorstCase>,
    /// What fits on no host, however empty: it is left out, or nothing would ever fit.
    pub unfittable: Vec<Unfittable>,
}

/// A task definition that fits on no host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unfittable {
    /// The service's name.
    pub service: String,
    /// The task definition.
    #[serde(serialize_with = "as_text")]
    pub task_definition: TaskDefinitionArn,
    /// The resources of which the host that comes nearest has too little.
    pub fails_in: Vec<Resource>,
}

/// Discovers the worst case of what is demanded of `instances`, as far as it is not given. Where no host takes tasks, it
/// can't be known what fits on one, and all counts.
#[must_use]
pub fn discover(given: &Given, demanded: Vec<Demanded>, instances: &[ContainerInstance]) -> Discovered {
    let hosts: Vec<_> = instances.iter().filter(|instance| instance.takes_tasks()).collect();
    let (mut most, mut unfittable) = (None::<WorstCase>, Vec::new());
    for Demanded { service, definition, needs } in demanded {
        // A task definition that needs nothing that is not given sets nothing, and fits wherever what is given does.
        let Ok(needs) = WorstCase::new(given.left_of(needs)) else { continue };
        match lacking_everywhere(&needs, &hosts) {
            Some(fails_in) => unfittable.push(Unfittable { service, task_definition: definition, fails_in }),
            None => most = Some(most.map_or_else(|| needs.clone(), |most| most.most(&needs))),
        }
    }
    let most = most.map(|most| most.needs().clone()).unwrap_or_default();
    Discovered { worst_case: WorstCase::new(given.over(most)).ok(), unfittable }
}

/// What the host that comes nearest has too little of; none where some host has enough, or there is no host.
fn lacking_everywhere(needs: &WorstCase, hosts: &[&ContainerInstance]) -> Option<Vec<Resource>> {
    if needs.fits_on_empty_one_of(hosts) {
        return None;
    }
    let nearest = hosts.iter().min_by_key(|host| needs.lacking_on_empty(host).count())?;
    Some(needs.lacking_on_empty(nearest).collect())
}

fn as_text<S: Serializer>(definition: &TaskDefinitionArn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&definition.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::made_up::{host, worst};
    use crate::container_instance::CpuUnits;

    fn demanded(service: &str, needs: &WorstCase) -> Demanded {
        let definition = TaskDefinitionArn(format!("{service}:1"));
        Demanded { service: service.to_owned(), definition, needs: needs.needs().clone() }
    }

    fn discovered(demanded: Vec<Demanded>, hosts: &[ContainerInstance]) -> Discovered {
        discover(&Given::default(), demanded, hosts)
    }

    #[test]
    fn the_worst_case_has_the_most_of_each_resource_and_all_ports() {
        let all = vec![
            demanded("cpu", &worst(900, 100).with_tcp([80])),
            demanded("memory", &worst(100, 900).with_tcp([443])),
        ];
        let discovered = discovered(all, &[host(1000, 1000)]);
        assert_eq!(discovered.worst_case, Some(worst(900, 900).with_tcp([80, 443])));
        assert_eq!(discovered.unfittable, []);
    }

    #[test]
    fn what_fits_on_no_host_is_left_out_and_told_with_what_is_lacking() {
        let all = vec![demanded("web", &worst(100, 100)), demanded("huge", &worst(100, 5000))];
        let discovered = discovered(all, &[host(1000, 1000), host(500, 4000)]);
        assert_eq!(discovered.worst_case, Some(worst(100, 100)));
        let told: Vec<_> =
            discovered.unfittable.iter().map(|it| (it.service.as_str(), &it.fails_in[..])).collect();
        assert_eq!(told, [("huge", &[Resource::Memory][..])]);
    }

    #[test]
    fn without_a_host_all_counts_and_without_demand_there_is_no_worst_case() {
        assert_eq!(discovered(vec![demanded("web", &worst(1, 1))], &[]).worst_case, Some(worst(1, 1)));
        assert_eq!(discovered(Vec::new(), &[host(1000, 1000)]).worst_case, None);
        let only = vec![demanded("huge", &worst(5000, 1))];
        assert_eq!(discovered(only, &[host(1000, 1000)]).worst_case, None);
    }

    #[test]
    fn what_is_given_is_not_discovered_and_makes_nothing_unfittable() {
        let given = Given { cpu: Some(CpuUnits(300)), ..Given::default() };
        let all = vec![demanded("web", &worst(9000, 100))];
        let discovered = discover(&given, all, &[host(1000, 1000)]);
        assert_eq!(discovered, Discovered { worst_case: Some(worst(300, 100)), unfittable: Vec::new() });
        assert_eq!(discover(&given, Vec::new(), &[]).worst_case, Some(worst(300, 0)));
    }
}
