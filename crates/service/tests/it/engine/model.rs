//! Whatever callers, rounds, people, the store, the clock and the death of processes do, in whatever
//! order: no connection is lost through our fault. Three processes on one database, the real code.

use std::time::Duration;

use atlassian_sim::{Endpoint, Fault};
use domain::credential::{IntegrationCredential, RevocationReason};
use jiff::SignedDuration;
use proptest::{prelude::*, test_runner::TestRunner};
use secrecy::ExposeSecret as _;
use service::refresh::{RefreshSettings, Step};
use testkit::{
    db::TestDb,
    process::Process,
    world::{SignedInAdmin, World},
};

use super::{
    HOUR, MINUTE, SECOND, connected,
    store_trouble::{NEW_PAIRS, refuse_updates, take_updates},
};

/// The lease never lapses by itself here: time passes where the model says so, for the database too.
const SETTINGS: RefreshSettings = RefreshSettings {
    lease: SignedDuration::from_secs(10),
    poll: Duration::from_millis(2),
};

const PROCESSES: usize = 3;

#[derive(Clone, Debug)]
enum Action {
    /// Somebody asks a process for a token.
    Ask(usize),
    /// A process makes a round of what is due.
    Round(usize),
    /// A process will stand still at the next such step.
    StopAt(usize, Step),
    /// It goes on.
    GoOn(usize),
    /// It is killed, and another one started in its place.
    Kill(usize),
    /// Time passes, for everybody.
    Pass(SignedDuration),
    /// Somebody sets the clock, by so many minutes.
    Jump(i32),
    /// An admin connects again.
    Reconnect,
    /// An admin disconnects.
    Disconnect,
    /// The person ends the grant at Atlassian.
    Revoke,
    /// From now on the database refuses new pairs, or takes them again.
    Trouble(bool),
    /// What becomes of the next request to Atlassian.
    Fault(Fault),
}

fn action() -> impl Strategy<Value = Action> {
    let process = 0..PROCESSES;
    let passing = prop::sample::select(vec![
        SECOND * 2,
        SECOND * 7,
        SECOND * 50,
        MINUTE * 4,
        MINUTE * 9,
        MINUTE * 11,
        MINUTE * 57,
        HOUR * 3,
    ]);
    let fault = prop::sample::select(vec![
        Fault::Status(503),
        Fault::Status(429),
        Fault::HtmlWith200,
        Fault::DropBeforeRotation,
        Fault::DropAfterRotation,
        Fault::DropAfterRotation,
    ]);
    prop_oneof![
        8 => process.clone().prop_map(Action::Ask),
        6 => process.clone().prop_map(Action::Round),
        4 => (process.clone(), prop::sample::select(Step::ALL.to_vec())).prop_map(|(it, step)| Action::StopAt(it, step)),
        4 => process.clone().prop_map(Action::GoOn),
        2 => process.prop_map(Action::Kill),
        8 => passing.prop_map(Action::Pass),
        1 => prop::sample::select(vec![-60, -5, 5, 60]).prop_map(Action::Jump),
        1 => Just(Action::Reconnect),
        1 => Just(Action::Disconnect),
        1 => Just(Action::Revoke),
        2 => any::<bool>().prop_map(Action::Trouble),
        3 => fault.prop_map(Action::Fault),
    ]
}

/// What would seldom come about by chance: one process stands still at a step of a refresh while another one
/// makes it, and goes on when the old token's leeway is over, or is not.
fn overtaken() -> impl Strategy<Value = Vec<Action>> {
    let step = prop::sample::select(Step::ALL.to_vec());
    let passing = prop::sample::select(vec![SECOND * 7, MINUTE * 4, MINUTE * 11]);
    (0..PROCESSES, 1..PROCESSES, step, passing.clone(), passing).prop_map(
        |(one, distance, step, first, then)| {
            let other = (one + distance) % PROCESSES;
            vec![
                Action::Pass(HOUR * 3),
                Action::StopAt(one, step),
                Action::Ask(one),
                Action::Pass(first),
                Action::Ask(other),
                Action::Pass(then),
                Action::GoOn(one),
            ]
        },
    )
}

fn story() -> impl Strategy<Value = Vec<Action>> {
    let part = prop_oneof![
        20 => action().prop_map(|it| vec![it]),
        1 => overtaken(),
    ];
    prop::collection::vec(part, 5..40).prop_map(|it| it.concat())
}

/// A process, and how much it was given to do.
struct Running {
    process: Process,
    given: usize,
}

impl Running {
    async fn start(world: &World) -> Self {
        Self {
            process: Process::start(world, SETTINGS).await,
            given: 0,
        }
    }

    fn is_stopped(&self) -> bool {
        self.process.progress().stopped_at.is_some()
    }

