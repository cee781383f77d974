//! Rows with sensible values; a test states only what it is about.
//!
//! Numbers tell rows apart: person 1 is the admin of team 1, person 2 of team 2.

use domain::{
    attempt::{ConnectAttempt, GRANT_LIFE, PendingGrant, Purpose, TRIP_LIFE},
    credential::{
        Generation, IntegrationCredential, Provider, RefreshSchedule, Scopes, SealedTokens,
    },
    ids::{AttemptId, CredentialId, JiraIntegrationId, SessionId, TeamId, UserId},
    jira::{JiraIntegration, Site, SyncStatus},
    sealed::Sealed,
    session::{ABSOLUTE_LIFE, Session, TokenHash},
    team::{Role, Team},
    text::{AccountId, CloudId, EmailAddress, PersonName, SiteName, SiteUrl, Slug, TeamName},
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Tx};
use testkit::db::TestDb;
use uuid::Uuid;

pub(crate) const JIRA: Provider = Provider::Jira;

/// The time, so many minutes after the tests begin.
pub(crate) fn at(minutes: i64) -> Timestamp {
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 57);
    start + SignedDuration::from_mins(minutes)
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn user_id(n: u128) -> UserId {
    UserId::from_uuid(id(n))
}

pub(crate) fn team_id(n: u128) -> TeamId {
    TeamId::from_uuid(id(n))
}

pub(crate) fn attempt_id(n: u128) -> AttemptId {
    AttemptId::from_uuid(id(n))
}

pub(crate) fn session_id(n: u128) -> SessionId {
    SessionId::from_uuid(id(n))
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub(crate) fn user(n: u128) -> User {
    User {
        id: user_id(n),
        name: PersonName::parse(&format!("Person {n}")).unwrap(),
        email: EmailAddress::parse(&format!("person-{n}@example.com")).unwrap(),
        created_at: at(0),
    }
}

pub(crate) fn team(n: u128) -> Team {
    Team {
        id: team_id(n),
        slug: Slug::parse(&format!("team-{n}")).unwrap(),
        name: TeamName::parse(&format!("Team {n}")).unwrap(),
        created_at: at(0),
    }
}

pub(crate) fn session(n: u128, user: u128) -> Session {
    Session {
        id: session_id(n),
        user: user_id(user),
        ends_at: at(0) + ABSOLUTE_LIFE,
        last_seen_at: at(0),
    }
}

pub(crate) const fn token_hash(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

/// An attempt that begins at `at(begins)`, by the admin of the team, in no session.
pub(crate) fn attempt(n: u128, team: u128, begins: i64) -> ConnectAttempt {
    ConnectAttempt {
        id: attempt_id(n),
        team: team_id(team),
        user: user_id(team),
        session: None,
        provider: JIRA,
        purpose: Purpose::Connect,
        code_verifier: sealed("verifier"),
        created_at: at(begins),
        expires_at: at(begins) + TRIP_LIFE,
        finished_at: None,
        outcome: None,
        grant: None,
        chosen_site: None,
    }
}

/// A grant that came at `at(granted)`.
pub(crate) fn grant(granted: i64) -> PendingGrant {
    PendingGrant {
        tokens: tokens("granted", granted + 60),
        scopes: Scopes::from_space_separated("read:jira-work offline_access"),
        granted_at: at(granted),
        erase_at: at(granted) + GRANT_LIFE,
    }
}

/// A pair of its own for each `name`.
pub(crate) fn tokens(name: &str, expires: i64) -> SealedTokens {
    SealedTokens {
        access: sealed(&format!("{name} access")),
        refresh: sealed(&format!("{name} refresh")),
        access_expires_at: at(expires),
    }
}

/// The first credential of a team; the team's number is the credential's.
pub(crate) fn credential(team: u128) -> IntegrationCredential {
    IntegrationCredential {
        id: CredentialId::from_uuid(id(team)),
        team: team_id(team),
        provider: JIRA,
        tokens: Some(tokens("first", 60)),
        scopes: Scopes::from_space_separated("read:jira-work offline_access"),
        account_id: Some(AccountId::parse("712020:one").unwrap()),
        connected_by: Some(user_id(team)),
        consented_at: Some(at(0)),
        generation: Generation(1),
        consecutive_failures: 0,
        last_outcome: None,
        last_refreshed_at: None,
        last_used_at: Some(at(0)),
        schedule: RefreshSchedule {
            next_at: Some(at(50)),
            ..RefreshSchedule::default()
        },
        revoked_at: None,
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    }
}

pub(crate) fn site(name: &str) -> Site {
    let url = SiteUrl::parse(&format!("https://{name}.atlassian.net")).unwrap();
    Site {
        cloud_id: CloudId::parse(&format!("cloud-{name}")).unwrap(),
        name: SiteName::from_provider(name, &url),
        url,
        avatar_url: None,
    }
}

/// The chosen site of the credential of a team.
pub(crate) fn integration(team: u128, site_name: &str) -> JiraIntegration {
    JiraIntegration {
        id: JiraIntegrationId::from_uuid(id(team)),
        team: team_id(team),
        credential: CredentialId::from_uuid(id(team)),
        site: site(site_name),
        last_sync_at: None,
        sync_status: SyncStatus::Pending,
        checked_at: None,
        lost_at: None,
    }
}

/// Writes in a transaction of its own.
pub(crate) async fn write<T>(
    db: &TestDb,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
) -> T {
    let mut tx = db.store.write().await.unwrap();
    let done = work(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    done
}

/// Reads in a transaction of its own.
pub(crate) async fn read<T>(
    db: &TestDb,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
) -> T {
    let mut tx = db.store.read().await.unwrap();
    work(&mut tx).await.unwrap()
}

/// Two teams, each with its admin.
pub(crate) async fn two_teams(db: &TestDb) {
    write(db, async |tx| {
        for n in [1, 2] {
            tx.add_user(&user(n), "hash").await?;
            tx.add_team(&team(n)).await?;
            tx.add_membership(team_id(n), user_id(n), Role::Admin, at(0))
                .await?;
        }
        Ok(())
    })
    .await;
}

/// Two teams, each with a credential and its chosen site.
pub(crate) async fn two_connected_teams(db: &TestDb) {
    two_teams(db).await;
    write(db, async |tx| {
        for n in [1, 2] {
            assert!(tx.add_credential(&credential(n), at(0)).await?);
            tx.set_jira_integration(&integration(n, "acme"), at(0))
                .await?;
        }
        Ok(())
    })
    .await;
}

/// The credential of a team, as it stands in the database.
pub(crate) async fn stored(db: &TestDb, team: u128) -> IntegrationCredential {
    let found = read(db, async |tx| tx.find_credential(team_id(team), JIRA).await).await;
    found.unwrap()
}
