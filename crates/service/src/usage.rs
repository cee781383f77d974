//! What is in use: counted in memory, never on the path of a read, and written by a worker.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use domain::ids::TeamId;
use jiff::{SignedDuration, Timestamp};

/// Use is written to the minute.
const RESOLUTION: SignedDuration = SignedDuration::from_mins(1);

/// What was used since the last time it was written.
#[derive(Debug)]
pub(crate) struct Usage<Id>(Mutex<HashMap<Id, (TeamId, Timestamp)>>);

impl<Id> Default for Usage<Id> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Id: Copy + Eq + Hash> Usage<Id> {
    /// It was used now; `known` is what is written of it.
    pub(crate) fn note(&self, team: TeamId, id: Id, known: Option<Timestamp>, now: Timestamp) {
        let is_known = known.is_some_and(|it| now.duration_since(it) < RESOLUTION);
        if !is_known {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            used.insert(id, (team, now));
        }
    }

    /// What is to be written now.
    pub(crate) fn take(&self) -> Vec<(TeamId, Id, Timestamp)> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = used.drain();
        taken.map(|(id, (team, at))| (team, id, at)).collect()
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, left: &[(TeamId, Id, Timestamp)]) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (team, id, at) in left {
            used.entry(*id).or_insert((*team, *at));
        }
    }
}
