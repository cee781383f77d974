//! What services asked for: added to, in order, for keys that are there.

use domain::{
    ids::{ApiKeyId, TeamId},
    usage::{
        Answer, Call, CountedCall, DailyUsage, KeyUsage, Method, PathTemplate, day_of, minute_of,
    },
};
use store::UsageSum;
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::{
    api_keys,
    rows::{at, read, team_id, two_teams, write},
};

pub(crate) fn call(call: Call, answer: Answer) -> CountedCall {
    CountedCall {
        call,
        method: Method::Post,
        path_template: PathTemplate::NONE,
        http_status: 200,
        answer,
    }
}

pub(crate) fn usage(key: u128, team: u128, minute: i64, of: CountedCall, count: u64) -> KeyUsage {
    KeyUsage {
        key: ApiKeyId::from_uuid(Uuid::from_u128(key)),
        team: team_id(team),
        minute_at: minute_of(at(minute)),
        of,
        count,
    }
}

fn daily(team: TeamId, day: i64, call: Call, answer: Answer, count: u64) -> DailyUsage {
    DailyUsage {
        team,
        day_at: day_of(at(day * 24 * 60)),
        call,
        answer,
        count,
    }
}

const fn sum(call: Call, answer: Answer, count: u64) -> UsageSum {
    UsageSum {
        call,
        answer,
        count,
    }
}

async fn two_keys(db: &TestDb) {
    two_teams(db).await;
    assert!(api_keys::add(db, 1, 1, "billing").await);
    assert!(api_keys::add(db, 2, 2, "billing").await);
}

const TOKEN: Call = Call::Token;
const SERVED: Answer = Answer::Served;

db_tests! {
    async fn the_same_call_in_the_same_minute_is_one_row(db: TestDb) {
        two_keys(&db).await;
        let proxied = CountedCall {
            method: Method::Get,
            path_template: PathTemplate::new("/rest/api/3/issue/{}"),
            http_status: 404,
            ..call(Call::Proxy, SERVED)
        };
        let first = [usage(1, 1, 1, call(TOKEN, SERVED), 2), usage(1, 1, 1, proxied.clone(), 1)];
        let second = [
            usage(1, 1, 1, call(TOKEN, SERVED), 3),
            usage(1, 1, 1, call(TOKEN, Answer::OurFault), 1),
            usage(1, 1, 2, call(TOKEN, SERVED), 4),
            usage(2, 2, 2, call(TOKEN, SERVED), 7),
        ];
        write(&db, async |tx| {
            tx.add_key_usage(&first, at(1)).await?;
            tx.add_key_usage(&second, at(2)).await?;
            tx.add_key_usage(&[], at(2)).await
        }).await;
        let listed = read(&db, async |tx| tx.list_key_usage(team_id(1), at(0), 10).await).await;
        assert_eq!(listed, [
            usage(1, 1, 2, call(TOKEN, SERVED), 4),
            usage(1, 1, 1, proxied, 1),
            usage(1, 1, 1, call(TOKEN, Answer::OurFault), 1),
            usage(1, 1, 1, call(TOKEN, SERVED), 5),
        ], "nothing of another team");
        let since = read(&db, async |tx| tx.list_key_usage(team_id(1), at(2), 10).await).await;
        assert_eq!(since.len(), 1);
        let sums = read(&db, async |tx| tx.sum_key_usage(at(1)).await).await;
        assert_eq!(sums, [sum(Call::Proxy, SERVED, 1), sum(TOKEN, Answer::OurFault, 1), sum(TOKEN, SERVED, 16)]);
        assert_eq!(read(&db, async |tx| tx.sum_key_usage(at(2)).await).await, [sum(TOKEN, SERVED, 11)]);
        assert_eq!(read(&db, async |tx| tx.sum_key_usage_of(team_id(2), at(0)).await).await, [sum(TOKEN, SERVED, 7)]);
    }

    async fn days_are_summed_by_team(db: TestDb) {
        two_keys(&db).await;
        let rows = [
            daily(team_id(1), 0, TOKEN, SERVED, 1),
            daily(team_id(1), 1, TOKEN, SERVED, 2),
            daily(team_id(1), 1, Call::Status, Answer::NoGrant, 3),
            daily(team_id(2), 1, TOKEN, SERVED, 4),
        ];
        write(&db, async |tx| {
            tx.add_daily_usage(&rows, at(0)).await?;
            tx.add_daily_usage(&rows, at(1)).await
        }).await;
        let since = day_of(at(24 * 60));
        let all = read(&db, async |tx| tx.sum_daily_usage(since).await).await;
        assert_eq!(all, [sum(Call::Status, Answer::NoGrant, 6), sum(TOKEN, SERVED, 12)]);
        let own = read(&db, async |tx| tx.sum_daily_usage_of(team_id(1), day_of(at(0))).await).await;
        assert_eq!(own, [sum(Call::Status, Answer::NoGrant, 6), sum(TOKEN, SERVED, 6)]);
    }

    async fn a_key_or_a_team_that_is_gone_is_left_out_and_keeps_nothing_from_being_written(db: TestDb) {
        two_keys(&db).await;
        let rows = [
            usage(1, 1, 1, call(TOKEN, SERVED), 1),
            // Of another team than its own, of no team, of no key.
            usage(2, 1, 1, call(TOKEN, SERVED), 1),
            usage(1, 9, 1, call(TOKEN, SERVED), 1),
            usage(9, 1, 1, call(TOKEN, SERVED), 1),
        ];
        let days = [daily(team_id(1), 0, TOKEN, SERVED, 1), daily(team_id(9), 0, TOKEN, SERVED, 1)];
        write(&db, async |tx| {
            tx.add_key_usage(&rows, at(1)).await?;
            tx.add_daily_usage(&days, at(1)).await
        }).await;
        assert_eq!(db.rows("key_usage").await.len(), 1);
        assert_eq!(db.rows("daily_usage").await.len(), 1);
    }

    async fn many_rows_go_out_in_a_few_statements(db: TestDb) {
        two_keys(&db).await;
        let rows: Vec<_> = (0..1_201).map(|minute| usage(1, 1, minute, call(TOKEN, SERVED), 1)).collect();
        write(&db, async |tx| tx.add_key_usage(&rows, at(1)).await).await;
        write(&db, async |tx| tx.add_key_usage(&rows, at(1)).await).await;
        assert_eq!(read(&db, async |tx| tx.sum_key_usage(at(0)).await).await, [sum(TOKEN, SERVED, 2_402)]);
    }
}
