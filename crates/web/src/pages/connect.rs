//! To Atlassian and back: `POST …/jira/connect`, `POST …/jira/cancel`, and the callback.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse as _, Redirect, Response},
};
use domain::{ids::AttemptId, text::EmailAddress};
use serde::Deserialize;
use service::{
    choose_site::discard,
    connect::{self, Callback, ConnectError, Ended, Next, Reason},
    state_token::ConnectState,
    throttle::Caller,
};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    pages::{integrations_path, integrations_with_notice},
    problem::Problem,
    who::{AdminOfTeam, Visitor},
};

/// Empty for a new attempt; with `attempt`, that one goes on.
#[derive(Deserialize)]
pub(crate) struct ConnectForm {
    #[serde(default)]
    attempt: Option<String>,
}

/// Sends the browser to Atlassian, or goes on with a sign-in that is kept.
pub(crate) async fn begin(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<ConnectForm>,
) -> Result<Response, Problem> {
    let attempt = form.attempt.filter(|it| !it.is_empty());
    let Some(attempt) = attempt else {
        let address = connect::begin(&app.services, &admin).await?;
        return Ok(Redirect::to(address.as_str()).into_response());
    };
    let attempt: AttemptId = attempt.parse().map_err(|_| Problem::bad_form())?;
    match connect::resume(&app.services, &admin, attempt).await? {
        Next::Atlassian(address) => Ok(Redirect::to(address.as_str()).into_response()),
        Next::Ended(ended) => Ok(go_on(&ended).into_response()),
    }
}

/// Sends the browser to Atlassian for a new grant; the old one stays in force until that is saved.
pub(crate) async fn reconnect(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
) -> Result<Redirect, Problem> {
    let address = connect::begin(&app.services, &admin).await?;
    Ok(Redirect::to(address.as_str()))
}

/// Takes what Atlassian sent the browser back with.
pub(crate) async fn callback(
    State(app): State<App>,
    Visitor(person): Visitor,
    From(from): From,
    RawQuery(query): RawQuery,
) -> Result<Redirect, Problem> {
    let query = query.unwrap_or_default();
    let account = person.as_ref().map(|it| it.user().email.clone());
    let caller = Caller {
        account: account.as_ref().map(EmailAddress::as_str),
        address: from,
    };
    let now = app.services.env.now();
    // A state that we signed is always looked at; of others no more is written down than that.
    let is_signed = Callback::parse(&query)
        .is_some_and(|it| ConnectState::parse(it.state(), &app.services.key_ring).is_ok());
    if !is_signed {
        app.services.throttle.check(caller, now)?;
    }
    // In a task of its own: a browser that leaves must not cost the grant that Atlassian has just
    // given for the code.
    let services = std::sync::Arc::clone(&app.services);
    let work = async move { connect::finish(&services, person.as_ref(), &query).await };
    let ended = app
        .services
        .tasks
        .spawn(work)
        .await
        .map_err(|_| Problem::broken())?;
    if let Err(ConnectError::Refused(refusal)) = &ended
        && matches!(refusal.reason, Reason::StateUnknown | Reason::BadRequest)
    {
        app.services.throttle.failed(caller, now)?;
    }
    Ok(go_on(&ended?))
}

/// Discards every sign-in of the team that is under way.
pub(crate) async fn cancel(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
) -> Result<Redirect, Problem> {
    discard(&app.services, &admin).await?;
    Ok(integrations_with_notice(&admin.team().slug, "discarded"))
}

/// Where a trip that ended well leads. Never stays at the callback's address, which has the code.
pub(crate) fn go_on(ended: &Ended) -> Redirect {
    match ended {
        Ended::Connected {
            team,
            only_site: true,
            ..
        } => integrations_with_notice(&team.slug, "connected_only_site"),
        Ended::Connected { team, .. } => integrations_with_notice(&team.slug, "connected"),
        Ended::AlreadyDone { team, .. } => integrations_with_notice(&team.slug, "already_done"),
        Ended::SiteChanged { team, .. } => integrations_with_notice(&team.slug, "site_changed"),
        Ended::AskAccount { team } => {
            Redirect::to(&format!("{}jira/account", integrations_path(&team.slug)))
        }
        Ended::ChooseSite { team } => {
            Redirect::to(&format!("{}jira/sites", integrations_path(&team.slug)))
        }
    }
}
