//! Consent: what a person's "Accept" gives, and what stops it on a page of Atlassian's.

use super::{CODE_LIFE, Code, Grant, Inner, Waiting, later};
use crate::mint;

/// Why a decision leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The request is not known, or was decided.
    Lost,
    /// The person stays on a page of Atlassian's that says this; the request stays undecided.
    Page(String),
}

impl Inner {
    /// Keeps an authorize request until the person decides; gives the name of it.
    pub(crate) fn wait_for_consent(&mut self, waiting: Waiting) -> String {
        self.kept.counts.authorize += 1;
        let context = mint::handle(self.env.as_ref());
        self.kept.waiting.insert(context.clone(), waiting);
        context
    }

    pub(crate) fn waiting(&self, context: &str) -> Option<&Waiting> {
        self.kept.waiting.get(context)
    }

    /// What keeps this account from the consent page at all.
    pub(crate) fn turned_away(&self, account: &str) -> Option<String> {
        let found = self.account(account)?;
        if !found.is_active {
            return Some("Your account has been deactivated.".to_owned());
        }
        (self.kept.switches.private_app && found.id != self.kept.owner).then(|| {
            "This app is in development. Only its owner can authorize it; its owner can turn on \
             sharing in the developer console."
                .to_owned()
        })
    }

    /// The person decides for it; gives what the callback is told. A request is decided once.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub(crate) fn accept(
        &mut self,
        context: &str,
        account: &str,
        chosen: &[String],
    ) -> Result<(String, String), Stopped> {
        if !self.kept.waiting.contains_key(context) {
            return Err(Stopped::Lost);
        }
        if let Some(why) = self.turned_away(account) {
            return Err(Stopped::Page(why));
        }
        let sites = self.account(account).ok_or(Stopped::Lost)?.sites.clone();
        let picks = self.kept.switches.resource_level_grants || !chosen.is_empty();
        let reached: Vec<String> = sites
            .into_iter()
            .filter(|it| !picks || chosen.contains(it))
            .collect();
        self.admitted_by_administrators(&reached)?;
        let waiting = self.kept.waiting.remove(context).ok_or(Stopped::Lost)?;
        let grant = self.grant(account, &waiting, reached);
        let code = mint::code(self.env.as_ref());
        self.kept.secrets.push(code.clone());
        self.kept.codes.insert(
            code.clone(),
            Code {
                grant,
                expires_at: later(self.now(), CODE_LIFE),
                challenge: waiting.code_challenge,
                is_used: false,
            },
        );
        self.kept.counts.accepted += 1;
        Ok((code, waiting.state))
    }

    fn admitted_by_administrators(&self, reached: &[String]) -> Result<(), Stopped> {
        let switches = &self.kept.switches;
        let sites: Vec<_> = reached
            .iter()
            .filter_map(|it| self.kept.sites.get(it))
            .filter(|it| it.has_jira)
            .collect();
        let Some(first) = sites.first() else {
            return Ok(());
        };
        let host = first.url.trim_start_matches("https://");
        if switches.admin_approval_needed {
            return Err(Stopped::Page(format!(
                "Your site admin must authorize this app for the site {host} before the app can \
                 access your account."
            )));
        }
        if switches.blocked_site_stops_consent && sites.iter().all(|it| it.blocks_app) {
            return Err(Stopped::Page(format!(
                "App is blocked by an admin: the administrator of {host} does not allow it."
            )));
        }
        Ok(())
    }

    /// Writes what the person allowed into the account's one grant, or into a new one where that has
    /// ended.
    fn grant(&mut self, account: &str, waiting: &Waiting, reached: Vec<String>) -> usize {
        let now = self.now();
        let switches = &self.kept.switches;
        let mut scopes = waiting.scopes.clone();
        scopes.retain(|it| !switches.withheld_scopes.contains(it));
        let live = |it: &Grant| it.account == account && !it.is_revoked;
        let Some(index) = self.kept.grants.iter().position(live) else {
            self.kept.grants.push(Grant {
                account: account.to_owned(),
                scopes,
                sites: reached.into_iter().collect(),
                consented_at: now,
                is_revoked: false,
            });
            return self.kept.grants.len() - 1;
        };
        if switches.reconsent_ends_old_families {
            let old = |it: &&mut super::Family| it.grant == index;
            for family in self.kept.families.iter_mut().filter(old) {
                family.is_revoked = true;
            }
        }
        if let Some(grant) = self.kept.grants.get_mut(index) {
            // A consent replaces the scopes of what was granted before.
            grant.scopes = scopes;
            grant.consented_at = now;
            if switches.resource_level_grants {
                grant.sites.clear();
            }
            grant.sites.extend(reached);
        }
        index
    }

    /// The person presses Cancel; gives the state.
    pub(crate) fn deny(&mut self, context: &str) -> Option<String> {
        let waiting = self.kept.waiting.remove(context)?;
        self.kept.counts.denied += 1;
        Some(waiting.state)
    }
}
