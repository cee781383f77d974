//! Connections counted by their facts.

use testkit::db_tests;

use crate::rows::{at, read, two_connected_teams};

db_tests! {
    async fn connections_of_the_same_facts_are_counted_together(db: TestDb) {
        two_connected_teams(&db).await;
        let groups = async |old, now| read(&db, async |tx| tx.list_connection_groups(at(old), at(now)).await).await;
        let alike = groups(-1, 1).await;
        assert_eq!(alike.len(), 1);
        assert_eq!((alike[0].count, alike[0].has_tokens, alike[0].has_ended, alike[0].is_old), (2, true, false, false));
        assert!(groups(0, 60).await.iter().all(|it| it.has_ended && it.is_old));

        db.raw("UPDATE jira_integrations SET lost_at = 1 WHERE cloud_id = 'cloud-acme' AND id IN (SELECT id FROM jira_integrations ORDER BY id LIMIT 1)").await.unwrap();
        let mut counts: Vec<_> = groups(-1, 1).await.iter().map(|it| (it.is_lost, it.count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(false, 1), (true, 1)]);
    }
}
