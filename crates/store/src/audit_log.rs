//! The audit log as people read it: part by part, with the names that its ids have now.

use domain::{
    audit::{AuditAction, AuditEvent, AuditGroup},
    ids::{ApiKeyId, TeamId, UserId},
    text::{PersonName, ServiceName},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    audit::AuditRow,
    columns::{Millis, Row},
};

/// Which way a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The newest first.
    Backwards,
    /// The oldest first.
    Forwards,
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneBy {
    /// Whoever.
    Anybody,
    /// This person.
    Person(UserId),
    /// No person that is known: a job, the operator, a forged callback.
    Nobody,
}

/// What of a log is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// What it is about.
    pub group: Option<AuditGroup>,
    /// Who did it.
    pub by: DoneBy,
    /// To this key.
    pub key: Option<ApiKeyId>,
}

/// A place in a log: a row, and where it stands among those of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: Uuid,
}

/// A row with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLogEntry {
    /// The row.
    pub event: AuditEvent,
    /// The name of who did it; none if the account is gone, or is of somebody who was never in the team.
    pub actor: Option<PersonName>,
    /// The person that it was done to.
    pub person: Option<PersonName>,
    /// The key that it was done to.
    pub key: Option<ServiceName>,
}

impl AuditLogEntry {
    /// Where it stands.
    pub const fn place(&self) -> AuditPlace {
        AuditPlace {
            at: self.event.at,
            id: self.event.id.uuid(),
        }
    }
}

/// Somebody whose changes can be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPerson {
    /// The account.
    pub id: UserId,
    /// Its name; none if it is gone.
    pub name: Option<PersonName>,
    /// Whether the team still has this person.
    pub is_member: bool,
}

/// A key whose changes and calls can be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKey {
    /// The key.
    pub id: ApiKeyId,
    /// The service that it is for; of several keys the same.
    pub name: ServiceName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// By what a team's log can be looked through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditChoices {
    /// The people of the team, by name; then those who left it and changed something that is still kept.
    pub people: Vec<AuditPerson>,
    /// Its keys, those that are not revoked first, by name.
    pub keys: Vec<AuditKey>,
}

#[derive(FromRow)]
struct EntryRow {
    #[sqlx(flatten)]
    event: AuditRow,
    actor_name: Option<String>,
    person_name: Option<String>,
    key_name: Option<String>,
}

impl TryFrom<EntryRow> for AuditLogEntry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let event = AuditEvent::try_from(row.event)?;
        let person = Row {
            table: "users",
            id: event.actor.map(UserId::uuid).unwrap_or_default(),
        };
        let key = Row {
            table: "api_keys",
            id: event.subject.unwrap_or_default(),
        };
        let name_of = |it: Option<String>| {
            it.map(|it| person.checked("name", PersonName::parse(&it)))
                .transpose()
        };
        Ok(Self {
            actor: name_of(row.actor_name)?,
            person: name_of(row.person_name)?,
            key: row
                .key_name
                .map(|it| key.checked("name", ServiceName::parse(&it)))
                .transpose()?,
            event,
        })
    }
}

#[derive(FromRow)]
struct ChoiceRow {
    is_key: bool,
    is_member: bool,
    id: Uuid,
    name: Option<String>,
    made_at: Option<Millis>,
    ended_at: Option<Millis>,
}

/// The words of a group's actions, each between blanks; empty for all.
fn words(group: Option<AuditGroup>) -> String {
    let Some(group) = group else {
        return String::new();
    };
    let words: Vec<_> = group.actions().map(AuditAction::as_str).collect();
    format!(" {} ", words.join("  "))
}

