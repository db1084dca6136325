//! Discovers the worst-case container: the most of each resource that any task of a cluster's
//! services needs.

use super::given::Given;
use super::worst_case::WorstCaseContainer;
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
    /// The needs of one task.
    pub needs: TaskNeeds,
}

/// Discovers the worst-case container of what is demanded of `instances`, as far as it is not
/// given. None where nothing is given, and nothing demanded that fits on a host.
///
/// A task definition that fits on no host, however empty, is left out: with it nothing would ever
/// fit. Where no host takes tasks, nobody knows what fits on one, and all counts.
#[must_use]
pub fn discover<'a>(
    given: &Given,
    demanded: Vec<Demanded>,
    instances: impl IntoIterator<Item = &'a ContainerInstance>,
) -> Option<WorstCaseContainer> {
    let hosts: Vec<_> = instances.into_iter().filter(|instance| instance.takes_tasks()).collect();
    let mut most = None::<WorstCaseContainer>;
    for Demanded { needs, .. } in demanded {
        // A task definition that needs nothing that is not given sets nothing, and fits wherever
        // what is given does.
        let Ok(needs) = WorstCaseContainer::new(given.left_of(needs)) else { continue };
        if hosts.is_empty() || needs.fits_on_empty_one_of(&hosts) {
            most = Some(most.map_or_else(|| needs.clone(), |most| most.most(&needs)));
        }
    }
    let most = most.map(|most| most.needs().clone()).unwrap_or_default();
    WorstCaseContainer::new(given.over(most)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::fixture::{host, worst};
    use crate::container_instance::CpuUnits;

    fn demanded(service: &str, needs: &WorstCaseContainer) -> Demanded {
        let definition = TaskDefinitionArn(format!("{service}:1"));
        Demanded { service: service.to_owned(), definition, needs: needs.needs().clone() }
    }

    fn discovered(demanded: Vec<Demanded>, hosts: &[ContainerInstance]) -> Option<WorstCaseContainer> {
        discover(&Given::default(), demanded, hosts)
    }

    #[test]
    fn the_worst_case_container_has_the_most_of_each_resource_and_all_ports() {
        let all = vec![
            demanded("cpu", &worst(900, 100).with_tcp([80])),
            demanded("memory", &worst(100, 900).with_tcp([443])),
        ];
        assert_eq!(discovered(all, &[host(1000, 1000)]), Some(worst(900, 900).with_tcp([80, 443])));
    }

    #[test]
    fn what_fits_on_no_host_is_left_out() {
        let all = vec![demanded("web", &worst(100, 100)), demanded("huge", &worst(100, 5000))];
        assert_eq!(discovered(all, &[host(1000, 1000), host(500, 4000)]), Some(worst(100, 100)));
    }

    #[test]
    fn without_a_host_all_counts_and_without_demand_there_is_no_worst_case_container() {
        assert_eq!(discovered(vec![demanded("web", &worst(1, 1))], &[]), Some(worst(1, 1)));
        assert_eq!(discovered(Vec::new(), &[host(1000, 1000)]), None);
        assert_eq!(discovered(vec![demanded("huge", &worst(5000, 1))], &[host(1000, 1000)]), None);
    }

    #[test]
    fn what_is_given_is_not_discovered_and_keeps_nothing_out() {
        let given = Given { cpu: Some(CpuUnits(300)), ..Given::default() };
        let all = vec![demanded("web", &worst(9000, 100))];
        assert_eq!(discover(&given, all, &[host(1000, 1000)]), Some(worst(300, 100)));
        assert_eq!(discover(&given, Vec::new(), &[]), Some(worst(300, 0)));
    }
}
