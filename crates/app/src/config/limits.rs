//! How often services may call.

use std::num::NonZeroU32;

use clap::Args;

use super::{SettingError, shortened};

/// Far beyond what a process can answer: what is more is a mistake.
const MOST: u32 = 1_000_000;

/// For what is answered to services.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// How many calls a second each key has, in each process; one second's worth may come at once. Without it there
    /// is no limit.
    #[arg(
        long,
        env = "API_REQUESTS_PER_SECOND",
        value_name = "NUMBER",
        default_value = ""
    )]
    api_requests_per_second: String,
}

impl LimitArgs {
    /// The number; none if there is no limit.
    ///
    /// # Errors
    ///
    /// If it is no such number.
    pub(crate) fn requests_per_second(&self) -> Result<Option<NonZeroU32>, SettingError> {
        let text = self.api_requests_per_second.trim();
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<NonZeroU32>() {
            Ok(it) if it.get() <= MOST => Ok(Some(it)),
            _ => {
                let what = format!(
                    "is {:?}, not a whole number from 1 to {MOST}; leave it unset for no limit",
                    shortened(text)
                );
                Err(SettingError::new("API_REQUESTS_PER_SECOND", what, "50"))
            }
        }
    }
}