/// The two directions differ in their order alone.
macro_rules! list_sql {
    ($of_rows:literal, $of_page:literal) => {
        concat!(
            // Names are looked up for the rows of the page alone. A group of actions is one text that has each
            // of them: `replace` finds one in both databases. Who was turned away at the callback may be of
            // another team, whose people are none of ours.
            "SELECT a.*, u.name AS actor_name, s.name AS person_name, k.name AS key_name
               FROM (SELECT e.id, e.team_id, e.actor_user_id, e.action, e.subject_id, e.detail, e.created_at
                       FROM audit_events e
                      WHERE e.team_id = $1 AND (e.created_at, e.id) < ($2, $3) AND (e.created_at, e.id) > ($4, $5)
                        AND ($6 = '' OR replace($6, ' ' || e.action || ' ', '') <> $6)
                        AND ($7 IS NULL OR e.actor_user_id = $7) AND (NOT $8 OR e.actor_user_id IS NULL)
                        AND ($9 IS NULL OR e.subject_id = $9)
                      ORDER BY ",
            $of_rows,
            " LIMIT $10) a
               LEFT JOIN users u ON u.id = a.actor_user_id
                AND (a.action <> 'callback_refused'
                     OR EXISTS (SELECT 1 FROM memberships m WHERE m.team_id = $1 AND m.user_id = u.id))
               LEFT JOIN users s ON s.id = a.subject_id
                AND a.action IN ('role_changed', 'member_removed', 'member_left')
               LEFT JOIN api_keys k ON k.team_id = $1 AND k.id = a.subject_id
              ORDER BY ",
            $of_page
        )
    };
}

impl Tx {
    /// Rows of a team's log with their names, read in a direction from its beginning, or after a place.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_audit_log(
        &mut self,
        team: TeamId,
        filter: &AuditFilter,
        direction: Direction,
        after: Option<AuditPlace>,
        limit: i64,
    ) -> Result<Vec<AuditLogEntry>, StoreError> {
        const BACKWARDS: &str = list_sql!(
            "e.created_at DESC, e.id DESC",
            "a.created_at DESC, a.id DESC"
        );
        const FORWARDS: &str = list_sql!("e.created_at, e.id", "a.created_at, a.id");
        let end = (
            Millis::from(filter.to.unwrap_or(Timestamp::MAX)),
            Uuid::nil(),
        );
        let start = filter.from.map_or(Millis::before_all(), Millis::from);
        // Behind the last of the moment before.
        let start = (start.before(), Uuid::max());
        let place = after.map(|it| (Millis::from(it.at), it.id));
        let (sql, lower, upper) = match direction {
            Direction::Backwards => (BACKWARDS, start, place.map_or(end, |it| it.min(end))),
            Direction::Forwards => (FORWARDS, place.map_or(start, |it| it.max(start)), end),
        };
        let (person, is_nobody) = match filter.by {
            DoneBy::Anybody => (None, false),
            DoneBy::Person(it) => (Some(it.uuid()), false),
            DoneBy::Nobody => (None, true),
        };
        let rows: Vec<EntryRow> = fetch_filtered!(
            self,
            sql,
            team.uuid(),
            upper.0,
            upper.1,
            lower.0,
            lower.1,
            words(filter.group),
            person,
            is_nobody,
            filter.key.map(ApiKeyId::uuid),
            limit,
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// By what a team's log can be looked through; of either kind at most as many as `limit`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_audit_choices(
        &mut self,
        team: TeamId,
        limit: i64,
    ) -> Result<AuditChoices, StoreError> {
        // Who has rows is found from one to the next, each by a look into an index: the number of rows does not
        // count. Who was only turned away at the callback may be of another team, whose people are none of ours.
        const SQL: &str = "
            WITH RECURSIVE actors (id) AS (
              SELECT (SELECT e.actor_user_id FROM audit_events e
                       WHERE e.team_id = $1 AND e.actor_user_id IS NOT NULL
                       ORDER BY e.actor_user_id LIMIT 1)
              UNION ALL
              SELECT (SELECT e.actor_user_id FROM audit_events e
                       WHERE e.team_id = $1 AND e.actor_user_id > a.id
                       ORDER BY e.actor_user_id LIMIT 1)
                FROM actors a WHERE a.id IS NOT NULL)
            SELECT * FROM (
              SELECT FALSE AS is_key, p.is_member, p.id, u.name, CAST(NULL AS BIGINT) AS made_at,
                     CAST(NULL AS BIGINT) AS ended_at
                FROM (SELECT m.user_id AS id, TRUE AS is_member FROM memberships m WHERE m.team_id = $1
                      UNION ALL
                      SELECT a.id, FALSE FROM actors a
                       WHERE a.id IS NOT NULL
                         AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.team_id = $1 AND m.user_id = a.id)
                         AND EXISTS (SELECT 1 FROM audit_events e
                                      WHERE e.team_id = $1 AND e.actor_user_id = a.id
                                        AND e.action <> 'callback_refused')) p
                LEFT JOIN users u ON u.id = p.id
               ORDER BY NOT p.is_member, u.name IS NULL, u.name, p.id LIMIT $2) people
            UNION ALL
            SELECT * FROM (
              SELECT TRUE AS is_key, FALSE AS is_member, k.id, k.name, k.created_at, k.revoked_at
                FROM api_keys k
               WHERE k.team_id = $1
               ORDER BY k.revoked_at IS NOT NULL, k.name, k.revoked_at DESC, k.created_at, k.id LIMIT $2) keys";
        let rows: Vec<ChoiceRow> = fetch_all!(self, SQL, team.uuid(), limit)?;
        let mut choices = AuditChoices::default();
        for row in rows {
            let here = Row {
                table: if row.is_key { "api_keys" } else { "users" },
                id: row.id,
            };
            if row.is_key {
                let made_at = row.made_at.ok_or_else(|| here.odd("created_at"))?;
                let name = row.name.unwrap_or_default();
                choices.keys.push(AuditKey {
                    id: ApiKeyId::from_uuid(row.id),
                    name: here.checked("name", ServiceName::parse(&name))?,
                    created_at: here.time("created_at", made_at)?,
                    revoked_at: here.maybe_time("revoked_at", row.ended_at)?,
                });
            } else {
                let name = row
                    .name
                    .map(|it| here.checked("name", PersonName::parse(&it)));
                choices.people.push(AuditPerson {
                    id: UserId::from_uuid(row.id),
                    name: name.transpose()?,
                    is_member: row.is_member,
                });
            }
        }
        Ok(choices)
    }
}
