//! The API described, and its codes.

use super::{
    super::{description, problem::codes},
    Sample, inside, outside, sample,
};

pub(super) fn pages() -> Vec<Sample> {
    let base_url = "https://tformance.example.com".parse();
    let docs = base_url.map(|it| description::page::page(outside(), &it));
    let code = |name, code| codes::page(outside(), code).map(|it| sample(name, &it));
    let mut samples = vec![sample("api-problems", &codes::list(inside()))];
    samples.extend(docs.ok().map(|it| sample("api-docs", &it)));
    samples.extend(code("api-problem", "connection_reconnect_needed"));
    samples.extend(code("api-problem-page", "CONNECT_ATLASSIAN_DOWN"));
    samples
}
