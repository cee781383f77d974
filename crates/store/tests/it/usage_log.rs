//! What services asked for, as people read it: every row and every sum once, of one team only.

use domain::{
    ids::ApiKeyId,
    usage::{Answer, Call, CountedCall, KeyUsage, Method, PathTemplate},
};
use jiff::SignedDuration;
use store::{Direction, UsageFilter, UsageLine, UsagePlace};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::{
    api_keys,
    rows::{at, read, team_id, two_teams, write},
    usage::{call, usage},
};

const ALL: UsageFilter = UsageFilter {
    from: None,
    to: None,
    key: None,
    call: None,
    status_class: None,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn proxied(path: &str, http_status: u16) -> CountedCall {
    CountedCall {
        method: Method::Get,
        path_template: PathTemplate::new(path),
        http_status,
        ..call(Call::Proxy, Answer::Served)
    }
}

fn key(n: u128) -> ApiKeyId {
    ApiKeyId::from_uuid(Uuid::from_u128(n))
}

/// Two keys of one team and one of another, in three hours.
async fn fill(db: &TestDb) -> Vec<KeyUsage> {
    two_teams(db).await;
    for (n, team, name) in [(1, 1, "billing"), (2, 1, "search"), (3, 2, "theirs")] {
        assert!(api_keys::add(db, n, team, name).await);
    }
    let token = || call(Call::Token, Answer::Served);
    let rows = vec![
        usage(1, 1, 0, token(), 1),
        usage(1, 1, 1, token(), 2),
        usage(1, 1, 1, proxied("/a", 200), 3),
        usage(1, 1, 1, proxied("/a", 404), 4),
        usage(1, 1, 1, proxied("/b", 200), 5),
        usage(2, 1, 1, token(), 6),
        usage(2, 1, 61, token(), 7),
        usage(1, 1, 125, call(Call::Token, Answer::OurFault), 8),
        usage(1, 1, 125, token(), 9),
        usage(3, 2, 1, token(), 100),
    ];
    write(db, async |tx| tx.add_key_usage(&rows, at(200)).await).await;
    rows
}

async fn sums(
    db: &TestDb,
    filter: UsageFilter,
    direction: Direction,
    after: Option<&UsagePlace>,
    limit: i64,
) -> Vec<UsageLine> {
    read(db, async |tx| {
        tx.list_usage_sums(team_id(1), &filter, HOUR, direction, after, limit)
            .await
    })
    .await
}

fn counts(lines: &[UsageLine]) -> Vec<u64> {
    lines.iter().map(|it| it.count).collect()
}

db_tests! {
    async fn every_row_of_a_team_is_read_once_in_batches_of_any_size(db: TestDb) {
        let mut rows = fill(&db).await;
        rows.retain(|it| it.team == team_id(1));
        rows.sort();
        for size in [1, 2, 3, 99] {
            let mut found = Vec::new();
            let mut place = None;
            loop {
                let batch = read(&db, async |tx| tx.list_usage_rows(team_id(1), &ALL, place.as_ref(), size).await).await;
                assert!(batch.len() <= usize::try_from(size).unwrap());
                let Some(last) = batch.last() else { break };
                place = Some(last.place());
                found.extend(batch);
            }
            assert!(found.is_sorted_by(|a, b| a.usage.minute_at >= b.usage.minute_at));
            assert!(found.iter().all(|it| it.key.as_str() == if it.usage.key == key(1) { "billing" } else { "search" }));
            let mut found: Vec<_> = found.into_iter().map(|it| it.usage).collect();
            found.sort();
            assert_eq!(found, rows, "in batches of {size}");
        }
    }

    async fn sums_are_of_an_hour_and_read_page_by_page_in_both_directions(db: TestDb) {
        fill(&db).await;
        let (back, forth) = (Direction::Backwards, Direction::Forwards);
        let all = sums(&db, ALL, back, None, 99).await;
        assert_eq!(counts(&all), [17, 7, 6, 3, 5, 4, 3], "{all:?}");
        let mut forwards = sums(&db, ALL, forth, None, 99).await;
        forwards.reverse();
        assert_eq!(forwards, all);
        for size in [1, 2, 3] {
            let (mut found, mut place) = (Vec::new(), None);
            loop {
                let page = sums(&db, ALL, back, place.as_ref(), size).await;
                let Some(last) = page.last() else { break };
                place = Some(last.place());
                found.extend(page);
            }
            assert_eq!(found, all, "in pages of {size}");
            let (mut found, mut place) = (Vec::new(), None);
            loop {
                let page = sums(&db, ALL, forth, place.as_ref(), size).await;
                let Some(last) = page.last() else { break };
                place = Some(last.place());
                found.extend(page);
            }
            found.reverse();
            assert_eq!(found, all, "in pages of {size}, the oldest first");
        }
        // Before all of an hour: the hours before it, and that one from there on.
        let hour = UsagePlace { at: at(60), of: None };
        assert_eq!(counts(&sums(&db, ALL, back, Some(&hour), 99).await).iter().sum::<u64>(), 21);
        assert_eq!(counts(&sums(&db, ALL, forth, Some(&hour), 99).await), [7, 17]);
        let others = read(&db, async |tx| tx.list_usage_sums(team_id(2), &ALL, HOUR, back, None, 9).await).await;
        assert_eq!(counts(&others), [100]);
    }

    async fn each_filter_leaves_what_it_says(db: TestDb) {
        fill(&db).await;
        let back = Direction::Backwards;
        let total = async |filter| {
            let sums = counts(&sums(&db, filter, back, None, 99).await).iter().sum::<u64>();
            let rows = read(&db, async |tx| tx.list_usage_rows(team_id(1), &filter, None, 99).await).await;
            assert_eq!(rows.iter().map(|it| it.usage.count).sum::<u64>(), sums, "{filter:?}");
            sums
        };
        assert_eq!(total(ALL).await, 45);
        assert_eq!(total(UsageFilter { key: Some(key(2)), ..ALL }).await, 13);
        assert_eq!(total(UsageFilter { key: Some(key(3)), ..ALL }).await, 0, "a key of another team");
        assert_eq!(total(UsageFilter { call: Some(Call::Proxy), ..ALL }).await, 12);
        assert_eq!(total(UsageFilter { status_class: Some(4), ..ALL }).await, 4);
        assert_eq!(total(UsageFilter { from: Some(at(1)), to: Some(at(61)), ..ALL }).await, 20);
        assert_eq!(total(UsageFilter { from: Some(at(61)), ..ALL }).await, 24);
    }

    async fn an_edge_lies_behind_as_many_rows_as_are_skipped(db: TestDb) {
        fill(&db).await;
        let edge = async |filter, direction, skip| read(&db, async |tx| tx.find_usage_edge(team_id(1), &filter, direction, skip).await).await;
        let (back, forth) = (Direction::Backwards, Direction::Forwards);
        assert_eq!(edge(ALL, back, 0).await, Some(at(125)));
        assert_eq!(edge(ALL, back, 2).await, Some(at(61)));
        assert_eq!(edge(ALL, back, 8).await, Some(at(0)));
        assert_eq!(edge(ALL, back, 9).await, None);
        assert_eq!(edge(ALL, forth, 0).await, Some(at(0)));
        assert_eq!(edge(ALL, forth, 6).await, Some(at(61)));
        let some = UsageFilter { to: Some(at(125)), key: Some(key(1)), ..ALL };
        assert_eq!(edge(some, back, 0).await, Some(at(1)));
        assert_eq!(edge(UsageFilter { from: Some(at(2)), ..some }, back, 0).await, None);
    }
}
