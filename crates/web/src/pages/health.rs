//! `/a/{team}/integrations/jira/`: how the connection is and how it was, and a refresh by hand.

use axum::{
    Extension,
    extract::{Query, State},
    response::{Redirect, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use service::{
    health::{Filter, Part, Place, health},
    overview::JiraOverview,
    refresh::{ByHandError, TokenError, by_hand_again_at, refresh_by_hand},
    surroundings,
    who::Member,
};
use tower_http::request_id::RequestId;
use uuid::Uuid;

use crate::{
    App,
    health_view::{facts, history},
    jira_card::jira_card,
    moment::moment,
    pages::{health_path, html, html_with_status, integrations::reference, with_way_out},
    problem::Problem,
    shell,
    view::{
        Section,
        health::{HealthPage, HealthSummary, RefreshNotice, Timeline},
        jira_card::TestResult,
    },
    who::{AdminOfTeam, OfTeam},
};

/// Which part of what happened, and what has just happened.
#[derive(Deserialize)]
pub(crate) struct HealthQuery {
    #[serde(default)]
    notice: Option<String>,
    #[serde(default)]
    show: Option<String>,
    #[serde(default)]
    before: Option<String>,
}

impl HealthQuery {
    /// Whatever is not understood is the newest of everything: a link that was cut is no mistake.
    fn part(&self) -> Part {
        let shown = self.show.as_deref();
        let mut words = Timeline::CHOICES.iter();
        let filter = match words.position(|(word, _)| shown == Some(*word)) {
            Some(1) => Filter::Failures,
            Some(2) => Filter::Changes,
            _ => Filter::All,
        };
        let before = self.before.as_deref().and_then(place);
        Part { filter, before }
    }
}

/// A place as it stands in a link.
fn place(text: &str) -> Option<Place> {
    let (at, id) = text.split_once('-')?;
    Some(Place {
        at: Timestamp::from_millisecond(at.parse().ok()?).ok()?,
        id: Uuid::try_parse(id).ok()?,
    })
}

/// The page. Makes no call to Atlassian.
pub(crate) async fn show(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Extension(request): Extension<RequestId>,
    Query(query): Query<HealthQuery>,
) -> Result<Response, Problem> {
    render(&app, &member, &reference(&request), &query, None).await
}

/// The page under an address without its end.
pub(crate) async fn moved(OfTeam(member): OfTeam) -> Redirect {
    Redirect::to(&health_path(&member.team().slug))
}

/// The page with what a test found that was asked for on it.
pub(crate) async fn after_test(
    app: &App,
    member: &Member,
    reference: &str,
    test: TestResult,
) -> Result<Response, Problem> {
    let query = HealthQuery {
        notice: None,
        show: None,
        before: None,
    };
    render(app, member, reference, &query, Some(test)).await
}

/// The state in one line, for a script that asks again and again.
pub(crate) async fn summary(
    State(app): State<App>,
    OfTeam(member): OfTeam,
    Extension(request): Extension<RequestId>,
) -> Result<Response, Problem> {
    let around = surroundings::with_connection(&app.services, &member).await?;
    let shell = shell::beside_card(&app, &member, &around, Section::Integrations);
    if let Err(err) = around.jira {
        return Err(err.into());
    }
    let (_, card) = jira_card(&app, &member, around, &reference(&request), None);
    html(&HealthSummary { shell, card })
}

/// Has a new token fetched, and says on the page what came of it.
pub(crate) async fn refresh(State(app): State<App>, AdminOfTeam(admin): AdminOfTeam) -> Redirect {
    let word = match refresh_by_hand(&app.services, &admin).await {
        Ok(_) => "refreshed",
        Err(ByHandError::TooSoon) => "too_soon",
        Err(ByHandError::Token(TokenError::NoConnection(_))) => "no_grant",
        Err(ByHandError::Token(TokenError::Misconfigured { .. })) => "blocked",
        Err(ByHandError::Token(TokenError::ProviderUnavailable { .. })) => "no_answer",
        Err(ByHandError::Token(TokenError::NotSaved)) => "not_refreshed",
        Err(ByHandError::Token(TokenError::Failed(err))) => {
            tracing::error!(error = %err, cause = ?std::error::Error::source(&*err), "a refresh by hand failed");
            "not_refreshed"
        }
    };
    let path = health_path(&admin.team().slug);
    Redirect::to(&format!("{path}?notice={word}"))
}

async fn render(
    app: &App,
    member: &Member,
    reference: &str,
    query: &HealthQuery,
    test: Option<TestResult>,
) -> Result<Response, Problem> {
    let now = app.services.env.now();
    let part = query.part();
    let found = health(&app.services, member, part).await?;
    let overview = found.around.jira.as_ref().ok();
    let notice = query.notice.as_deref().zip(overview);
    let notice = notice.and_then(|(word, it)| notice_of(word, it, now));
    let facts = overview.map(|it| facts(it, now)).unwrap_or_default();
    let shell = shell::beside_card(app, member, &found.around, Section::Integrations);
    let has_connection = overview.is_some();
    let (status, card) = jira_card(app, member, found.around, reference, test);
    let page = HealthPage {
        shell,
        card: card.on_its_own_page(),
        notice,
        facts,
        history: found
            .history
            .filter(|_| has_connection)
            .map(|it| history(&it, part, found.today, now)),
        can_mail: app.services.mailer.is_some(),
    };
    html_with_status(status, &page).map(with_way_out)
}

/// What is said of a refresh by hand: by a word of ours, and by what is known of the connection now.
fn notice_of(word: &str, overview: &JiraOverview, now: Timestamp) -> Option<RefreshNotice> {
    let credential = overview.credential.as_ref();
    let when = |at: Option<Timestamp>| at.map(|it| moment(it, now));
    Some(match word {
        "refreshed" => RefreshNotice::Done {
            until: when(credential.and_then(|it| Some(it.tokens.as_ref()?.access_expires_at))),
        },
        "too_soon" => RefreshNotice::TooSoon {
            again: when(credential.and_then(|it| by_hand_again_at(it, now))),
        },
        "no_answer" => RefreshNotice::NoAnswer {
            next: when(overview.assessment.next_attempt_at.filter(|it| *it > now)),
        },
        "blocked" => RefreshNotice::Blocked,
        "no_grant" => RefreshNotice::NoGrant,
        "not_refreshed" => RefreshNotice::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let id = Uuid::from_u128(7);
        let read = place(&format!("1764000000000-{id}"));
        assert_eq!(
            read.map(|it| (it.at.as_millisecond(), it.id)),
            Some((1_764_000_000_000, id))
        );
        for odd in [
            "",
            "-",
            "1-",
            "-1",
            "x-00000000-0000-0000-0000-000000000007",
            "99999999999999999999-a",
            "1764000000000",
        ] {
            assert_eq!(place(odd), None, "{odd}");
        }
    }
}
