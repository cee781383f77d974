//! How long a consent lives at Atlassian.

use std::num::NonZeroU16;

use clap::Args;

use super::{SettingError, shortened};

/// A hundred years; what is meant to last longer is 0.
const MOST_DAYS: u16 = 36_500;

/// For what tells the state of connections.
#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// How many days Atlassian lets a consent live; admins are asked to renew it 30 days before. 0 if it
    /// never ends.
    #[arg(
        long,
        env = "CONSENT_LIFETIME_DAYS",
        value_name = "DAYS",
        default_value = "365"
    )]
    consent_lifetime_days: String,
}

impl ConsentArgs {
    /// The number of days; none if a consent never ends.
    ///
    /// # Errors
    ///
    /// If it is no such number.
    pub(crate) fn lifetime_days(&self) -> Result<Option<NonZeroU16>, SettingError> {
        let text = &self.consent_lifetime_days;
        match text.trim().parse::<u16>() {
            Ok(it) if it <= MOST_DAYS => Ok(NonZeroU16::new(it)),
            _ => {
                let what = format!(
                    "is {:?}, not a number of days up to {MOST_DAYS}",
                    shortened(text)
                );
                Err(SettingError::new("CONSENT_LIFETIME_DAYS", what, "365"))
            }
        }
    }
}
