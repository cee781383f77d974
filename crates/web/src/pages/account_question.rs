//! `/a/{team}/integrations/jira/account`: another Atlassian account is asked about, not taken silently.

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use service::account_question::{account_question, sign_in_with_another, take_other_account};
use tower_http::request_id::RequestId;

use crate::{
    App,
    form::FormBody,
    moment::moment,
    pages::{connect::go_on, html_with_status, with_way_out},
    problem::Problem,
    shell,
    view::account_question::AccountQuestionPage,
    who::AdminOfTeam,
};

/// The question.
pub(crate) async fn show(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    Extension(request): Extension<RequestId>,
) -> Result<Response, Problem> {
    let question = account_question(&app.services, &admin).await?;
    let page = AccountQuestionPage {
        shell: shell::of_member(&app, &admin).await?,
        team: shell::link(admin.team()),
        connected_as: question.connected_as,
        signed_in_as: question.signed_in_as,
        until: moment(question.until, app.services.env.now()),
        reference: request
            .header_value()
            .to_str()
            .unwrap_or_default()
            .to_owned(),
    };
    html_with_status(StatusCode::CONFLICT, &page).map(with_way_out)
}

/// What the person says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    /// The connection keeps its account; the person signs in again.
    Again,
    /// The connection changes its account.
    Switch,
}

/// The form.
#[derive(Deserialize)]
pub(crate) struct AnswerForm {
    decision: Decision,
}

/// Does what the person says.
pub(crate) async fn answer(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    FormBody(form): FormBody<AnswerForm>,
) -> Result<Response, Problem> {
    match form.decision {
        Decision::Again => {
            let address = sign_in_with_another(&app.services, &admin).await?;
            Ok(Redirect::to(address.as_str()).into_response())
        }
        Decision::Switch => {
            let ended = take_other_account(&app.services, &admin).await?;
            Ok(go_on(&ended).into_response())
        }
    }
}
