//! A row holds one grant whole, or none: whatever processes do to it, in whatever order, each with what
//! it has read at some time.

use std::collections::BTreeSet;

use domain::{
    credential::{Generation, IntegrationCredential, RevocationReason, Scopes},
    text::AccountId,
};
use jiff::SignedDuration;
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use store::RefreshOf;
use testkit::db::TestDb;
use uuid::Uuid;

use crate::rows::{JIRA, at, credential, read, team_id, tokens, two_teams, user_id, write};

/// So many of ours are at it at once.
const PROCESSES: usize = 3;

/// What a process does, by what it has read last.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Reads the row.
    Look,
    /// Leases the refresh of the pair that it has read.
    Lease,
    /// Saves what a refresh of that pair brought.
    Save,
    /// Learns that the grant of that pair is dead.
    Die,
    /// A person reconnects, as one of two accounts, which may not be known yet.
    Reconnect { account: u8, is_known: bool },
    /// The account of that pair answers.
    Account,
    /// A person disconnects.
    Disconnect,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    // Most often the account does not answer at first: then it is filled in later, by whoever knows it.
    let reconnect = (0..2_u8, prop::bool::weighted(0.3));
    let step = prop_oneof![
        4 => Just(Step::Look),
        2 => Just(Step::Lease),
        4 => Just(Step::Save),
        2 => Just(Step::Die),
        3 => reconnect.prop_map(|(account, is_known)| Step::Reconnect { account, is_known }),
        4 => Just(Step::Account),
        2 => Just(Step::Disconnect),
    ];
    prop::collection::vec((0..PROCESSES, step), 1..24)
}

/// What must be so, kept beside the database.
#[derive(Default)]
struct Expected {
    /// How many grants people gave.
    grants: i64,
    /// Which account gave each of them, by number.
    accounts: Vec<u8>,
    /// How many refreshes brought a pair.
    pairs: i64,
    /// The grant and the pair that stand in the row.
    stands: Option<(i64, i64)>,
    /// Grants that somebody learned to be dead.
    dead: BTreeSet<i64>,
    generation: i64,
}

/// A grant that says in every field which one it is.
fn grant(number: i64, account: Option<u8>, after: Option<Generation>) -> IntegrationCredential {
    IntegrationCredential {
        tokens: Some(tokens(&format!("{number}.0"), number)),
        scopes: Scopes::from_space_separated(&format!("grant-{number} offline_access")),
        account_id: account.map(account_id),
        connected_by: Some(user_id(1 + u128::from(number % 2 == 0))),
        consented_at: Some(at(number)),
        generation: after.unwrap_or(Generation::ZERO).next(),
        ..credential(1)
    }
}

fn account_id(n: u8) -> AccountId {
    AccountId::parse(&format!("712020:{n}")).unwrap()
}

/// Which grant and which pair the tokens are of: `grant.pair access` and `grant.pair refresh`.
fn told(row: &IntegrationCredential) -> Option<(i64, i64)> {
    let tokens = row.tokens.as_ref()?;
    let [access, refresh] = [&tokens.access, &tokens.refresh]
        .map(|it| String::from_utf8(it.as_bytes().to_vec()).unwrap());
    let name = access.strip_suffix(" access").unwrap();
    assert_eq!(refresh, format!("{name} refresh"), "of one pair");
    let (grant, pair) = name.split_once('.').unwrap();
    Some((grant.parse().unwrap(), pair.parse().unwrap()))
}

fn of(seen: &IntegrationCredential, process: usize) -> RefreshOf {
    RefreshOf {
        team: team_id(1),
        credential: seen.id,
        generation: seen.generation,
        owner: Uuid::from_u128(100 + process as u128),
    }
}

