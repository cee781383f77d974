//! The projects of a site: all of them, one, and a page of those that are looked for.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{Call, PAGE_CAP, WORK, issues, page};
use crate::{Endpoint, Site, gateway::jira_refused};

/// As a project stands in lists, and alone.
fn shown(site: &Site, call: &Call, index: usize, key: &str, name: &str) -> Value {
    let id = issues::project_id(index);
    json!({
        "self": call.address(site, &format!("project/{id}")),
        "id": id, "key": key, "name": name, "projectTypeKey": "software",
        "simplified": false, "style": "classic", "isPrivate": false, "properties": {},
    })
}

/// All, without pages: what clients ask that were written for Jira Server.
pub(super) async fn all(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Project, WORK, |inner, _| {
        let projects = call.site(inner)?.projects.iter().enumerate();
        let shown = |(index, (key, name)): (usize, &(String, String))| {
            shown(&site, &call, index, key, name)
        };
        Ok(projects.map(shown).collect())
    })
    .await
}

/// One, by its id or key.
pub(super) async fn one(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Project, WORK, |inner, _| {
        let wanted = call.param("key");
        let mut projects = call.site(inner)?.projects.iter().enumerate();
        let found = projects.find(|(index, (key, _))| {
            key.eq_ignore_ascii_case(wanted) || issues::project_id(*index) == wanted
        });
        match found {
            Some((index, (key, name))) => Ok(shown(&site, &call, index, key, name)),
            None => Err(jira_refused(
                StatusCode::NOT_FOUND,
                format!("No project could be found with key '{wanted}'."),
            )),
        }
    })
    .await
}

/// A page of those whose key or name has a text.
pub(super) async fn search(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::ProjectSearch, WORK, |inner, _| {
        let (start, length) = page(&call, 50, PAGE_CAP)?;
        let wanted = call.value("query").unwrap_or_default().to_lowercase();
        let keys: Vec<_> = call.all("keys").flat_map(|it| it.split(',')).collect();
        let projects: Vec<_> = call
            .site(inner)?
            .projects
            .iter()
            .enumerate()
            .filter(|(_, (key, name))| {
                let matches = |it: &str| it.to_lowercase().contains(&wanted);
                (matches(key) || matches(name)) && (keys.is_empty() || keys.contains(&key.as_str()))
            })
            .collect();
        let page = projects.iter().skip(start).take(length);
        let values: Vec<_> = page
            .map(|(index, (key, name))| shown(&site, &call, *index, key, name))
            .collect();
        let end = start.saturating_add(values.len());
        let is_last = end >= projects.len();
        let mut answer = json!({
            "self": call.address(&site, &format!("project/search?startAt={start}&maxResults={length}")),
            "maxResults": length, "startAt": start, "total": projects.len(), "isLast": is_last,
            "values": values,
        });
        if !is_last {
            let next = format!("project/search?startAt={end}&maxResults={length}");
            answer["nextPage"] = call.address(&site, &next).into();
        }
        Ok(answer)
    })
    .await
}
