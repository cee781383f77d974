//! By what the log can be looked through: people and keys that are told apart, of the team only.

use jiff::SignedDuration;
use testkit::{
    app::{Answer, TestApp},
    db_tests,
};

use super::{called, column, key, page, token};

/// What can be chosen in a field of the filter.
fn options(page: &Answer, field: &str) -> Vec<String> {
    let (_, rest) = page
        .body
        .split_once(&format!("<select id=\"{field}\""))
        .unwrap();
    let (body, _) = rest.split_once("</select>").unwrap();
    let options = body
        .split("</option>")
        .filter_map(|it| it.split_once("<option"));
    let labels = options.map(|(_, it)| it.split_once('>').unwrap().1.to_owned());
    labels.collect()
}

db_tests! {
    async fn who_left_the_team_can_still_be_chosen(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.admin("Eve", "Evil").await;
        let max = app.another_admin(&ada, "Max").await;
        let zoe = app.another_admin(&ada, "Zoe").await;
        app.member(&ada, "Kim").await;
        key(&app, &max, "search").await;
        key(&app, &zoe, "billing").await;
        let state = ada.begin().await.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        eve.come_back(&format!("/integrations/jira/callback?code=x&state={state}")).await;
        let offered = options(&page(&ada, "").await, "person");
        let nobody = "This server, the operator, or somebody not signed in";
        assert_eq!(offered, ["Anybody", "Ada", "Kim", "Max", "Zoe", nobody]);
        let max = max.who.person().user().id;
        let removed = ada.post(&ada.path(&format!("members/{max}/remove")), &[]).await;
        assert!(removed.location().contains("notice=removed"));
        app.world.db.raw("DELETE FROM users WHERE name = 'Zoe'").await.unwrap();
        let found = page(&ada, &format!("?person={max}")).await;
        assert_eq!(column(&found, 1), ["Key made it may do everything"]);
        assert!(found.body.contains(&format!("<option value=\"{max}\" selected>Max, no longer in the team</option>")));
        let offered = options(&found, "person");
        assert_eq!(offered[1..4], ["Ada", "Kim", "Max, no longer in the team"], "{offered:?}");
        assert!(offered[4].starts_with("a former member ("), "{offered:?}");
        assert_eq!(offered[5..], [nobody], "nobody of another team");
    }

    async fn two_keys_of_a_service_are_told_apart(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let old = key(&app, &ada, "billing").await;
        app.world.env.advance(SignedDuration::from_hours(24));
        let made = service::api_keys::rotate(&app.world.services, &ada.who, old).await.unwrap();
        app.world.add_secret(&made.token);
        called(&app, &ada, old, &[(1, token(), 1)]).await;
        called(&app, &ada, made.key.id, &[(1, token(), 2)]).await;
        let found = page(&ada, "/usage").await;
        let (old, new) = ("billing, made 18 Dec 2026", "billing, made 19 Dec 2026");
        let mut services = column(&found, 1);
        services.sort();
        assert_eq!(services, [old, new]);
        let mut offered = options(&found, "key");
        offered.sort();
        assert_eq!(offered, ["Any", old, new]);
        assert_eq!(options(&page(&ada, "").await, "key").len(), 3);
    }
}
