//! Whatever Atlassian answers: what it is taken for, what is told, when it is asked again, and that
//! nothing is lost by it.

use std::time::Duration;

use atlassian::Timeouts;
use atlassian_sim::{Endpoint, Fault, RateLimit};
use domain::{
    credential::RefreshOutcome::{self, Ambiguous, Misconfigured, NotSent, Unexpected},
    state::ConnectionState,
};
use jiff::SignedDuration;
use service::refresh::{Caveat, TokenError};
use testkit::{
    db::TestDb,
    db_tests,
    world::{World, WorldOptions},
};

use super::{HOUR, MINUTE, SECOND, clear, connected, expired, row, stored};

/// An answer, what it is taken for, and the seconds after which the next attempt is due.
type Row = (Fault, RefreshOutcome, std::ops::RangeInclusive<i64>);

/// Soon, with the jitter.
const SOON: std::ops::RangeInclusive<i64> = 5..=6;

fn after(status: u16, retry_after: &str) -> Fault {
    Fault::StatusWithRetryAfter(status, retry_after.to_owned())
}

fn refusal(status: u16, error: &str) -> Fault {
    Fault::Refusal {
        status,
        error: error.to_owned(),
        description: "a text of somebody else".to_owned(),
    }
}

fn rows() -> Vec<Row> {
    let field = "access_token".to_owned();
    let mut rows = vec![
        (Fault::Status(500), Ambiguous, SOON),
        (Fault::Status(502), Ambiguous, SOON),
        (Fault::Status(503), Ambiguous, SOON),
        (Fault::Status(408), Ambiguous, SOON),
        (Fault::Status(204), Ambiguous, SOON),
        (Fault::Html(502), Ambiguous, SOON),
        (Fault::HtmlWith200, Ambiguous, SOON),
        (
            Fault::Redirect("https://example.com/".to_owned()),
            Ambiguous,
            SOON,
        ),
        (Fault::HugeBody(10 * 1024 * 1024), Ambiguous, SOON),
        (Fault::DropBeforeRotation, Ambiguous, SOON),
        (Fault::DropAfterRotation, Ambiguous, SOON),
        (Fault::TruncatedJson, Ambiguous, SOON),
        (Fault::MissingField(field.clone()), Ambiguous, SOON),
        (Fault::NullField(field), Ambiguous, SOON),
        // Whatever is asked for, an answer that may be had again is asked for again in time.
        (after(503, "7"), Ambiguous, 7..=8),
        (after(503, "300"), Ambiguous, 120..=120),
        (after(503, "315360000"), Ambiguous, 120..=120),
        (Fault::Status(404), Unexpected, SOON),
        (Fault::Status(418), Unexpected, SOON),
        (Fault::Html(403), Unexpected, SOON),
        (refusal(400, "invalid_request"), Unexpected, SOON),
        (refusal(401, "access_denied"), Misconfigured, SOON),
        (refusal(401, "invalid_client"), Misconfigured, SOON),
        (refusal(403, "unauthorized_client"), Misconfigured, SOON),
        (after(429, "0"), NotSent, SOON),
        (after(429, "-5"), NotSent, SOON),
        (after(429, "soon"), NotSent, SOON),
        (after(429, "99999999999999999999999"), NotSent, SOON),
        (after(429, "Tue, 24 Nov 1998 10:01:00 GMT"), NotSent, SOON),
        (after(429, "120"), NotSent, 120..=121),
        (after(429, "315360000"), NotSent, 300..=301),
        (
            after(429, "Tue, 24 Nov 2099 10:01:00 GMT"),
            NotSent,
            300..=301,
        ),
    ];
    let limits = [
        (RateLimit::Burst, SOON),
        (RateLimit::GlobalQuota, 300..=301),
        (RateLimit::TenantQuota, 300..=301),
        (RateLimit::PerIssue, SOON),
        (RateLimit::Gateway, SOON),
        (RateLimit::Html, SOON),
        (RateLimit::Beta, SOON),
        (RateLimit::Bare, SOON),
    ];
    rows.extend(limits.map(|(form, wait)| (Fault::RateLimited(form), NotSent, wait)));
    rows
}

async fn each_answer_is_what_it_is(world: &World, rows: Vec<Row>) {
    let ada = connected(world).await;
    for (fault, outcome, wait) in rows {
        let named = format!("{fault:?}");
        // A whole hour and a bit, so that quotas that end with the hour are far off.
        world.env.advance(HOUR * 2 + MINUTE);
        let before = row(world, &ada).await;
        world.sim.fault(Endpoint::Token, fault);
        let err = world.token(&ada).await.unwrap_err();
        assert_eq!(world.sim.pending_faults(), 0, "{named}");
        let after = row(world, &ada).await;
        assert_eq!(after.last_outcome, Some(outcome), "{named}");
        assert_eq!(
            (after.generation, &after.tokens),
            (before.generation, &before.tokens),
            "{named}"
        );
        assert!(
            after.is_live() && after.consecutive_failures == 1,
            "{named}"
        );
        let is_told = match outcome {
            Misconfigured => matches!(err, TokenError::Misconfigured { .. }),
            _ => matches!(
                err,
                TokenError::ProviderUnavailable {
                    retry_after: Some(_)
                }
            ),
        };
        assert!(is_told, "{named}: {err:?}");
        let state = match outcome {
            Misconfigured => ConnectionState::Misconfigured,
            _ => ConnectionState::Waiting,
        };
        assert_eq!(world.state(&ada).await, state, "{named}");
        // Perhaps rotated: the intent stays. Surely not: nothing is noted.
        assert_eq!(
            after.schedule.started_at,
            (outcome == Ambiguous).then(|| world.now()),
            "{named}"
        );
        let next = after.schedule.next_at.unwrap().duration_since(world.now());
        assert!(wait.contains(&next.as_secs()), "{named}: {next:?}");
        // And then all is well again.
        world.env.advance(next.max(SECOND * 50) + SECOND);
        assert_eq!(world.refresh_due().await.refreshed, 1, "{named}");
        assert_eq!(
            clear(&world.token(&ada).await.unwrap()),
            stored(world, &ada).await,
            "{named}"
        );
        let healed = row(world, &ada).await;
        assert_eq!(
            (healed.consecutive_failures, healed.schedule.started_at),
            (0, None),
            "{named}"
        );
    }
    assert_eq!(world.sim.counts().refresh_refused, 0);
}

