//! What Atlassian allows: of one site or of all, never of a team.

use domain::{
    api_key::KeyHolder,
    rate_budget::{Budget, BudgetOf, Left, Limit},
    text::{CloudId, ServiceName},
    usage::{Answer, Call, CountedCall},
};
use jiff::Timestamp;
use store::ProxyCalls;
use testkit::{db::TestDb, db_tests};

use crate::{
    api_keys,
    rows::{at, integration, read, site, team_id, two_connected_teams, write},
    usage::{call, usage},
};

pub(crate) fn of(site: Option<&str>, limit: Limit, scope: &str) -> BudgetOf {
    BudgetOf {
        site: site.map(|it| CloudId::parse(it).unwrap()),
        limit,
        scope: scope.to_owned(),
    }
}

fn left(points: u64, until: i64) -> Budget {
    Budget {
        left: Some(Left {
            points,
            until: at(until),
        }),
        of: Some(65_000),
        ..Budget::default()
    }
}

fn refused(until: i64) -> Budget {
    Budget {
        refused_until: Some(at(until)),
        refusals: 2,
        ..Budget::default()
    }
}

pub(crate) async fn set(db: &TestDb, of: &BudgetOf, budget: Budget) {
    write(db, async |tx| {
        tx.lock_rate_budget(of, at(0)).await?;
        tx.set_rate_budget(of, &budget, at(0)).await
    })
    .await;
}

async fn listed(db: &TestDb, now: Timestamp) -> Vec<(BudgetOf, Budget)> {
    let mut all = db.store.list_rate_budgets(now).await.unwrap();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

db_tests! {
    async fn budgets_are_read_as_they_were_written_until_they_end(db: TestDb) {
        let app = of(None, Limit::AppHour, "");
        let burst = of(Some("cloud-1"), Limit::Burst, "GET /rest/api/3/issue/{}");
        let other = of(Some("cloud-2"), Limit::Burst, "GET /rest/api/3/issue/{}");
        set(&db, &app, left(7, 60)).await;
        set(&db, &burst, refused(1)).await;
        set(&db, &other, Budget { left: Some(Left { points: u64::MAX, until: at(9) }), ..refused(5) }).await;
        let huge = Budget { left: Some(Left { points: i64::MAX.unsigned_abs(), until: at(9) }), ..refused(5) };
        assert_eq!(listed(&db, at(0)).await, [(app.clone(), left(7, 60)), (burst.clone(), refused(1)), (other.clone(), huge)]);
        assert_eq!(listed(&db, at(1)).await.len(), 2, "it has ended");
        let stands = write(&db, async |tx| tx.lock_rate_budget(&burst, at(2)).await).await;
        assert_eq!(stands, refused(1));
        set(&db, &app, left(3, 60)).await;
        assert_eq!(listed(&db, at(30)).await, [(app, left(3, 60))]);
        let removed = write(&db, async |tx| tx.remove_ended_rate_budgets(at(9)).await).await;
        assert_eq!(removed, 2);
        assert_eq!(db.rows("rate_budgets").await.len(), 1);
    }

    async fn hours_that_are_used_up_are_counted(db: TestDb) {
        set(&db, &of(None, Limit::AppHour, ""), left(0, 60)).await;
        set(&db, &of(Some("cloud-1"), Limit::SiteHour, ""), refused(60)).await;
        set(&db, &of(Some("cloud-2"), Limit::SiteHour, ""), refused(30)).await;
        set(&db, &of(Some("cloud-3"), Limit::SiteHour, ""), left(1, 60)).await;
        set(&db, &of(Some("cloud-3"), Limit::Burst, "GET x"), refused(60)).await;
        let counted = async |now| {
            let mut counts = read(&db, async |tx| tx.list_used_up_hours(now).await).await;
            counts.sort_unstable();
            counts
        };
        assert_eq!(counted(at(10)).await, [(Limit::AppHour, 1), (Limit::SiteHour, 2)]);
        assert_eq!(counted(at(30)).await, [(Limit::AppHour, 1), (Limit::SiteHour, 1)]);
        assert!(counted(at(60)).await.is_empty());
    }

    async fn what_a_newer_version_alone_knows_is_left_to_it(db: TestDb) {
        let known = of(None, Limit::AppHour, "");
        write(&db, async |tx| {
            tx.lock_rate_budget(&known, at(0)).await?;
            tx.set_rate_budget(&known, &left(7, 60), at(0)).await
        }).await;
        db.raw("INSERT INTO rate_budgets (cloud_id, limit_name, scope, refusals, ends_at, created_at, updated_at) \
                SELECT cloud_id, 'app_fortnight', scope, refusals, ends_at, created_at, updated_at FROM rate_budgets").await.unwrap();
        assert_eq!(db.store.list_rate_budgets(at(1)).await.unwrap(), [(known, left(7, 60))]);
    }

    async fn calls_through_the_proxy_are_counted_by_service_and_site(db: TestDb) {
        two_connected_teams(&db).await;
        for n in [1, 2] {
            assert!(api_keys::add(&db, n, n.into(), "billing").await);
        }
        assert!(api_keys::add_second(&db, 3, 1, "billing").await);
        let status = |http_status, answer| CountedCall { http_status, ..call(Call::Proxy, answer) };
        let served = call(Call::Proxy, Answer::Served);
        write(&db, async |tx| {
            tx.set_jira_integration(&integration(2, "evil"), at(0)).await?;
            let rows = [
                usage(1, 1, 0, served.clone(), 100),
                usage(1, 1, 5, served.clone(), 3),
                usage(1, 1, 6, served.clone(), 4),
                usage(1, 1, 6, status(429, Answer::Served), 50),
                usage(1, 1, 6, status(499, Answer::CallersFault), 1),
                usage(1, 1, 6, status(403, Answer::CallersFault), 50),
                usage(1, 1, 6, call(Call::Token, Answer::Served), 50),
                usage(3, 1, 6, served.clone(), 16),
                usage(2, 2, 6, served, 2),
            ];
            tx.add_key_usage(&rows, at(6)).await
        }).await;
        let mut calls = db.store.list_proxy_calls(at(5)).await.unwrap();
        calls.sort_by_key(|it| it.count);
        let expected = |n, name, count| ProxyCalls {
            holder: KeyHolder { team: team_id(n), service: ServiceName::parse("billing").unwrap() },
            site: site(name).cloud_id,
            count,
        };
        assert_eq!(calls, [expected(2, "evil", 2), expected(1, "acme", 24)]);
    }
}
