//! `ANY /api/v1/integrations/jira/proxy/{path}`: a call of Jira's interface, passed on with the team's token.
//!
//! What was asked flows out and what is answered flows in, neither ever read whole. [`headers`] says what goes
//! along, [`links`] leads links back here where that is asked for. Of the layers around, those that read, change
//! or time a whole answer are not around this (`crates/web/src/layers.rs`).

use axum::{
    extract::{Request, State},
    response::Response,
};
use domain::{
    api_key::Errand,
    jira_path::JiraPath,
    usage::{Call, Method, PathTemplate},
};
use service::proxy::{self, Asked};

use super::counted::{Counted, counted_with_status};
use crate::{App, problem::Problem, who::api_client};
use links::Links;

mod headers;
mod links;

pub(crate) use headers::answered_by_us;

/// Below this, a path is one of the site's.
pub(crate) const PREFIX: &str = "/api/v1/integrations/jira/proxy";

/// What is passed on.
const METHODS: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";

/// `ANY /api/v1/integrations/jira/proxy/{path}`.
pub(crate) async fn pass_on(State(app): State<App>, req: Request) -> Result<Response, Problem> {
    let services = &app.services;
    let (mut parts, body) = req.into_parts();
    let (uri, method) = (parts.uri.clone(), Method::of(parts.method.as_str()));
    let below = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let errand = Errand::Proxy {
        method,
        path: below,
    };
    let client = api_client(&mut parts, &app, errand).await?;
    // As it was written: what a router or a library makes of it is not looked at.
    let path = JiraPath::parse(below.strip_prefix('/').unwrap_or(below));
    let template = path.map_or(PathTemplate::NONE, JiraPath::template);
    let of = Counted {
        call: Call::Proxy,
        method,
        path_template: template.clone(),
    };
    let work = async {
        let path = path.map_err(Problem::path_refused)?;
        let links = Links::asked_for(&parts.headers)?;
        // Neither a tunnel nor what shows the request as it arrived, nor what somebody made up.
        if method == Method::Other {
            return Err(Problem::method_not_allowed().with_allow(METHODS).into());
        }
        let asked = Asked {
            headers: headers::to_the_gateway(&parts.headers, links),
            method: parts.method,
            path,
            template,
            query: uri.query(),
            body: proxy::body(body),
        };
        let answer = proxy::pass_on(services, &client, asked).await?;
        let answer = headers::to_the_caller(answer);
        let rules = match links {
            Links::AsTheyAre => Vec::new(),
            Links::Ours => proxy::link_rules(services, &client, &links::here(&app.settings)),
        };
        let answer = links::lead(answer, rules);
        Ok((answer.status(), answer))
    };
    counted_with_status(services, &client, of, work).await
}
