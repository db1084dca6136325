//! The HTTP face of the simulated world, driven by boto3, against botocore's service models.

use chrono::Utc;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{SharedWorld, World};

use crate::assert_holds;
use crate::world::with_all_kinds;

#[test]
fn every_answer_is_one_that_the_service_models_know() {
    let face = Face::start(SharedWorld::in_real_time(with_all_kinds())).unwrap();
    let url = face.url();
    let names = Operation::ALL.iter().map(|operation| operation.name());
    let served = names.filter(|name| name.starts_with("ecs:") || name.starts_with("autoscaling:"));
    let arguments: Vec<&str> = [url.as_str(), "served"].into_iter().chain(served).collect();
    assert_holds("face.py", &arguments);
}

#[test]
fn every_error_is_one_of_the_operation() {
    for (fault, ecs, auto_scaling) in [
        (Fault::Throttled, "ThrottlingException", "Throttling"),
        (Fault::Refused, "AccessDeniedException", "AccessDenied"),
        (Fault::Unavailable, "ServerException", "InternalFailure"),
    ] {
        // An empty world is enough: the fault comes before any lookup.
        let face = Face::start(SharedWorld::in_real_time(World::new(Utc::now()))).unwrap();
        face.world().faults(|faults| faults.plant_on_all(When::Always, fault));
        assert_holds("face.py", &[&face.url(), "failing", ecs, auto_scaling]);
    }
}

#[test]
fn a_planted_fault_is_found() {
    assert_holds("planted.py", &[]);
}
