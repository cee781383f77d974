//! What concerns all connections is told to the operator and to services: to no team by mail.

use super::*;

/// Four teams, connected just now, of which services know.
async fn teams(world: &World) -> Vec<SignedInAdmin> {
    let ada = world.admin("Ada", "Acme").await;
    let mut teams = vec![ada.clone()];
    for number in 1..4 {
        teams.push(world.another_team(&ada, &format!("Team {number}")).await);
    }
    for admin in &teams {
        world.connect(admin, "Sam One").await.unwrap();
    }
    world.look().await;
    teams
}

async fn no_team_was_told(world: &World, teams: &[SignedInAdmin]) {
    for admin in teams {
        let team = Some(admin.team().id);
        assert_eq!(world.webhooks(team).await, ["connected"]);
        assert_eq!(world.told(team).await.len(), 1);
        assert_eq!(world.incidents(team).await, []);
    }
}

db_tests! {
    async fn a_secret_that_is_refused_for_a_day_is_told_to_the_operator_alone(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        let teams = teams(&world).await;
        world.sim.set_client_secret("another secret".into());
        run(&world, HOUR * 23, MINUTE * 10).await;
        assert_eq!(world.state(&teams[0]).await, ConnectionState::Misconfigured);
        no_team_was_told(&world, &teams).await;
        assert_eq!(world.mails(None, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(None).await, ["server.misconfigured"]);
        world.sim.set_client_secret(CLIENT_SECRET.into());
        run(&world, MINUTE * 40, MINUTE).await;
        for admin in &teams {
            world.token(admin).await.unwrap();
            assert_eq!(world.state(admin).await, ConnectionState::Connected);
        }
        no_team_was_told(&world, &teams).await;
        assert_eq!(world.mails(None, Occasion::WorksAgain).await, 1);
        assert_eq!(world.webhooks(None).await, ["server.misconfigured", "server.mended"]);
        let told = world.told(None).await;
        assert!(told.iter().all(|it| it.notice.connection.is_none()));
        assert_eq!(told.len(), 4);
    }

    async fn an_outage_of_two_hours_is_told_to_no_team(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        let teams = teams(&world).await;
        world.env.advance(MINUTE * 50);
        world.sim.fault_always(Endpoint::Token, Fault::Status(503));
        run(&world, HOUR * 2, MINUTE).await;
        assert_eq!(world.state(&teams[0]).await, ConnectionState::Waiting);
        no_team_was_told(&world, &teams).await;
        assert_eq!(world.webhooks(None).await, ["provider.down"]);
        world.sim.clear_faults();
        run(&world, MINUTE * 3, MINUTE / 6).await;
        assert_eq!(world.state(&teams[0]).await, ConnectionState::Connected);
        run(&world, MINUTE * 10, MINUTE).await;
        no_team_was_told(&world, &teams).await;
        assert_eq!(world.webhooks(None).await, ["provider.down", "provider.recovered"]);
        // Webhooks alone.
        assert_eq!(world.told(None).await.len(), 2);
    }

    async fn a_short_outage_is_told_to_nobody(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        let teams = teams(&world).await;
        world.env.advance(MINUTE * 56);
        world.sim.fault(Endpoint::Token, Fault::Status(503));
        world.sim.fault(Endpoint::Token, Fault::Status(503));
        run(&world, MINUTE * 30, MINUTE / 4).await;
        no_team_was_told(&world, &teams).await;
        assert!(world.told(None).await.is_empty());
    }

    async fn an_odd_answer_three_times_in_a_row_is_the_operators_alarm(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        let teams = teams(&world).await;
        world.env.advance(MINUTE * 56);
        world.sim.fault_always(Endpoint::Token, Fault::Status(418));
        world.refresh_due().await;
        world.look().await;
        assert!(world.told(None).await.is_empty(), "once is no alarm");
        run(&world, HOUR * 2, MINUTE).await;
        assert_eq!(world.mails(None, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(None).await, ["provider.unexpected"]);
        world.sim.clear_faults();
        run(&world, HOUR, MINUTE).await;
        assert_eq!(world.mails(None, Occasion::WorksAgain).await, 1);
        assert_eq!(world.webhooks(None).await, ["provider.unexpected", "provider.recovered"]);
        for admin in &teams {
            assert_eq!(world.mails(Some(admin.team().id), Occasion::Opened).await, 0);
        }
    }

    async fn tokens_that_do_not_open_are_the_operators_matter(db: TestDb) {
        let (world, ada) = connected(db).await;
        let raw = "UPDATE integration_credentials SET refresh_token = access_token";
        world.db.raw(raw).await.unwrap();
        run(&world, HOUR * 3, MINUTE).await;
        let team = Some(ada.team().id);
        assert_eq!(world.mails(team, Occasion::Opened).await, 0);
        assert_eq!(world.mails(None, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(None).await, ["server.misconfigured"]);
        let incidents = world.incidents(None).await;
        assert_eq!(incidents.len(), 1, "it is seen again all the while");
        assert_eq!(incidents[0].reason.as_deref(), Some("tokens_unreadable"));
    }

    async fn of_many_processes_one_tells_the_operator(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        teams(&world).await;
        world.sim.set_client_secret("another secret".into());
        world.env.advance(HOUR * 2);
        world.refresh_due().await;
        tokio::join!(world.look(), world.look(), world.look(), world.look());
        world.look().await;
        assert_eq!(world.incidents(None).await.len(), 1);
        assert_eq!(world.mails(None, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(None).await, ["server.misconfigured"]);
    }
}
