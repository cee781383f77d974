//! Which credentials are in use: counted in memory, never on the path of a read, and written by a worker.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{
    credential::IntegrationCredential,
    ids::{CredentialId, TeamId},
};
use jiff::{SignedDuration, Timestamp};

/// Use is written to the minute.
const RESOLUTION: SignedDuration = SignedDuration::from_mins(1);

/// What was used since the last time it was written.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<HashMap<CredentialId, (TeamId, Timestamp)>>);

impl Usage {
    /// Somebody had a token of it.
    pub(crate) fn note(&self, credential: &IntegrationCredential, now: Timestamp) {
        let is_known = credential
            .last_used_at
            .is_some_and(|it| now.duration_since(it) < RESOLUTION);
        if !is_known {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            used.insert(credential.id, (credential.team, now));
        }
    }

    /// What is to be written now.
    pub(crate) fn take(&self) -> Vec<(TeamId, CredentialId, Timestamp)> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = used.drain();
        taken.map(|(id, (team, at))| (team, id, at)).collect()
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, left: &[(TeamId, CredentialId, Timestamp)]) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (team, id, at) in left {
            used.entry(*id).or_insert((*team, *at));
        }
    }
}
