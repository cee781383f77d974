//! The audit log over HTTP: what admins read of changes and calls, by filter and page by page, and the files.

use std::collections::BTreeMap;

use domain::{
    audit::{AuditAction, AuditEvent},
    ids::{ApiKeyId, AuditEventId},
    usage::{Answer as Came, Call, CountedCall, KeyUsage, Method as How, PathTemplate, minute_of},
};
use jiff::SignedDuration;
use serde_json::Value;
use service::api_keys::KeyWish;
use testkit::{
    app::{Admin, Answer, TestApp},
    db_tests,
};

mod choices;

/// One row of a file: its cells by their columns.
type Line = BTreeMap<String, String>;

async fn page(admin: &Admin, rest: &str) -> Answer {
    let page = admin.get(&admin.path(&format!("audit{rest}"))).await;
    assert_eq!(page.status, 200, "{rest}: {}", page.body);
    page
}

/// The cells of a page's table, row by row, as a person reads them.
fn table(page: &Answer) -> Vec<Vec<String>> {
    let Some((_, rest)) = page.body.split_once("<tbody>") else {
        return Vec::new();
    };
    let (body, _) = rest.split_once("</tbody>").unwrap();
    let text = |html: &str| {
        let spaced = html.replace("<br>", " ");
        let pieces = spaced
            .split('<')
            .map(|it| it.split_once('>').map_or("", |(_, it)| it));
        let text = pieces.collect::<String>();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let rows = body.split("<tr>").skip(1);
    rows.map(|row| {
        row.split("<td")
            .skip(1)
            .map(|it| text(&format!("<td{it}")))
            .collect()
    })
    .collect()
}

fn column(page: &Answer, index: usize) -> Vec<String> {
    table(page)
        .into_iter()
        .map(|row| row[index].clone())
        .collect()
}

/// The query of a link of a page.
fn link(page: &Answer, label: &str) -> Option<String> {
    let (before, _) = page.body.split_once(&format!("\">{label}</a>"))?;
    let (_, href) = before.rsplit_once("href=\"")?;
    let href = href.replace("&amp;", "&").replace("&#38;", "&");
    Some(href.split_once("audit").unwrap().1.to_owned())
}

async fn file(admin: &Admin, name: &str) -> Answer {
    let answer = admin.get(&admin.path(&format!("audit/{name}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let disposition = answer.header("content-disposition");
    let plain = name.split('?').next().unwrap();
    let (what, end) = plain.split_once('.').unwrap();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"acme-{what}-2026-12-18.{end}\"")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

async fn csv(admin: &Admin, name: &str) -> Vec<Line> {
    let answer = file(admin, name).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/csv; charset=utf-8")
    );
    let mut reader = csv::Reader::from_reader(answer.body.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

async fn jsonl(admin: &Admin, name: &str) -> Vec<Value> {
    let answer = file(admin, name).await;
    let lines = answer.body.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}

/// Makes a key; gives its id.
async fn key(app: &TestApp, admin: &Admin, name: &str) -> ApiKeyId {
    let wish = KeyWish::named(name);
    let made = service::api_keys::create(&app.world.services, &admin.who, &wish).await;
    let made = made.unwrap();
    app.world.add_secret(&made.token);
    made.key.id
}

/// Calls with a key: how often, so many minutes ago.
async fn called(app: &TestApp, admin: &Admin, key: ApiKeyId, calls: &[(i64, CountedCall, u64)]) {
    let now = app.world.now();
    let rows: Vec<_> = calls
        .iter()
        .map(|(minutes, of, count)| KeyUsage {
            key,
            team: admin.who.team().id,
            minute_at: minute_of(now - SignedDuration::from_mins(*minutes)),
            of: of.clone(),
            count: *count,
        })
        .collect();
    let mut tx = app.world.services.store.write().await.unwrap();
    tx.add_key_usage(&rows, now).await.unwrap();
    tx.commit().await.unwrap();
}

fn token() -> CountedCall {
    CountedCall {
        call: Call::Token,
        method: How::Post,
        path_template: PathTemplate::NONE,
        http_status: 200,
        answer: Came::Served,
    }
}

fn proxied(path: &str, http_status: u16) -> CountedCall {
    CountedCall {
        call: Call::Proxy,
        method: How::Get,
        path_template: PathTemplate::new(path),
        http_status,
        ..token()
    }
}

/// Changes that differ by their number alone, some of them of one moment.
async fn changed(app: &TestApp, admin: &Admin, numbers: std::ops::Range<i64>) {
    let env = app.world.services.env.as_ref();
    let mut tx = app.world.services.store.write().await.unwrap();
    for n in numbers {
        let event = AuditEvent {
            id: AuditEventId::new(env),
            at: app.world.now() + SignedDuration::from_secs(n / 7),
            team: Some(admin.who.team().id),
            actor: None,
            action: AuditAction::AttemptEnded,
            subject: None,
            detail: Some(format!("number_{n}")),
        };
        tx.add_audit_event(&event).await.unwrap();
    }
    tx.commit().await.unwrap();
}

db_tests! {
    async fn who_changed_what_is_told_in_words(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        assert_eq!(column(&page(&ada, "").await, 1), ["Team made"]);
        let step = || app.world.env.advance(SignedDuration::from_secs(1));
        step();
        let max = app.member(&ada, "Max").await;
        step();
        let billing = key(&app, &ada, "billing").await;
        step();
        let user = max.who.person().user().id;
        ada.post(&ada.path(&format!("members/{user}/role")), &[("role", "admin")]).await;
        step();
        ada.post(&ada.path(&format!("keys/{billing}/revoke")), &[]).await;
        step();
        ada.connect("Sam One").await;
        step();
        app.world.disconnect(&ada.who).await;
        step();
        app.visitor().get("/integrations/jira/callback?code=x&state=forged").await;
        let found = page(&ada, "").await;
        let rows = table(&found);
        let told: Vec<_> = rows.iter().map(|it| it[1..].join(" | ")).collect();
        assert_eq!(told[0], "Disconnected the tokens were erased | Jira | Ada", "{told:#?}");
        assert!(told[1].starts_with("Connected site ") && told[1].ends_with(" | Jira | Ada"), "{told:#?}");
        assert_eq!(told[2..5], ["Went to Atlassian | Jira | Ada", "Key revoked | billing | Ada", "Role changed now admin | Max | Ada"]);
        assert_eq!(told[5], "Key made it may do everything | billing | Ada");
        assert!(told.last().unwrap().starts_with("Team made | the team | Ada"));
        assert!(rows[0][0].ends_with("UTC"), "{:?}", rows[0]);
        // Who is gone keeps a mark of their own.
        app.world.db.raw("DELETE FROM users WHERE name = 'Max'").await.unwrap();
        let subjects = column(&page(&ada, "?kind=people").await, 2);
        assert!(subjects[0].starts_with("a former member ("), "{subjects:?}");
    }

    async fn it_is_for_admins_of_the_team(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.admin("Eve", "Evil").await;
        let max = app.member(&ada, "Max").await;
        key(&app, &eve, "theirs").await;
        let tab = "href=\"/a/acme/audit\"";
        assert!(ada.get(&ada.path("members")).await.body.contains(tab));
        assert!(!max.get(&ada.path("members")).await.body.contains(tab), "a way that ends at a refusal");
        for rest in ["audit", "audit/usage", "audit/changes.csv", "audit/usage.jsonl"] {
            let refused = max.get(&ada.path(rest)).await;
            assert_eq!(refused.told(), "403 admin_required", "{rest}");
            assert!(refused.body.contains("Admins: Ada.") && !refused.body.contains(tab));
            assert_eq!(eve.get(&ada.path(rest)).await.told(), "404 not_found", "{rest}");
        }
        let mut all = page(&ada, "").await.body + &page(&ada, "/usage").await.body;
        for name in ["changes.csv", "changes.jsonl", "usage.csv", "usage.jsonl"] {
            all += &file(&ada, name).await.body;
        }
        assert!(!all.contains("theirs") && !all.contains("Eve"), "{all}");
        // Nor by asking for what is another team's.
        let theirs = service::api_keys::list(&app.world.services, &eve.who).await.unwrap()[0].key.id;
        let person = eve.who.person().user().id;
        for query in [format!("?key={theirs}"), format!("?person={person}")] {
            let found = page(&ada, &query).await;
            assert!(table(&found).is_empty() && found.body.contains("No change is like this."));
            assert!(!found.body.contains("theirs") && !found.body.contains("Eve"), "{}", found.body);
        }
    }

    async fn somebody_of_another_team_is_not_named_for_a_refused_callback(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let eve = app.admin("Eve", "Evil").await;
        let address = ada.begin().await;
        let state = address.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let refused = eve.come_back(&format!("/integrations/jira/callback?code=x&state={state}")).await;
        assert!(refused.status.is_client_error(), "{}", refused.body);
        let found = page(&ada, "?kind=refused").await;
        let rows = table(&found);
        assert_eq!(rows.len(), 1, "{}", found.body);
        assert!(rows[0][3].starts_with("somebody outside the team ("), "{rows:?}");
        assert!(!found.body.contains("Eve"));
    }

    async fn filters_leave_what_they_say_and_keep_what_was_chosen(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let max = app.another_admin(&ada, "Max").await;
        let billing = key(&app, &ada, "billing").await;
        app.world.env.advance(SignedDuration::from_secs(1));
        key(&app, &max, "search").await;
        let found = page(&ada, "?kind=keys&from=2026-12-18&to=2026-12-18").await;
        assert_eq!(column(&found, 1), ["Key made it may do everything", "Key made it may do everything"]);
        for kept in ["<option value=\"keys\" selected>", "name=\"from\" type=\"date\" value=\"2026-12-18\"", ">Show all</a>"] {
            assert!(found.body.contains(kept), "{kept}: {}", found.body);
        }
        assert_eq!(column(&page(&ada, &format!("?key={billing}")).await, 2), ["billing"]);
        let user = max.who.person().user().id;
        let by_max = page(&ada, &format!("?person={user}")).await;
        assert_eq!(table(&by_max).into_iter().map(|row| row[1..].join(" ")).collect::<Vec<_>>(), ["Key made it may do everything search Max"]);
        assert!(table(&page(&ada, "?to=2026-12-17").await).is_empty());
        assert!(table(&page(&ada, "?from=2026-12-19").await).is_empty());
        // Files are of the same filter.
        let query = link(&found, "CSV").unwrap();
        let lines = csv(&ada, &query[1..]).await;
        assert_eq!(lines.iter().map(|it| it["subject"].as_str()).collect::<Vec<_>>(), ["search", "billing"]);
    }

    async fn a_filter_that_cannot_be_taken_is_told_at_its_field(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        for (rest, said) in [
            ("?from=28.11.2026", "“From” is no day such as 2026-11-28."),
            ("?to=2026-02-30", "“To” is no day such as 2026-11-28."),
            ("?from=2026-12-02&to=2026-12-01", "“To” is before “From”."),
            ("?from=9999-12-31", "“From” is later than any day that can be."),
            ("/usage?from=9999-12-31", "“From” is later than any day that can be."),
            ("/changes.jsonl?from=9999-12-31", "“From” is later than any day that can be."),
            ("?kind=server", "“What it is about” is none of the choices."),
            ("?person=%00", "“Who did it” is none of the choices."),
            ("?key=billing", "“Service” is none of the choices."),
            ("/usage?status=200", "“Status” is none of the choices."),
            ("/usage?call=%F0%28", "“Call” is none of the choices."),
            ("/usage?by=%3Cscript%3E", "“Added up by” is none of the choices."),
            ("/changes.csv?kind=x", "“What it is about” is none of the choices."),
            ("/usage.jsonl?from=x", "“From” is no day such as 2026-11-28."),
        ] {
            let refused = ada.get(&ada.path(&format!("audit{rest}"))).await;
            assert_eq!(refused.status, 422, "{rest}");
            assert!(refused.body.contains(said), "{rest}: {}", refused.body);
            assert!(refused.body.contains("class=\"summary\" role=\"alert\"") && table(&refused).is_empty());
            assert!(refused.header("content-type").starts_with("text/html") && !refused.body.contains("<script>"));
        }
        // Nothing else that was chosen is lost.
        let refused = ada.get(&ada.path("audit?kind=keys&person=nobody&from=9999-12-31&to=2026-12-01")).await;
        for kept in ["<option value=\"keys\" selected>", "<option value=\"nobody\" selected>", "value=\"9999-12-31\"", "value=\"2026-12-01\""] {
            assert!(refused.body.contains(kept), "{kept}: {}", refused.body);
        }
        // What is no filter, or a place that was cut, is no mistake.
        for rest in ["?x=1&x=2", "?before=1-&after=", "?before=%00", "?kind=&from=", "/usage?before=9~9"] {
            page(&ada, rest).await;
        }
    }

    async fn all_changes_are_on_pages_whatever_comes_meanwhile(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        changed(&app, &ada, 0..120).await;
        let newest = page(&ada, "?kind=connection").await;
        assert!(link(&newest, "Newer").is_none() && link(&newest, "Newest").is_none());
        let second = page(&ada, &link(&newest, "Older").unwrap()).await;
        changed(&app, &ada, 200..210).await;
        let third = page(&ada, &link(&second, "Older").unwrap()).await;
        assert_eq!([&newest, &second, &third].map(|it| table(it).len()), [50, 50, 20]);
        assert!(link(&third, "Older").is_none());
        let mut seen: Vec<_> = [&newest, &second, &third].iter().flat_map(|it| column(it, 1)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 120, "each once");
        // And the way back.
        let back = page(&ada, &link(&third, "Newer").unwrap()).await;
        assert_eq!(table(&back), table(&second));
        let back = page(&ada, &link(&back, "Newer").unwrap()).await;
        assert_eq!(table(&back), table(&newest));
        let top = page(&ada, &link(&back, "Newer").unwrap()).await;
        assert_eq!(table(&top).len(), 10);
        assert!(link(&top, "Newer").is_none());
        let nothing = page(&ada, &link(&third, "Newest").unwrap()).await;
        assert_eq!(table(&nothing)[..10], table(&top)[..]);
    }

    async fn calls_are_added_up_by_hour_or_day(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        assert!(page(&ada, "/usage").await.body.contains("No service has called yet."));
        let billing = key(&app, &ada, "billing").await;
        let search = key(&app, &ada, "search").await;
        // It is midnight.
        called(&app, &ada, billing, &[
            (1, token(), 1_200), (2, token(), 34), (61, token(), 5), (3, proxied("/rest/api/3/issue/{}", 404), 6),
        ]).await;
        called(&app, &ada, search, &[(1, CountedCall { http_status: 503, answer: Came::OurFault, ..token() }, 7)]).await;
        let found = page(&ada, "/usage").await;
        let mut rows = table(&found);
        assert_eq!(rows.pop().unwrap(), ["17 Dec 2026, 22:00 UTC", "billing", "Token", "200", "5"]);
        rows.sort();
        let hour = "17 Dec 2026, 23:00 UTC";
        assert_eq!(rows, [
            [hour, "billing", "Jira, through the proxy: GET /rest/api/3/issue/{}", "404", "6"],
            [hour, "billing", "Token", "200", "1,234"],
            [hour, "search", "Token", "503", "7"],
        ]);
        let days = page(&ada, "/usage?by=day&call=token&status=2xx").await;
        assert_eq!(table(&days), [["17 Dec 2026", "billing", "Token", "200", "1,239"]]);
        assert_eq!(column(&page(&ada, &format!("/usage?key={search}")).await, 1), ["search"]);
        assert!(table(&page(&ada, "/usage?from=2026-12-18").await).is_empty());
        // The end of a day is the end of its hours.
        assert_eq!(table(&page(&ada, "/usage?to=2026-12-17").await).len(), 4);
    }

    async fn many_calls_are_on_pages_and_each_is_counted_once(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let billing = key(&app, &ada, "billing").await;
        // 200 hours of them, more rows than are added up for one page.
        let calls: Vec<_> = (1..=12_000).map(|minute| (minute, token(), 1)).collect();
        called(&app, &ada, billing, &calls).await;
        let mut hours = BTreeMap::new();
        let mut rest = "/usage".to_owned();
        let mut pages = Vec::new();
        loop {
            let found = page(&ada, &rest).await;
            for row in table(&found) {
                let count: u64 = row[4].replace(',', "").parse().unwrap();
                assert_eq!(hours.insert(row[0].clone(), count), None, "{} twice", row[0]);
            }
            pages.push(table(&found));
            match link(&found, "Older") {
                Some(older) => rest = older,
                None => break,
            }
        }
        assert_eq!((hours.len(), hours.values().sum::<u64>()), (200, 12_000));
        assert!(hours.values().all(|it| *it == 60), "{hours:?}");
        // And the way back.
        let mut backwards = Vec::new();
        let mut found = page(&ada, &rest).await;
        loop {
            backwards.push(table(&found));
            match link(&found, "Newer") {
                Some(newer) => found = page(&ada, &newer).await,
                None => break,
            }
        }
        let back: Vec<_> = backwards.into_iter().rev().flatten().collect();
        assert_eq!(back, pages.concat());
    }

    async fn a_day_of_more_calls_than_are_added_up_at_once_hides_no_older_one(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let billing = key(&app, &ada, "billing").await;
        // 5,760 rows a day.
        let kinds = [200, 201, 404, 500].map(|it| proxied("/rest/api/3/issue/{}", it));
        let calls: Vec<_> = (1..=3 * 1_440).flat_map(|minute| kinds.clone().map(|it| (minute, it, 1))).collect();
        called(&app, &ada, billing, &calls).await;
        let (mut rest, mut sum, mut pages) = ("/usage?by=day".to_owned(), 0, 0);
        loop {
            let found = page(&ada, &rest).await;
            sum += table(&found).iter().map(|it| it[4].replace(',', "").parse::<usize>().unwrap()).sum::<usize>();
            pages += 1;
            match link(&found, "Older") {
                Some(older) if pages < 20 => rest = older,
                _ => break,
            }
        }
        assert_eq!(sum, calls.len(), "on {pages} pages");
    }

    async fn a_file_has_every_row_once_as_it_is_kept(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let odd = key(&app, &ada, "=cmd|' /C calc'!A0").await;
        let quoted = key(&app, &ada, "a, \"b\"; Zoë").await;
        // More than one batch of either.
        changed(&app, &ada, 0..1_200).await;
        let calls: Vec<_> = (0..1_250).flat_map(|n| [(n, token(), 2), (n, proxied("/rest/api/3/issue/{}", 200), 1)]).collect();
        called(&app, &ada, odd, &calls).await;
        called(&app, &ada, quoted, &calls[..10]).await;

        let lines = csv(&ada, "changes.csv").await;
        assert_eq!(lines.len(), 1_203);
        let mut ids: Vec<_> = lines.iter().map(|it| it["id"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), lines.len());
        assert!(lines.is_sorted_by(|a, b| a["time"] >= b["time"]), "the newest first");
        let made = lines.iter().find(|it| it["subject_id"] == odd.to_string()).unwrap();
        assert_eq!(made["subject"], "'=cmd|' /C calc'!A0", "a spreadsheet would run it");
        assert_eq!((made["action"].as_str(), made["what"].as_str(), made["actor"].as_str()), ("api_key_created", "Key made", "Ada"));
        assert!(made["time"].starts_with("2026-12-18T00:00:00.000Z"), "{made:?}");
        assert!(lines.iter().any(|it| it["subject"] == "a, \"b\"; Zoë"));
        let values = jsonl(&ada, "changes.jsonl").await;
        assert_eq!(values.len(), lines.len());
        let made = values.iter().find(|it| it["subject_id"] == odd.to_string()).unwrap();
        assert_eq!(made["subject"], "=cmd|' /C calc'!A0");
        assert_eq!(made["detail_word"], "everything");
        assert!(made.get("actor_id").unwrap().is_string());

        let lines = csv(&ada, "usage.csv").await;
        assert_eq!(lines.len(), 2_510);
        let total: u64 = lines.iter().map(|it| it["count"].parse::<u64>().unwrap()).sum();
        assert_eq!(total, 1_250 * 3 + 15);
        assert_eq!(lines.iter().filter(|it| it["path_template"] == "/rest/api/3/issue/{}").count(), 1_255);
        let values = jsonl(&ada, "usage.jsonl?call=token&key=").await;
        assert_eq!(values.len(), 1_255);
        assert_eq!(values[0]["count"], 2);
        assert_eq!(values[0]["answer"], "served");
        let one = csv(&ada, &format!("usage.csv?key={quoted}&by=day")).await;
        assert_eq!(one.len(), 10, "by minute, however a page adds up");
        assert!(one.iter().all(|it| it["service"] == "a, \"b\"; Zoë" && it["status"] == "200"));
        let nothing = file(&ada, "usage.csv?status=5xx").await;
        assert_eq!(nothing.body, "minute,key_id,service,call,method,path_template,status,answer,count\r\n");
        assert_eq!(file(&ada, "usage.jsonl?status=5xx").await.body, "");
    }
}
