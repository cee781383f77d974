//! Mails: to whom, what they say, and mail servers in trouble.

use std::collections::BTreeSet;

use domain::{
    incident::IncidentKind,
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
    team::Role,
};
use jiff::SignedDuration;
use service::{mail::MailServer, worker::send_notices::Done};
use testkit::{
    app::ORIGIN,
    db_tests, logs,
    notices::{OPERATOR, Ways},
    smtp::{self, MAIL_FROM, Manner, SmtpSink},
};

use super::{SOON, by_mail, only, round, world};

fn message_id(entry: &OutboxEntry) -> String {
    format!("<{}@example.org>", entry.id.uuid().simple())
}

db_tests! {
    async fn an_admin_gets_one_mail_that_says_what_why_and_where_to_press(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let entry = world.tell_admin(&admin, &incident, Occasion::Opened).await;
        assert_eq!(round(&process, Channel::Mail).await, Done { due: 1, sent: 1 });
        assert_eq!(round(&process, Channel::Mail).await, Done::default());
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        assert_eq!(mail.to, ["ada@example.com"]);
        assert_eq!(mail.header("Subject"), Some("Jira for Acme needs to be reconnected"));
        assert_eq!(mail.header("Message-ID"), Some(&*message_id(&entry)));
        assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
        assert_eq!(mail.header("In-Reply-To"), None);
        assert!(mail.header("Date").is_some());
        for words in [
            "Atlassian no longer accepts the connection to Acme (acme.atlassian.net).",
            "Reports and Planner cannot get tokens since",
            "may work until",
            "press Reconnect",
            "text/plain",
            "text/html",
        ] {
            assert!(mail.text.contains(words), "{words}\n{}", mail.text);
        }
        let link = format!("{ORIGIN}/a/acme/integrations/jira/");
        assert_eq!(mail.text.matches(&*link).count(), 3, "as text, as a link and to read it");
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::Sent), String::new(), 1));
        let log = logs::written();
        assert!(log.contains("a notice was sent") && !log.contains("ada@example.com"));
    }

    async fn later_mails_of_an_incident_go_on_from_its_first(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::SiteLost).await;
        let first = world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        world.env.advance(SignedDuration::from_hours(72));
        world.tell_admin(&admin, &incident, Occasion::Reminder).await;
        round(&process, Channel::Mail).await;
        world.close_incident(&incident).await;
        world.tell_admin(&admin, &incident, Occasion::WorksAgain).await;
        round(&process, Channel::Mail).await;
        let mails = sink.mails();
        let subjects: Vec<_> = mails.iter().filter_map(|it| it.header("Subject")).collect();
        assert_eq!(subjects, [
            "Jira for Acme has lost its site",
            "Reminder: Jira for Acme has lost its site",
            "Jira for Acme works again",
        ]);
        assert!(mails[1].text.contains("for 3 days, and nobody has mended it yet"), "{}", mails[1].text);
        let first = message_id(&first);
        for mail in &mails[1..] {
            assert_eq!(mail.header("In-Reply-To"), Some(&*first));
            assert_eq!(mail.header("References"), Some(&*first));
        }
        let ids: BTreeSet<_> = mails.iter().filter_map(|it| it.header("Message-ID")).collect();
        assert_eq!(ids.len(), 3);
    }

    async fn what_is_over_before_it_was_sent_is_not_told_nor_that_it_is_over(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::TryLater).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        sink.set_manner(Manner::Takes);
        world.close_incident(&incident).await;
        world.env.advance(SignedDuration::from_mins(2));
        world.tell_admin(&admin, &incident, Occasion::WorksAgain).await;
        round(&process, Channel::Mail).await;
        let dropped = Some(SendOutcome::Dropped);
        let told = world.outcomes(Some(&admin)).await;
        assert_eq!(told[0].0, dropped);
        assert_eq!(told[1].0, dropped);
        let why: Vec<_> = told.iter().filter_map(|it| it.1.as_deref()).collect();
        assert_eq!(why, ["over", "not_told"]);
        assert!(sink.mails().is_empty());
    }

    async fn who_is_no_admin_any_more_or_gone_gets_nothing(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        for name in ["Bob", "Cyd", "Dan"] {
            let other = world.join(&admin, name, Role::Admin).await;
            world.env.advance(SignedDuration::from_secs(1));
            world.tell_admin(&other, &incident, Occasion::Opened).await;
            match name {
                "Bob" => world.set_role(&other, Role::Member).await,
                "Cyd" => world.remove_from_team(&other).await,
                _ => {
                    let mut tx = world.services.store.write().await.unwrap();
                    let user = other.person.user().id;
                    assert!(tx.remove_membership(admin.team().id, user).await.unwrap());
                    assert!(tx.remove_user(user).await.unwrap());
                    tx.commit().await.unwrap();
                }
            }
        }
        round(&process, Channel::Mail).await;
        let told = world.outcomes(Some(&admin)).await;
        assert!(told.iter().all(|it| it.0 == Some(SendOutcome::Dropped)), "{told:?}");
        let why: Vec<_> = told.iter().filter_map(|it| it.1.as_deref()).collect();
        assert_eq!(why, ["not_admin", "not_admin", "account_gone"]);
        assert!(sink.mails().is_empty());
    }

    async fn an_address_that_mail_has_no_form_for_gets_nothing(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.db.raw("UPDATE users SET email = 'a..b@exa_mple'").await.unwrap();
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::Dropped), "no_address".to_owned(), 1));
    }

    async fn without_a_mail_server_a_mail_is_given_up_and_said_so(db: TestDb) {
        let (world, admin) = world(db).await;
        let process = world.sending_by(Ways::default());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let entry = world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        let given_up = (Some(SendOutcome::GivenUp), "no_mail_server".to_owned(), 1);
        assert_eq!(only(&world, &admin).await, given_up);
        round(&process, Channel::Mail).await;
        let log = logs::written();
        let of_it = log.lines().filter(|it| it.contains(&entry.id.to_string()));
        let words: Vec<_> = of_it.filter(|it| it.contains("a notice was not sent, and is given up")).collect();
        assert_eq!(words.len(), 1, "{words:?}");
    }

    async fn a_mail_server_that_dies_hangs_or_wants_time_gets_the_same_mail_until_it_takes_it(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::DiesInMail).await;
        let patient = by_mail(&world, &sink);
        let hasty = world.sending_by(Ways {
            mail: Some(sink.server().with_patience(SOON)),
            ..Ways::default()
        });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let entry = world.tell_admin(&admin, &incident, Occasion::Opened).await;
        let mut attempts = 0;
        for (manner, trouble, minutes) in [
            (Manner::DiesInMail, "broken", 2),
            (Manner::Hangs, "timed_out", 6),
            (Manner::TryLater, "try_later", 20),
            (Manner::RefusesUsers, "", 0),
        ] {
            sink.set_manner(manner);
            let process = if manner == Manner::Hangs { &hasty } else { &patient };
            assert_eq!(round(process, Channel::Mail).await.due, 1, "{manner:?}");
            attempts += 1;
            if manner != Manner::RefusesUsers {
                assert_eq!(only(&world, &admin).await, (None, trouble.to_owned(), attempts), "{manner:?}");
                // Not before its time.
                assert_eq!(round(process, Channel::Mail).await, Done::default());
            }
            world.env.advance(SignedDuration::from_mins(minutes));
        }
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].header("Message-ID"), Some(&*message_id(&entry)));
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::Sent), String::new(), 4));
        let log = logs::written();
        assert!(!log.contains("words of the server"));
    }

    async fn a_mail_server_that_is_away_is_tried_for_two_days(db: TestDb) {
        let (world, admin) = world(db).await;
        let process = world.sending_by(Ways { mail: Some(smtp::nobody()), ..Ways::default() });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        assert_eq!(only(&world, &admin).await, (None, "refused".to_owned(), 1));
        let mut hours = 0;
        while only(&world, &admin).await.0.is_none() {
            world.env.advance(SignedDuration::from_hours(1) + SignedDuration::from_mins(7));
            hours += 1;
            assert!(hours < 60);
            round(&process, Channel::Mail).await;
        }
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::GivenUp), "refused".to_owned(), 51));
    }

    async fn a_receiver_refused_for_good_is_given_up_at_once(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::RefusesForGood).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::GivenUp), "mail_refused".to_owned(), 1));
    }

    async fn a_server_that_refuses_our_user_is_told_of_once_and_mails_wait(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::RefusesUsers).await;
        let url = sink.url().replace("smtp://", "smtp://u:hunter2@");
        let server = MailServer::parse(&url.into(), MAIL_FROM).unwrap();
        let process = world.sending_by(Ways { mail: Some(server), ..Ways::default() });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        for _ in 0..3 {
            round(&process, Channel::Mail).await;
            world.env.advance(SignedDuration::from_hours(1) + SignedDuration::from_mins(7));
        }
        assert_eq!(only(&world, &admin).await, (None, "credentials".to_owned(), 3));
        let refused = "refuses the user or the password of SMTP_URL";
        assert_eq!(logs::written().matches(refused).count(), 1);
        sink.set_manner(Manner::Takes);
        round(&process, Channel::Mail).await;
        assert_eq!(sink.mails().len(), 1);
    }

    async fn a_mail_to_nobody_does_not_say_that_the_server_takes_our_user(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::RefusesUsers).await;
        let url = sink.url().replace("smtp://", "smtp://u:hunter2@");
        let server = MailServer::parse(&url.into(), MAIL_FROM).unwrap();
        let process = world.sending_by(Ways { mail: Some(server), ..Ways::default() });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        for name in ["Bob", "Cyd", "Dan"] {
            // For somebody who is gone by the time of the next round: nobody asks the server.
            let other = world.join(&admin, name, Role::Admin).await;
            world.tell_admin(&other, &incident, Occasion::Opened).await;
            world.remove_from_team(&other).await;
            round(&process, Channel::Mail).await;
            world.env.advance(SignedDuration::from_hours(1) + SignedDuration::from_mins(7));
        }
        let refused = "refuses the user or the password of SMTP_URL";
        assert_eq!(logs::written().matches(refused).count(), 1);
    }

    async fn names_are_text_in_every_header_and_body(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let mut notice = world.notice(&admin, &incident, Occasion::Opened);
        let connection = notice.connection.as_mut().unwrap();
        connection.team.name = String::from("A\r\nBcc: eve@example.com\u{202e}\r\n\r\nboo");
        connection.site.as_mut().unwrap().name = String::from("<script>x</script>");
        connection.services = vec!["Z\u{200b}<b>\r\n.\r\nQUIT".to_owned()];
        let user = admin.person.user().id;
        world.tell(notice, Channel::Mail, Recipient::Admin(Some(user))).await;
        round(&process, Channel::Mail).await;
        let mails = sink.mails();
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        assert_eq!(mail.to, ["ada@example.com"]);
        assert_eq!(mail.header("Subject"), Some("Jira for ABcc: eve@example.comboo needs to be reconnected"));
        assert_eq!(mail.header("Bcc"), None);
        assert!(!mail.text.contains('\u{202e}') && !mail.text.contains('\u{200b}'));
        let (_, html) = mail.text.split_once("<!doctype html>").unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
        assert!(!html.contains("<b>"), "{html}");
    }

    async fn the_operator_is_told_of_the_server_with_the_cure(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::Misconfigured).await;
        let mut notice = world.notice(&admin, &incident, Occasion::Opened);
        notice.connection = None;
        notice.reason = Some("client_refused".to_owned());
        world.tell(notice, Channel::Mail, Recipient::Operator).await;
        round(&process, Channel::Mail).await;
        let mails = sink.mails();
        assert_eq!(mails[0].to, [OPERATOR]);
        let text = &mails[0].text;
        assert!(text.contains("JIRA_CLIENT_SECRET") && text.contains("tformance doctor"), "{text}");
        assert_eq!(world.outcomes(Some(&admin)).await, []);
        assert_eq!(world.outcomes(None).await, [(Some(SendOutcome::Sent), None, 1)]);
    }
}
