//! Which Jira sites a token reaches (Atlassian's accessible-resources).

use std::collections::BTreeMap;

use domain::{
    credential::Scopes,
    jira::Site,
    text::{CloudId, SiteName, SiteUrl},
};
use secrecy::SecretString;
use url::Url;

use crate::{Atlassian, CallError, oauth::joined, wire::AccessibleResource};

/// A Jira site that a token reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSite {
    /// The site.
    pub site: Site,
    /// What was granted there, over all products.
    pub scopes: Scopes,
}

impl Atlassian {
    /// The Jira sites that `access` reaches: one a cloud id, by name. Sites without Jira are left out.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn accessible_sites(
        &self,
        access: &SecretString,
    ) -> Result<Vec<OfferedSite>, CallError> {
        let url = joined(&self.settings.api_url, "oauth/token/accessible-resources");
        let listed: Vec<AccessibleResource> = self.get("accessible_resources", url, access).await?;
        Ok(jira_sites(listed))
    }
}

/// One entry a site and product becomes one a site.
fn jira_sites(listed: Vec<AccessibleResource>) -> Vec<OfferedSite> {
    let mut sites: BTreeMap<CloudId, OfferedSite> = BTreeMap::new();
    for resource in listed {
        if !resource
            .scopes
            .iter()
            .any(|it| it == Scopes::REQUIRED_OF_SITE)
        {
            continue;
        }
        let (Ok(cloud_id), Ok(url)) = (CloudId::parse(&resource.id), SiteUrl::parse(&resource.url))
        else {
            tracing::warn!("a site with an odd id or address was left out");
            continue;
        };
        let avatar_url = resource.avatar_url.filter(|it| Url::parse(it).is_ok());
        let name = SiteName::from_provider(&resource.name, &url);
        let site = Site {
            cloud_id: cloud_id.clone(),
            name,
            url,
            avatar_url,
        };
        let scopes: Scopes = resource.scopes.into_iter().collect();
        sites
            .entry(cloud_id)
            .and_modify(|it| it.scopes = it.scopes.iter().chain(scopes.iter()).collect())
            .or_insert(OfferedSite { site, scopes });
    }
    let mut sites: Vec<_> = sites.into_values().collect();
    sites.sort_by_cached_key(|it| (it.site.name.clone(), it.site.url.host().to_owned()));
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: &str, name: &str, url: &str, scopes: &[&str]) -> AccessibleResource {
        AccessibleResource {
            id: id.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            scopes: scopes.iter().map(|it| (*it).to_owned()).collect(),
            avatar_url: Some("not an address".to_owned()),
        }
    }

    #[test]
    fn a_site_is_offered_once_and_only_with_jira() {
        let work = "read:jira-work";
        let sites = jira_sites(vec![
            resource("b", "Beta", "https://beta.atlassian.net", &[work]),
            resource(
                "a",
                "Acme",
                "https://acme.atlassian.net",
                &["read:confluence-space.summary"],
            ),
            resource("a", "Acme", "https://acme.atlassian.net", &[work]),
            resource(
                "a",
                "Acme",
                "https://acme.atlassian.net",
                &["read:jira-user", work],
            ),
            resource(
                "c",
                "Wiki",
                "https://wiki.atlassian.net",
                &["read:confluence-space.summary"],
            ),
            resource("../d", "Odd", "https://odd.atlassian.net", &[work]),
            resource("e", "Odd", "javascript:alert(1)", &[work]),
        ]);
        let names: Vec<_> = sites.iter().map(|it| it.site.name.as_str()).collect();
        assert_eq!(names, ["Acme", "Beta"]);
        assert!(sites[0].scopes.contains("read:jira-user"));
        assert_eq!(sites[0].site.avatar_url, None);
    }
}
