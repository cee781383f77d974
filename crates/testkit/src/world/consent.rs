//! A person at the simulated Atlassian: signs in there, and presses a button.

use std::collections::BTreeMap;

use reqwest::{Client, Response, header};
use url::Url;

use super::World;

#[expect(clippy::unwrap_used, reason = "test support")]
impl World {
    /// Walks to the consent page as `account` and accepts; gives the callback's query.
    pub async fn consent(&self, url: &Url, account: &str) -> String {
        self.decide(url, account, "accept").await
    }

    /// Walks to the consent page as `account` and presses Cancel; gives the callback's query.
    pub async fn cancel_consent(&self, url: &Url, account: &str) -> String {
        self.decide(url, account, "cancel").await
    }

    async fn decide(&self, url: &Url, account: &str, decision: &str) -> String {
        let id = self.sim.account_id(account).unwrap();
        let back = decide(url, &id, decision).await;
        assert!(back.as_str().starts_with(self.redirect_uri().as_str()));
        back.query().unwrap().to_owned()
    }
}

/// Walks from an authorize address to the consent page as the account of an id, and presses `accept` or
/// `cancel`; gives the address that the browser is sent back to.
#[expect(clippy::unwrap_used, reason = "test support")]
pub async fn decide(url: &Url, account_id: &str, decision: &str) -> Url {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let login = location(&client.get(url.clone()).send().await.unwrap());
    let query: BTreeMap<_, _> = login.query_pairs().into_owned().collect();
    let context = &query["context"];
    let form = [("context", context.as_str()), ("account", account_id)];
    let signed_in = client
        .post(login.join("/login").unwrap())
        .form(&form)
        .send()
        .await
        .unwrap();
    let cookie = signed_in.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let form = [("context", context.as_str()), ("decision", decision)];
    let decided = client
        .post(login.join("/oauth2/authorize/server/decide").unwrap())
        .header(header::COOKIE, cookie)
        .form(&form)
        .send()
        .await
        .unwrap();
    location(&decided)
}

#[expect(clippy::unwrap_used, reason = "test support")]
fn location(response: &Response) -> Url {
    let base = response.url();
    base.join(response.headers()[header::LOCATION].to_str().unwrap())
        .unwrap()
}
