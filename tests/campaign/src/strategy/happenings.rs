//! What people and hosts do: mostly one to five terminations, with anything else among them.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;

use super::task;
use crate::direct_plan::Process;
use crate::scenario::{Happening, Stray, What};

/// Something that happens after a part of the time before the quiet.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    what: Happening,
    at_per_mille: u64,
}

pub(super) fn happenings() -> impl Strategy<Value = Vec<Drawn>> {
    let mixed = || vec(happening(prop_oneof![1 => terminate(), 2 => other()].boxed()), 0..=10);
    let both = (vec(happening(terminate()), 0..=5), mixed());
    prop_oneof![
        4 => vec(happening(terminate()), 1..=5),
        2 => vec(happening(mass_termination()), 1..=2),
        4 => both.prop_map(|(first, second)| [first, second].concat()),
    ]
}

/// Up to four of what keeps direct scaling from a group or a host, or gives it something to do.
pub(super) fn of_direct_scaling() -> impl Strategy<Value = Vec<Drawn>> {
    let process = || {
        prop_oneof![
            Just(Process::Launch),
            Just(Process::Terminate),
            Just(Process::AlarmNotification),
            Just(Process::AzRebalance),
        ]
    };
    let what = prop_oneof![
        4 => (0_u32..=20).prop_map(What::SetDesiredCount),
        2 => (process(), 60_u32..=3600).prop_map(|(process, seconds)| What::Suspend(process, seconds)),
        1 => nth().prop_map(What::ProtectHost),
        1 => nth().prop_map(What::KeepHost),
        1 => Just(What::Deploy),
        1 => prop_oneof![Just(0_u32), Just(50), Just(90), Just(100)].prop_map(What::RefreshInstances),
        1 => task::standalone().prop_map(What::RunTask),
        1 => (1_u32..=12).prop_map(What::SetDesiredCapacity),
    ];
    vec(happening(what.boxed()), 0..=4)
}

fn happening(what: BoxedStrategy<What>) -> impl Strategy<Value = Drawn> {
    (what, 0_u64..1000, 0_usize..3, 0_usize..6).prop_map(|(what, at_per_mille, cluster, of)| Drawn {
        what: Happening { at_seconds: 0, cluster, of, what },
        at_per_mille,
    })
}

impl Drawn {
    pub(super) fn within(self, quiet_after_seconds: u32) -> Happening {
        let at = u64::from(quiet_after_seconds) * self.at_per_mille / 1000;
        Happening { at_seconds: u32::try_from(at).unwrap_or(u32::MAX), ..self.what }
    }
}

/// The nth of the hosts, the actions, the messages: counted round.
fn nth() -> impl Strategy<Value = usize> {
    0_usize..20
}

fn terminate() -> BoxedStrategy<What> {
    let hosts = prop_oneof![9 => 1_u32..=2, 1 => 3_u32..=6];
    (nth(), hosts, proptest::bool::weighted(0.7))
        .prop_map(|(host, hosts, replaced)| What::Terminate { host, hosts, replaced })
        .boxed()
}

/// More at once than are drained each by its own message.
fn mass_termination() -> BoxedStrategy<What> {
    let hosts = prop_oneof![3 => 4_u32..=10, 1 => 11_u32..=300];
    (nth(), hosts, any::<bool>())
        .prop_map(|(host, hosts, replaced)| What::Terminate { host, hosts, replaced })
        .boxed()
}

fn other() -> BoxedStrategy<What> {
    prop_oneof![
        3 => (0_u32..=12).prop_map(What::SetDesiredCapacity),
        2 => nth().prop_map(What::LoseHost),
        3 => (nth(), 1_u32..=1800).prop_map(|(host, seconds)| What::DisconnectAgent { host, seconds }),
        2 => nth().prop_map(What::RegisterAnew),
        3 => (0_u32..=20).prop_map(What::SetDesiredCount),
        2 => Just(What::Deploy),
        1 => prop_oneof![Just(0_u32), Just(50), Just(90), Just(100)].prop_map(What::RefreshInstances),
        1 => task::standalone().prop_map(What::RunTask),
        2 => (nth(), task::standalone()).prop_map(|(host, task)| What::StartTask { host, task }),
        1 => nth().prop_map(What::Deregister),
        2 => nth().prop_map(What::SetActive),
        2 => nth().prop_map(What::CompleteByHand),
        3 => nth().prop_map(What::Redeliver),
        2 => stray().prop_map(What::StrayMessage),
        2 => nth().prop_map(What::ReplaceRootVolume),
        1 => nth().prop_map(What::EnterStandby),
        1 => nth().prop_map(What::ExitStandby),
        1 => Just(What::RebalanceZones),
        1 => nth().prop_map(What::LeaveGhost),
        1 => Just(What::DeleteGroup),
    ]
    .boxed()
}

fn stray() -> impl Strategy<Value = Stray> {
    prop_oneof![
        Just(Stray::TestNotification),
        Just(Stray::GroupNotification),
        Just(Stray::Launching),
        Just(Stray::Text),
        Just(Stray::Json),
    ]
}