/// Does it, and follows what it must come to.
async fn take(
    db: &TestDb,
    process: usize,
    step: Step,
    seen: &mut Option<IntegrationCredential>,
    expected: &mut Expected,
) -> TestCaseResult {
    let (team, now) = (team_id(1), at(1_000));
    let is_current = seen
        .as_ref()
        .is_some_and(|it| it.generation.0 == expected.generation);
    match (step, seen.as_ref()) {
        (Step::Look, _) => {
            *seen = read(db, async |tx| tx.find_credential(team, JIRA).await).await;
        }
        (Step::Lease, Some(row)) => {
            let (of, long) = (of(row, process), SignedDuration::from_mins(60));
            write(db, async |tx| {
                tx.lease_refresh(of, row.schedule.started_at, long, false, now)
                    .await
            })
            .await;
        }
        (Step::Save, Some(row)) => {
            let Some((grant, _)) = told(row) else {
                return Ok(());
            };
            let pair = expected.pairs + 1;
            let brought = tokens(&format!("{grant}.{pair}"), grant);
            let of = of(row, process);
            let saved = write(db, async |tx| {
                tx.save_refreshed(of, &brought, None, at(65), now).await
            })
            .await;
            prop_assert_eq!(saved, is_current && expected.stands.is_some());
            if saved {
                expected.pairs = pair;
                expected.stands = Some((grant, pair));
                expected.generation += 1;
            }
        }
        (Step::Die, Some(row)) => {
            let of = of(row, process);
            let marked = write(db, async |tx| {
                tx.set_dead(of, RevocationReason::GrantRevoked, now).await
            })
            .await;
            prop_assert!(!marked || is_current, "only what was asked about is dead");
            if let Some((grant, _)) = told(row).filter(|_| marked) {
                expected.dead.insert(grant);
            }
        }
        (Step::Reconnect { account, is_known }, before) => {
            let number = expected.grants + 1;
            let new = grant(
                number,
                is_known.then_some(account),
                before.map(|it| it.generation),
            );
            let written = write(db, async |tx| match before {
                Some(before) => tx.replace_grant(&new, before.generation, now).await,
                None => tx.add_credential(&new, now).await,
            })
            .await;
            let is_first = before.is_none() && expected.generation == 0;
            prop_assert_eq!(written, is_first || is_current);
            if written {
                expected.grants = number;
                expected.accounts.push(account);
                expected.stands = Some((number, 0));
                expected.generation += 1;
            }
        }
        (Step::Account, Some(row)) => {
            let Some((grant, _)) = told(row) else {
                return Ok(());
            };
            let account = account_id(expected.accounts[usize::try_from(grant).unwrap() - 1]);
            let (id, generation) = (row.id, row.generation);
            write(db, async |tx| {
                tx.set_account_id(team, id, generation, &account, now).await
            })
            .await;
        }
        (Step::Disconnect, _) => {
            let id = credential(1).id;
            let emptied = write(db, async |tx| {
                tx.empty_credential(team, id, user_id(1), now).await
            })
            .await;
            prop_assert_eq!(emptied, expected.stands.is_some());
            if emptied {
                expected.stands = None;
                expected.generation += 1;
            }
        }
        (Step::Lease | Step::Save | Step::Die | Step::Account, None) => {}
    }
    Ok(())
}

/// The row is of one grant in every field, and of the one that it must be of.
async fn is_whole(db: &TestDb, expected: &Expected) -> TestCaseResult {
    let row = read(db, async |tx| tx.find_credential(team_id(1), JIRA).await).await;
    let Some(row) = row else {
        prop_assert_eq!(expected.generation, 0);
        return Ok(());
    };
    prop_assert_eq!(row.generation.0, expected.generation);
    prop_assert_eq!(told(&row), expected.stands);
    let Some((number, _)) = expected.stands else {
        prop_assert!(row.account_id.is_none() && row.consented_at.is_none());
        prop_assert_eq!(row.scopes.iter().count(), 0);
        prop_assert!(row.revoked_at.is_none() && row.schedule.next_at.is_none());
        return Ok(());
    };
    let account = expected.accounts[usize::try_from(number).unwrap() - 1];
    let whole = grant(number, Some(account), None);
    let expires_at = row.tokens.as_ref().map(|it| it.access_expires_at);
    prop_assert_eq!(expires_at, whole.tokens.map(|it| it.access_expires_at));
    prop_assert_eq!(&row.scopes, &whole.scopes);
    prop_assert_eq!(row.consented_at, whole.consented_at);
    prop_assert_eq!(row.connected_by, whole.connected_by);
    prop_assert!(row.account_id.is_none() || row.account_id == whole.account_id);
    prop_assert!(row.disconnected_at.is_none());
    prop_assert!(row.revoked_at.is_none() || expected.dead.contains(&number));
    Ok(())
}

#[test]
fn whatever_processes_do_in_whatever_order_a_row_is_of_one_grant() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = runtime.block_on(TestDb::sqlite());
    runtime.block_on(async {
        two_teams(&db).await;
    });
    let mut runner = TestRunner::new(config);
    let done = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            db.raw("DELETE FROM integration_credentials").await.unwrap();
            let (mut seen, mut expected) = ([const { None }; PROCESSES], Expected::default());
            for (process, step) in steps {
                take(&db, process, step, &mut seen[process], &mut expected).await?;
                is_whole(&db, &expected).await?;
            }
            Ok(())
        })
    });
    done.unwrap();
}
