//! What happens elsewhere at Atlassian: in the developer console, in "Connected apps", in the
//! administration of a site or of people.

use secrecy::SecretString;
use serde::Deserialize;

use super::{Inner, SimState};

/// What a site's administrator, or Atlassian, changes; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteChange {
    /// The administrator blocks or uninstalls the app, or lets it in again.
    pub blocked: Option<bool>,
    /// The site is suspended for want of payment.
    pub suspended: Option<bool>,
    /// The site is gone, or is there again.
    pub removed: Option<bool>,
    /// Another name.
    pub name: Option<String>,
    /// Another address; an origin.
    pub url: Option<String>,
    /// This account, by its name, loses Jira here.
    pub closed_to: Option<String>,
    /// This account, by its name, has Jira here again.
    pub open_to: Option<String>,
    /// So many more projects, of 12 issues each.
    pub add_projects: Option<u16>,
}

/// What happens to a person's account; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountChange {
    /// Deactivated by the organisation, or active again.
    pub active: Option<bool>,
    /// The password is changed, which ends refresh tokens.
    pub password_changed: bool,
    /// This account registered the app.
    pub owns_app: bool,
}

impl SimState {
    /// The site's administrator blocks the app, or lets it in again; `false` for an unknown site.
    pub fn set_blocked(&self, cloud_id: &str, blocks_app: bool) -> bool {
        let change = SiteChange {
            blocked: Some(blocks_app),
            ..SiteChange::default()
        };
        self.change_site(cloud_id, change)
    }

    /// Changes a site; `false` for an unknown site or account.
    pub fn change_site(&self, cloud_id: &str, change: SiteChange) -> bool {
        let mut inner = self.lock();
        let id_of = |name: &str| inner.account_named(name).map(|it| it.id.clone());
        let closed_to = change.closed_to.as_deref().map(id_of);
        let open_to = change.open_to.as_deref().map(id_of);
        if closed_to == Some(None) || open_to == Some(None) {
            return false;
        }
        let Some(site) = inner.kept.sites.get_mut(cloud_id) else {
            return false;
        };
        let set = |place: &mut bool, value: Option<bool>| *place = value.unwrap_or(*place);
        set(&mut site.blocks_app, change.blocked);
        set(&mut site.is_suspended, change.suspended);
        set(&mut site.is_removed, change.removed);
        if let Some(name) = change.name {
            site.name = name;
        }
        if let Some(url) = change.url {
            site.url = url;
        }
        site.closed_to.extend(closed_to.flatten());
        if let Some(id) = open_to.flatten() {
            site.closed_to.remove(&id);
        }
        let first = site.projects.len();
        for number in first..first.saturating_add(change.add_projects.unwrap_or(0).into()) {
            let key = format!("P{number}");
            site.projects.push((key, format!("Project {number}")));
        }
        true
    }

    /// Changes an account, by its name; `false` for an unknown one.
    pub fn change_account(&self, account_name: &str, change: &AccountChange) -> bool {
        let mut inner = self.lock();
        let kept = &mut inner.kept;
        let Some(account) = kept.accounts.iter_mut().find(|it| it.name == account_name) else {
            return false;
        };
        account.is_active = change.active.unwrap_or(account.is_active);
        if change.password_changed {
            account.password_epoch = account.password_epoch.wrapping_add(1);
        }
        if change.owns_app {
            kept.owner.clone_from(&account.id);
        }
        true
    }

    /// The person removes the app under "Connected apps": the grant of the account ends.
    pub fn revoke_grants_of(&self, account_name: &str) {
        self.lock().revoke_grants_of(account_name);
    }

    /// The app's secret is changed in the developer console.
    pub fn set_client_secret(&self, secret: SecretString) {
        self.lock().client_secret = secret;
    }
}

impl Inner {
    /// `false` for an unknown account.
    pub(crate) fn revoke_grants_of(&mut self, account_name: &str) -> bool {
        let Some(id) = self.account_named(account_name).map(|it| it.id.clone()) else {
            return false;
        };
        let of_account = |it: &&mut super::Grant| it.account == id;
        for grant in self.kept.grants.iter_mut().filter(of_account) {
            grant.is_revoked = true;
        }
        true
    }
}