    fn has_unsaved(&self) -> bool {
        self.process.world().services.engine.unsaved_pairs() > 0
    }

    fn give(&mut self, admin: &SignedInAdmin, is_round: bool) {
        let admin = admin.clone();
        self.given += 1;
        drop(self.process.spawn(async move |world| {
            if is_round {
                world.refresh_due().await;
            } else {
                world.token(&admin).await.ok();
            }
            quiet(&world).await;
        }));
    }

    /// Waits until it has done what it was given, stands still, or waits for another process.
    async fn settle(&self) {
        let wanted = self.process.progress().lease_wanted + 2;
        let is_settled = |it: &testkit::process::Progress| {
            it.stopped_at.is_some() || it.done == self.given || it.lease_wanted >= wanted
        };
        self.process.until(is_settled).await;
    }
}

/// Until nothing flies any more but pairs that the store does not take.
async fn quiet(world: &World) {
    let look = Duration::from_millis(2);
    while tokio::time::timeout(look, world.tasks_done())
        .await
        .is_err()
    {
        if world.services.engine.unsaved_pairs() > 0 {
            return;
        }
    }
}

/// The whole of it.
struct Model {
    world: World,
    admin: SignedInAdmin,
    running: Vec<Running>,
    is_refused: bool,
    is_ended_by_person: bool,
    /// Of the pair that was stored last: which one it is of all that were issued, and its generation.
    newest: (usize, i64),
}

impl Model {
    async fn new() -> Self {
        let world = World::new(TestDb::sqlite().await).await;
        let admin = connected(&world).await;
        let mut running = Vec::new();
        for _ in 0..PROCESSES {
            running.push(Running::start(&world).await);
        }
        Self {
            world,
            admin,
            running,
            is_refused: false,
            is_ended_by_person: false,
            newest: (0, 0),
        }
    }

    async fn row(&self) -> IntegrationCredential {
        super::row(&self.world, &self.admin).await
    }

    /// The refresh token that is stored, in the clear.
    fn refresh_token(&self, row: &IntegrationCredential) -> Option<String> {
        row.tokens.as_ref()?;
        let pair = self.world.open_tokens(row);
        Some(pair.refresh.expose_secret().to_owned())
    }

