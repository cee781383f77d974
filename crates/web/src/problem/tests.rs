//! What every problem has in common, whatever its code.

use axum::body::HttpBody as _;

use super::{codes::Again, *};

fn told_wait(problem: Problem) -> Option<String> {
    let res = problem.into_response();
    // Around every route somebody writes it, once.
    assert!(res.body().is_end_stream());
    let told = res.headers().get(header::RETRY_AFTER)?;
    Some(told.to_str().unwrap().to_owned())
}

#[test]
fn when_to_come_back_is_told_of_every_code_that_says_so_and_of_no_other() {
    for row in codes::all() {
        let problem = || Problem::of(row, "It is so.");
        assert_eq!(
            problem().into_response().status(),
            row.status,
            "{}",
            row.code
        );
        let (unknown, known) = match row.again {
            Again::Later => (Some("5"), Some("62")),
            Again::OnceMended => (Some("60"), Some("62")),
            Again::MayHelp | Again::ToRead | Again::No => (None, None),
        };
        assert_eq!(told_wait(problem()).as_deref(), unknown, "{}", row.code);
        // Rounded up: earlier would be too early.
        let wait = SignedDuration::from_millis(61_001);
        assert_eq!(
            told_wait(problem().with_retry_after(wait)).as_deref(),
            known,
            "{}",
            row.code
        );
    }
}

#[test]
fn programs_are_told_the_title_of_the_code_and_people_a_heading_where_there_is_a_better_one() {
    for (problem, heading) in [
        (Problem::no_such_page(), "There is no such page"),
        (Problem::nothing_here(), "There is nothing here"),
    ] {
        let document = problem.document("https://tformance.example");
        assert_eq!(document["title"], "There is nothing here");
        assert_eq!(document["status"], 404);
        assert_eq!(document["code"], "not_found");
        let page = problem.view(shell::bare(), String::new(), moment());
        assert_eq!((page.heading.as_str(), page.status), (heading, 404));
    }
}

fn moment() -> crate::view::Moment {
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    crate::moment::moment(now, now)
}
