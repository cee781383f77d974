//! Invitations: found by their token, listed and ended for their team only.

use domain::{
    ids::InvitationId,
    invitation::{INVITATION_LIFE, Invitation, InvitationOutcome},
    team::Role,
    text::EmailAddress,
};
use store::StoreError;
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{at, read, team, team_id, token_hash, two_teams, user, user_id, write};

pub(crate) fn invitation(n: u128, team: u128) -> Invitation {
    Invitation {
        id: InvitationId::from_uuid(Uuid::from_u128(n)),
        team: team_id(team),
        email: EmailAddress::parse("new@example.com").unwrap(),
        role: Role::Member,
        invited_by: Some(user_id(team)),
        created_at: at(0),
        expires_at: at(0) + INVITATION_LIFE,
        outcome: None,
    }
}

db_tests! {
    async fn an_invitation_is_found_by_its_token_with_team_and_inviter(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_invitation(team_id(1), &invitation(1, 1), &token_hash(1)).await).await;
        let find = async |n| read(&db, async |tx| tx.find_invitation_of_token(&token_hash(n)).await).await;
        let found = find(1).await.unwrap();
        assert_eq!((found.invitation, found.team), (invitation(1, 1), team(1)));
        assert_eq!(found.inviter, Some(user(1).name));
        assert!(found.inviter_is_admin);
        assert!(find(2).await.is_none());

        write(&db, async |tx| tx.set_role(team_id(1), user_id(1), Role::Member, at(1)).await).await;
        assert!(!find(1).await.unwrap().inviter_is_admin);
        write(&db, async |tx| tx.remove_user(user_id(1)).await).await;
        let found = find(1).await.unwrap();
        assert!(found.inviter.is_none() && !found.inviter_is_admin);
        assert_eq!(found.invitation.invited_by, None);
    }

    async fn an_address_has_one_open_invitation_to_a_team(db: TestDb) {
        two_teams(&db).await;
        let add = async |n: u8, team| {
            let mut tx = db.store.write().await.unwrap();
            let invitation = invitation(u128::from(n), team);
            let added = tx.add_invitation(team_id(team), &invitation, &token_hash(n)).await;
            if added.is_ok() {
                tx.commit().await.unwrap();
            }
            added
        };
        add(1, 1).await.unwrap();
        add(2, 2).await.unwrap();
        assert!(matches!(add(3, 1).await, Err(StoreError::Duplicate)));
        write(&db, async |tx| tx.replace_invitation(team_id(1), &invitation(1, 1).email, at(1)).await).await;
        add(3, 1).await.unwrap();
        let outcome = read(&db, async |tx| tx.find_invitation_of_token(&token_hash(1)).await).await;
        assert_eq!(outcome.unwrap().invitation.outcome, Some(InvitationOutcome::Replaced));
        let other = read(&db, async |tx| tx.list_open_invitations(team_id(2)).await).await;
        assert_eq!(other.len(), 1, "the other team's stays open");
        let own = read(&db, async |tx| tx.list_open_invitations(team_id(1)).await).await;
        assert_eq!(own[0].invitation.id, invitation(3, 1).id);
    }

    async fn an_invitation_ends_once_and_for_its_team_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_invitation(team_id(1), &invitation(1, 1), &token_hash(1)).await).await;
        let end = async |team, outcome| {
            let id = invitation(1, 1).id;
            write(&db, async |tx| tx.end_invitation(team_id(team), id, outcome, at(1)).await).await
        };
        assert!(!end(2, InvitationOutcome::Revoked).await);
        assert!(end(1, InvitationOutcome::Accepted).await);
        assert!(!end(1, InvitationOutcome::Revoked).await);
        assert!(read(&db, async |tx| tx.list_open_invitations(team_id(1)).await).await.is_empty());
    }
}