    async fn step(&mut self, action: &Action) {
        let row = self.row().await;
        let honoured = self
            .refresh_token(&row)
            .is_some_and(|it| self.world.sim.honours(&it));
        let too_late = self.world.sim.counts().refresh_too_late;
        self.act(action).await;
        self.settle().await;
        // Where what is stored is good, nothing older is sent so late that it ends the family.
        let sent_too_late = self.world.sim.counts().refresh_too_late > too_late;
        let moves_clock = matches!(action, Action::Pass(_) | Action::Jump(_));
        assert!(
            !sent_too_late || !honoured || moves_clock,
            "an old token was sent late"
        );
        self.check().await;
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Ask(it) | Action::Round(it) => {
                let admin = self.admin.clone();
                let running = &mut self.running[*it];
                if !running.is_stopped() {
                    running.give(&admin, matches!(action, Action::Round(_)));
                }
            }
            Action::StopAt(it, step) => self.running[*it].process.stop_at(*step),
            Action::GoOn(it) => self.go_on(*it).await,
            Action::Kill(it) => self.restart(*it).await,
            Action::Pass(how_long) => self.pass(*how_long).await,
            Action::Jump(minutes) => self.world.env.jump(MINUTE * *minutes),
            Action::Reconnect => {
                if self.world.connect(&self.admin, "Sam One").await.is_ok() {
                    self.is_ended_by_person = false;
                }
            }
            Action::Disconnect => {
                let disconnecting =
                    service::disconnect::disconnect(&self.world.services, &self.admin);
                disconnecting.await.ok();
            }
            Action::Revoke => {
                self.world.sim.revoke_grants_of("Sam One");
                self.is_ended_by_person = true;
            }
            Action::Trouble(is_refused) => self.refuse(*is_refused).await,
            Action::Fault(fault) => self.world.sim.fault(Endpoint::Token, fault.clone()),
        }
    }

    async fn go_on(&self, it: usize) {
        let running = &self.running[it];
        if running.is_stopped() {
            running.process.go_on();
            running.process.until(|it| it.stopped_at.is_none()).await;
        }
        running.process.stop_nowhere();
    }

    async fn restart(&mut self, it: usize) {
        let fresh = Running::start(&self.world).await;
        std::mem::replace(&mut self.running[it], fresh)
            .process
            .kill();
    }

    async fn pass(&self, how_long: SignedDuration) {
        self.world.env.advance(how_long);
        // A holder that lives renews its lease; only a process that saves is one while nothing moves.
        let lives = |it: &Running| !it.is_stopped() && it.has_unsaved();
        if !self.running.iter().any(lives) {
            let sql = format!(
                "UPDATE integration_credentials SET lease_until = lease_until - {} WHERE lease_until IS NOT NULL",
                how_long.as_millis()
            );
            self.world.db.raw(&sql).await.unwrap();
        }
    }

    async fn refuse(&mut self, is_refused: bool) {
        if self.is_refused != is_refused {
            self.is_refused = is_refused;
            if is_refused {
                refuse_updates(&self.world, NEW_PAIRS).await;
            } else {
                take_updates(&self.world).await;
            }
        }
        if !is_refused {
            for running in self
                .running
                .iter_mut()
                .filter(|it| !it.is_stopped() && it.has_unsaved())
            {
                running.given += 1;
                drop(
                    running
                        .process
                        .spawn(async move |world| world.tasks_done().await),
                );
            }
        }
    }

    async fn settle(&mut self) {
        for it in 0..PROCESSES {
            self.running[it].settle().await;
            // It would keep everybody from writing: on SQLite only one process serves.
            if self.running[it].process.progress().stopped_at == Some(Step::BeforeCommit) {
                self.restart(it).await;
            }
        }
    }

    async fn check(&mut self) {
        let row = self.row().await;
        let Some(refresh) = self.refresh_token(&row) else {
            return;
        };
        let access = self.world.open_tokens(&row).access;
        let companion = self.world.sim.companion_of(&refresh);
        assert_eq!(
            companion.as_deref(),
            Some(access.expose_secret()),
            "two grants are mixed"
        );
        let issued = self.world.sim.secrets();
        let place = issued.iter().position(|it| *it == refresh).unwrap();
        let newest = (place, row.generation.0);
        assert!(
            newest.0 >= self.newest.0 && newest.1 >= self.newest.1,
            "an older pair over a newer one"
        );
        self.newest = newest;
        if row.revoked_at.is_some() {
            assert!(
                !self.world.sim.honours(&refresh),
                "a dead mark on a live grant"
            );
            let is_interrupted =
                row.revocation_reason == Some(RevocationReason::RefreshInterrupted);
            assert!(
                is_interrupted || self.is_ended_by_person,
                "{:?}",
                row.revocation_reason
            );
        }
    }

    /// All trouble is over, and everybody goes on. A clock that was set back makes what is planned late by as
    /// many minutes.
    async fn heal(&mut self, set_back: u32) {
        self.world.sim.clear_faults();
        self.refuse(false).await;
        for it in 0..PROCESSES {
            self.running[it].process.stop_nowhere();
            self.go_on(it).await;
        }
        self.settle().await;
        self.check().await;
        // The workers run, and no more seldom: who looks at the store less often than every 20 s has not seen
        // that it can be written.
        for round in 0..(30 + set_back) * 6 {
            self.pass(SECOND * 10).await;
            for it in 0..PROCESSES {
                self.step(&Action::Round(it)).await;
            }
            if round >= 20 && self.is_well().await {
                return;
            }
        }
        panic!("it does not heal: {:?}", self.row().await.schedule);
    }

    async fn is_well(&self) -> bool {
        let row = self.row().await;
        if !row.is_live() {
            return true;
        }
        let is_whole = row.schedule.started_at.is_none() && row.consecutive_failures == 0;
        let works = match self.world.token(&self.admin).await {
            Ok(token) => {
                token.access.expose_secret() == super::stored(&self.world, &self.admin).await
            }
            Err(_) => false,
        };
        let honoured = self
            .refresh_token(&row)
            .is_some_and(|it| self.world.sim.honours(&it));
        is_whole && works && (honoured || self.is_ended_by_person)
    }
}

async fn play(actions: &[Action]) {
    let mut model = Model::new().await;
    for action in actions {
        model.step(action).await;
    }
    let set_back = actions.iter().map(|it| match it {
        Action::Jump(minutes @ ..0) => minutes.unsigned_abs(),
        _ => 0,
    });
    model.heal(set_back.sum()).await;
}

#[test]
fn whatever_happens_in_whatever_order_no_connection_is_lost_through_us() {
    let config = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(8),
    };
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 100,
        ..config
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(config);
    let played = runner.run(&story(), |actions| {
        runtime.block_on(play(&actions));
        Ok(())
    });
    if let Err(err) = played {
        panic!("{err}");
    }
}

#[test]
fn a_clock_that_was_set_back_by_hours_after_a_lost_answer_heals() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let set_back = [Action::Jump(-60), Action::Jump(-60), Action::Jump(-60)];
    let lost = [
        Action::Pass(MINUTE * 57),
        Action::Fault(Fault::DropAfterRotation),
        Action::Ask(0),
    ];
    let story: Vec<_> = lost.into_iter().chain(set_back).collect();
    runtime.block_on(play(&story));
}
