//! What every page of a team says while its connection needs people.

use super::{Authority, Moment};

/// The banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// Its icon, and the shape of its state.
    pub icon: &'static str,
    /// What is the matter: a sentence.
    pub title: String,
    /// Why: sentences.
    pub reason: String,
    /// Since when nothing works, where nothing does: with who is hit by it.
    pub hit: Option<Hit>,
    /// What mends it; none beside the card, which has the button itself.
    pub action: Option<BannerAction>,
    /// Who may.
    pub authority: Authority,
    /// Under which name a person puts it away in this browser; none where something does not work.
    pub dismissed_as: Option<String>,
}

/// Who is hit, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The services, at the start of a sentence.
    pub services: String,
    /// Since when.
    pub since: Moment,
}

/// What mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BannerAction {
    /// On the button.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// What only admins can do, in words: `reconnect`.
    pub what: &'static str,
    /// The connection's own page.
    pub details: String,
}
