//! What outlives a restart: everything but the faults to come and the app's registration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Kept, SimState};
use crate::{ShiftedEnv, SimError};

/// Of the form below; another one is not read.
pub(crate) const SAVED_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    shift_millis: i64,
    kept: Kept,
}

impl SimState {
    /// Everything that a later simulator needs to go on from here ([`crate::SimOptions::saved`]). It holds
    /// tokens in the clear: keep it as one keeps a secret.
    pub fn save(&self) -> Value {
        let inner = self.lock();
        let shift_millis = inner.clock.as_ref().map_or(0, |it| it.shift_millis());
        json!({ "version": SAVED_VERSION, "shift_millis": shift_millis, "kept": inner.kept })
    }
}

/// Reads what was saved, and moves the clock to where it stood.
///
/// # Errors
///
/// [`SimError::Saved`] if it is of another form.
pub(super) fn read(saved: &Value, clock: Option<&ShiftedEnv>) -> Result<Kept, SimError> {
    let saved = Saved::deserialize(saved).map_err(SimError::Saved)?;
    if saved.version != SAVED_VERSION {
        return Err(SimError::SavedVersion {
            version: saved.version,
        });
    }
    if let Some(clock) = clock {
        clock.set_shift_millis(saved.shift_millis);
    }
    Ok(saved.kept)
}
