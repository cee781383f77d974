//! Incidents: one open for a connection, and one of a kind for the operator.

use domain::{
    ids::{CredentialId, IncidentId},
    incident::{Incident, IncidentEnding, IncidentKind, IncidentOf},
};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::rows::{JIRA, at, read, team_id, two_connected_teams, write};

pub(crate) fn incident_id(n: u128) -> IncidentId {
    IncidentId::from_uuid(Uuid::from_u128(n))
}

fn credential_id(n: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(n))
}

/// The connection of a team needs people.
fn incident(n: u128, team: u128) -> Incident {
    Incident {
        id: incident_id(n),
        of: Some(IncidentOf {
            team: team_id(team),
            credential: credential_id(team),
        }),
        provider: JIRA,
        kind: IncidentKind::ReconnectNeeded,
        reason: Some("grant_revoked".to_owned()),
        opened_at: at(0),
        working_since: None,
        closed: None,
        reminders: 0,
        due_at: Some(at(60)),
    }
}

/// One of each of two teams, by the team's number.
pub(crate) async fn add_incidents(db: &TestDb) {
    write(db, async |tx| {
        for n in [1, 2] {
            assert!(tx.add_incident(&incident(n, n), at(0)).await?);
        }
        Ok(())
    })
    .await;
}

db_tests! {
    async fn a_connection_has_one_open_incident(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        let closed = Incident {
            kind: IncidentKind::SiteLost,
            reason: None,
            working_since: Some(at(3)),
            closed: Some((at(8), IncidentEnding::Works)),
            reminders: 2,
            due_at: None,
            ..incident(1, 1)
        };
        write(&db, async |tx| {
            assert!(!tx.add_incident(&incident(3, 1), at(1)).await?);
            let of_another_team = Incident { of: incident(2, 2).of, ..closed.clone() };
            assert!(!tx.set_incident(&of_another_team, at(8)).await?);
            assert!(tx.set_incident(&closed, at(8)).await?);
            assert!(!tx.set_incident(&closed, at(9)).await?, "it is closed");
            assert!(tx.add_incident(&Incident { opened_at: at(9), ..incident(3, 1) }, at(9)).await?);
            Ok(())
        })
        .await;
        read(&db, async |tx| {
            let open = tx.find_open_incident(team_id(1), credential_id(1)).await?;
            assert_eq!(open.unwrap().id, incident_id(3));
            assert_eq!(tx.find_open_incident(team_id(2), credential_id(1)).await?, None);
            let all = tx.list_incidents(Some(team_id(1)), 10).await?;
            assert_eq!(all[1], closed);
            assert_eq!(all.len(), 2);
            assert_eq!(tx.count_incidents(team_id(1), credential_id(1), at(-1)).await?, 2);
            assert_eq!(tx.count_incidents(team_id(1), credential_id(1), at(0)).await?, 1);
            assert_eq!(tx.count_incidents(team_id(2), credential_id(1), at(-1)).await?, 0);
            let counts = tx.list_open_incident_counts().await?;
            assert_eq!(counts, [(IncidentKind::ReconnectNeeded, 2)]);
            Ok(())
        })
        .await;
    }

    async fn the_operator_has_one_open_incident_of_a_kind(db: TestDb) {
        let kind = IncidentKind::Misconfigured;
        let first = Incident { of: None, kind, ..incident(1, 1) };
        let again = Incident { id: incident_id(2), ..first.clone() };
        let other = Incident { id: incident_id(3), kind: IncidentKind::Unexpected, ..first.clone() };
        write(&db, async |tx| {
            assert!(tx.add_incident(&first, at(0)).await?);
            assert!(!tx.add_incident(&again, at(0)).await?);
            assert!(tx.add_incident(&other, at(0)).await?);
            assert_eq!(tx.lock_operator_incident(JIRA, kind).await?, Some(first.clone()));
            let closed = Incident {
                closed: Some((at(8), IncidentEnding::Works)),
                due_at: None,
                ..first.clone()
            };
            assert!(tx.set_incident(&closed, at(8)).await?);
            assert_eq!(tx.lock_operator_incident(JIRA, kind).await?, None);
            Ok(())
        })
        .await;
        read(&db, async |tx| {
            assert_eq!(tx.list_open_operator_incidents(JIRA).await?, [other]);
            assert_eq!(tx.list_incidents(None, 10).await?.len(), 2);
            assert_eq!(tx.count_operator_incidents(JIRA, kind, at(-1)).await?, 1);
            assert_eq!(tx.count_operator_incidents(JIRA, kind, at(0)).await?, 0);
            Ok(())
        })
        .await;
    }

    async fn incidents_go_with_their_team(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        write(&db, async |tx| {
            assert!(tx.add_outbox_entry(&crate::outbox::entry(1, 1)).await?);
            assert!(tx.remove_team(team_id(1)).await?);
            assert_eq!(tx.list_incidents(Some(team_id(1)), 10).await?, []);
            assert_eq!(tx.list_outbox_entries(Some(team_id(1)), 10).await?, []);
            assert_eq!(tx.list_incidents(Some(team_id(2)), 10).await?.len(), 1);
            Ok(())
        })
        .await;
    }
}
