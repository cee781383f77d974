//! `POST /oauth/revoke`: not documented for apps like ours, and what it does is unknown, so that a
//! switch says.

use super::{Inner, RevokeEffect};

impl Inner {
    /// Ends what the switch says; an unknown token is nothing.
    pub(crate) fn revoke(&mut self, token: &str) {
        let kept = &mut self.kept;
        let refresh = kept.refresh_tokens.get(token).cloned();
        let access = refresh
            .as_ref()
            .map_or_else(|| token.to_owned(), |it| it.access.clone());
        let family = refresh.as_ref().map(|it| it.family);
        let family = family.or_else(|| kept.access_tokens.get(token).map(|it| it.family));
        let Some(family) = family else {
            return;
        };
        match kept.switches.revoke_effect {
            RevokeEffect::Nothing | RevokeEffect::NotFound => {}
            RevokeEffect::Token => {
                if let Some(it) = kept.refresh_tokens.get_mut(token) {
                    it.is_revoked = true;
                }
                if let Some(it) = kept.access_tokens.get_mut(&access) {
                    it.is_revoked = true;
                }
            }
            RevokeEffect::Family => {
                self.end_family(family);
                let of_family = |it: &&mut super::Access| it.family == family;
                for it in self.kept.access_tokens.values_mut().filter(of_family) {
                    it.is_revoked = true;
                }
            }
            RevokeEffect::Grant => {
                let grant = kept.families.get(family).map(|it| it.grant);
                if let Some(it) = grant.and_then(|it| kept.grants.get_mut(it)) {
                    it.is_revoked = true;
                }
            }
        }
    }

    /// No refresh token of the family gives a pair any more; access tokens live on.
    pub(crate) fn end_family(&mut self, family: usize) {
        if let Some(it) = self.kept.families.get_mut(family) {
            it.is_revoked = true;
        }
    }
}
