//! How long what is there for looking back is kept.

use domain::retention::Retention;

use super::SettingError;

/// What differs from the defaults.
///
/// # Errors
///
/// If it cannot be taken.
pub(crate) fn retention(text: &str) -> Result<Retention, SettingError> {
    Retention::parse(text).map_err(|err| {
        let example = "refresh_events=30d,audit_events=forever";
        SettingError::new("RETENTION", err.to_string(), example)
    })
}