#[tokio::test]
async fn each_answer_is_taken_for_what_it_is_on_sqlite() {
    let world = World::new(TestDb::sqlite().await).await;
    each_answer_is_what_it_is(&world, rows()).await;
}

#[tokio::test]
async fn one_answer_of_each_class_is_taken_for_what_it_is_on_postgres() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let world = World::new(db).await;
    let mut rows = rows();
    rows.dedup_by_key(|(_, outcome, _)| *outcome);
    each_answer_is_what_it_is(&world, rows).await;
}

db_tests! {
    async fn an_answer_after_the_deadline_is_had_again(db: TestDb) {
        let timeouts = Timeouts { token: Duration::from_millis(1_500), ..Timeouts::default() };
        let world = World::with_options(db, WorldOptions { timeouts, ..WorldOptions::default() }).await;
        let ada = expired(&world).await;
        for fault in [Fault::Hang, Fault::DelayMillis(60_000)] {
            world.sim.fault(Endpoint::Token, fault);
            world.token(&ada).await.unwrap_err();
            let failed = row(&world, &ada).await;
            assert_eq!((failed.last_outcome, failed.schedule.started_at), (Some(Ambiguous), Some(world.now())));
            assert!(failed.is_live());
            world.env.advance(SECOND * 50);
            assert_eq!(world.refresh_due().await.refreshed, 1);
            world.env.advance(HOUR * 2);
        }
    }

    async fn a_connection_that_is_refused_has_spent_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let cut_off = world.process_cut_off();
        let err = cut_off.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::ProviderUnavailable { retry_after: Some(_) }), "{err:?}");
        let failed = row(&world, &ada).await;
        assert_eq!((failed.last_outcome, failed.schedule.started_at), (Some(NotSent), None));
        assert_eq!(cut_off.state(&ada).await, ConnectionState::Waiting);
        world.env.advance(SECOND * 10);
        assert_eq!(world.refresh_due().await.refreshed, 1);
    }

    async fn what_is_missing_null_or_compressed_in_a_good_answer_loses_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let scopes = row(&world, &ada).await.scopes;
        let mut faults = vec![Fault::GzipBody];
        for field in ["refresh_token", "expires_in", "scope", "token_type"] {
            faults.extend([Fault::MissingField(field.to_owned()), Fault::NullField(field.to_owned())]);
        }
        for fault in faults {
            let named = format!("{fault:?}");
            world.env.advance(HOUR * 2);
            world.sim.fault(Endpoint::Token, fault);
            let token = world.token(&ada).await.unwrap();
            assert_eq!(world.sim.pending_faults(), 0);
            let after = row(&world, &ada).await;
            assert_eq!(token.expires_at, world.now() + HOUR, "{named}");
            assert_eq!(after.scopes, scopes, "{named}");
            assert_eq!(after.last_outcome, Some(RefreshOutcome::Ok), "{named}");
            assert_eq!(clear(&token), stored(&world, &ada).await, "{named}");
        }
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (9, 0, 0));
    }

    async fn a_wait_that_is_asked_for_costs_nobody_a_token_that_is_still_good(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        world.env.advance(MINUTE * 56);
        world.sim.fault_always(Endpoint::Token, after(429, "315360000"));
        let good = world.token(&ada).await.unwrap();
        world.tasks_done().await;
        for _ in 0..20 {
            world.env.advance(SECOND * 10);
            world.refresh_due().await;
            let served = world.token(&ada).await.unwrap();
            assert_eq!((clear(&served), served.refreshing, served.caveat), (clear(&good), false, None::<Caveat>));
        }
        assert_eq!(world.state(&ada).await, ConnectionState::Degraded);
        assert_eq!(world.sim.counts().token_requests, 2, "five minutes are kept to");
    }

    async fn clocks_that_jump_an_hour_lose_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let mut jumps = [HOUR, -HOUR, HOUR, HOUR, -HOUR, -HOUR, -HOUR, HOUR].into_iter().cycle();
        for round in 0..40 {
            world.env.jump(jumps.next().unwrap_or(SignedDuration::ZERO));
            if round % 3 == 0 {
                let fault = if round % 2 == 0 { Fault::DropAfterRotation } else { Fault::Status(503) };
                world.sim.fault(Endpoint::Token, fault);
            }
            for _ in 0..3 {
                // A clock that goes back makes what is planned late, and loses nothing.
                world.token(&ada).await.ok();
                world.refresh_due().await;
                world.env.advance(SECOND * 50);
            }
            assert!(row(&world, &ada).await.is_live(), "round {round}");
        }
        world.sim.clear_faults();
        for _ in 0..130 {
            world.env.advance(MINUTE);
            world.refresh_due().await;
        }
        assert_eq!(clear(&world.token(&ada).await.unwrap()), stored(&world, &ada).await);
        assert_eq!(world.sim.counts().refresh_refused, 0);
    }
}
