//! The card of a connection with Jira: its state, why, and the one button that mends it. The integrations
//! page and the connection's own page show the same (`templates/jira_card.html`).

use super::{Authority, Moment, TeamLink, letter, list, services};

/// The card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JiraCard {
    /// The team.
    pub team: TeamLink,
    /// Who may connect and disconnect.
    pub authority: Authority,
    /// The state of the connection.
    pub jira: JiraState,
    /// A trip to Atlassian under way, told beside a connection that works or needs a new grant.
    pub attempt: Option<Attempt>,
    /// Who went to Atlassian last and did not come back, told beside whatever the state is.
    pub lapsed: Option<Lapsed>,
    /// What the operator must do before anybody can connect; `None` once it is done.
    pub setup: Option<Setup>,
    /// What the test of the connection found, if it has just been asked for.
    pub test: Option<TestResult>,
    /// Names of the services that use the connection; empty before there are any.
    pub services: Vec<String>,
    /// Whether it stands on the connection's own page: then it leads to no details, and what is pressed
    /// on it comes back there.
    pub is_own_page: bool,
}

impl JiraCard {
    /// The same on the connection's own page.
    #[must_use]
    pub fn on_its_own_page(self) -> Self {
        Self {
            is_own_page: true,
            ..self
        }
    }

    /// Whether the page is the answer to a request that failed.
    pub(super) fn is_error(&self) -> bool {
        matches!(&self.jira, JiraState::Unknown(it) if it.failed.is_some())
    }

    /// Where the forms go.
    pub(super) fn base(&self) -> String {
        format!("/a/{}/integrations/jira", self.team.slug)
    }

    /// The state as a word, by which a script sees that it is another one.
    pub(super) const fn word(&self) -> &'static str {
        match &self.jira {
            JiraState::NotConnected => "not_connected",
            JiraState::Connecting(_) => "connecting",
            JiraState::ChooseSite(_) => "choose_site",
            JiraState::Connected(it) => match it.condition {
                Condition::Good => "connected",
                Condition::RenewSoon { .. } => "renew_soon",
                Condition::Degraded { .. } => "degraded",
                Condition::Waiting { .. } => "waiting",
                Condition::Misconfigured { .. } => "misconfigured",
                Condition::PermissionsMissing(_) => "permissions_missing",
                Condition::SiteLost { .. } => "site_lost",
            },
            JiraState::Disconnected { .. } => "disconnected",
            JiraState::ReconnectNeeded { .. } => "reconnect_needed",
            JiraState::Unknown(_) => "unknown",
        }
    }

    /// What the state means for who relies on it, in a sentence without times: it is read out when it
    /// changes.
    pub(super) const fn headline(&self) -> &'static str {
        match &self.jira {
            JiraState::NotConnected => "No Jira site is connected yet.",
            JiraState::Connecting(_) => "Somebody is signing in at Atlassian.",
            JiraState::ChooseSite(_) => {
                "Somebody signed in at Atlassian and has yet to choose a site."
            }
            JiraState::Connected(it) => match it.condition {
                Condition::Good => "It works: services get valid tokens.",
                Condition::RenewSoon { .. } => "It works. The consent should be renewed.",
                Condition::Degraded { .. } => "Calls work; refreshing does not at the moment.",
                Condition::Waiting { .. } => "Calls fail at the moment; we keep trying.",
                Condition::Misconfigured { .. } => "Only the operator of this server can fix it.",
                Condition::PermissionsMissing(_) => "Tokens are valid, but lack a permission.",
                Condition::SiteLost { .. } => "Tokens are valid, but do not reach the site.",
            },
            JiraState::Disconnected { .. } => "Nothing is connected. The tokens are erased.",
            JiraState::ReconnectNeeded { .. } => "Calls fail until somebody reconnects.",
            JiraState::Unknown(_) => "We could not load the state.",
        }
    }

    pub(super) fn services_in_words(&self) -> String {
        if self.services.is_empty() {
            "your services".to_owned()
        } else {
            services(&self.services)
        }
    }

    /// Their names at the beginning of a sentence; nothing before there are any.
    pub(super) fn services_in_sentence(&self) -> String {
        services(&self.services)
    }

    /// The same where there is always somebody to name.
    pub(super) fn services_at_start(&self) -> String {
        if self.services.is_empty() {
            "Your services".to_owned()
        } else {
            services(&self.services)
        }
    }

    /// What the button to disconnect names; "Jira" where no site is chosen.
    pub(super) fn site_name(&self) -> &str {
        match &self.jira {
            JiraState::Connected(Connected { site, .. })
            | JiraState::ReconnectNeeded {
                site: Some(site), ..
            } => &site.name,
            _ => "Jira",
        }
    }

    /// Whether the setup steps stand where the connect button would be.
    pub(super) fn needs_setup(&self) -> bool {
        self.setup.is_some()
            && !matches!(self.jira, JiraState::Connected(_) | JiraState::Unknown(_))
    }
}

/// The connection, and what can be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JiraState {
    /// There was never one.
    NotConnected,
    /// Somebody is on the way to Atlassian.
    Connecting(Attempt),
    /// Somebody came back and must choose a site.
    ChooseSite(Choice),
    /// There is a grant that Atlassian has not refused.
    Connected(Connected),
    /// It was ended.
    Disconnected {
        /// By whom, where that is still known.
        by: Option<String>,
        /// When.
        at: Option<Moment>,
    },
    /// Atlassian refused the grant.
    ReconnectNeeded {
        /// The site, where one is chosen.
        site: Option<SiteName>,
        /// Why.
        death: Death,
        /// Since when.
        since: Option<Moment>,
    },
    /// It could not be read; which is not "disconnected".
    Unknown(Unknown),
}

/// A trip to Atlassian under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id, posted by *Continue*.
    pub id: String,
    /// Who went.
    pub by: String,
    /// When.
    pub began: Moment,
    /// Whether the reader went, in this browser, and so can go on with it.
    pub is_own: bool,
    /// Whether the person came back and must say something first.
    pub waits_for: Option<WaitsFor>,
    /// Whether Atlassian did not answer after the return: the grant is kept until then, and *Try
    /// again* goes on without a new consent.
    pub kept_until: Option<Moment>,
}

/// A trip to Atlassian that ended because nobody came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Who went, where that is still known.
    pub by: Option<String>,
    /// When.
    pub began: Moment,
}

/// What a person who came back must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Which site.
    Site,
    /// Whether the connection changes its Atlassian account.
    Account,
}

/// A choice that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Who signed in at Atlassian.
    pub by: String,
    /// Whether that is the reader, in this browser.
    pub is_own: bool,
    /// Until when it can be made.
    pub until: Option<Moment>,
}

/// A connection with a grant that Atlassian has not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The site.
    pub site: SiteName,
    /// Who connected, where that is still known.
    pub by: Option<String>,
    /// When.
    pub at: Option<Moment>,
    /// When the tokens were last renewed.
    pub last_refreshed: Option<Moment>,
    /// How it is.
    pub condition: Condition,
}

/// How a connection is that has a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It works, as far as we know.
    Good,
    /// The consent ends soon.
    RenewSoon {
        /// How many days Atlassian lets a consent live.
        days: u16,
        /// When it ends.
        by: Moment,
        /// Whether that is past.
        is_over: bool,
    },
    /// Refreshing fails; the token is good until then.
    Degraded {
        /// What happened.
        trouble: Trouble,
        /// When the token ends.
        works_until: Moment,
    },
    /// Refreshing fails, and the token has ended.
    Waiting {
        /// What happened.
        trouble: Trouble,
        /// When Atlassian is asked next; none if it is due.
        next: Option<Moment>,
    },
    /// The operator's settings are in the way.
    Misconfigured {
        /// Whether the stored tokens do not open; else Atlassian refused client id or secret.
        is_unreadable: bool,
        /// When the token ends, while it can be served.
        works_until: Option<Moment>,
    },
    /// What was asked for and not granted, in words: `read issues`.
    PermissionsMissing(Vec<String>),
    /// The site is not reached any more.
    SiteLost {
        /// When that was found.
        since: Option<Moment>,
    },
}

impl Condition {
    pub(super) fn missing_in_words(missing: &[String]) -> String {
        list(missing)
    }

    /// Whether anything on the card may be pressed.
    pub(super) const fn has_buttons(&self) -> bool {
        !matches!(self, Self::Misconfigured { .. })
    }

    /// What the one primary button says; none where nothing needs to be done.
    pub(super) const fn primary(&self) -> Option<&'static str> {
        match self {
            Self::RenewSoon { .. } => Some("Reconnect"),
            Self::PermissionsMissing(_) => Some("Reconnect to add"),
            Self::SiteLost { .. } => Some("Choose another site"),
            Self::Good
            | Self::Degraded { .. }
            | Self::Waiting { .. }
            | Self::Misconfigured { .. } => None,
        }
    }

    /// Whether another consent, or another site, is of use without being needed.
    pub(super) const fn may_reconnect(&self) -> bool {
        matches!(self, Self::Good | Self::SiteLost { .. })
    }

    /// Whether the site can be changed beside what else is to be done.
    pub(super) const fn may_change_site(&self) -> bool {
        matches!(
            self,
            Self::Good | Self::RenewSoon { .. } | Self::PermissionsMissing(_)
        )
    }

    /// Whether the site is the trouble: then another one is chosen, and this one not asked.
    pub(super) const fn is_about_site(&self) -> bool {
        matches!(self, Self::SiteLost { .. })
    }

    /// What the button says that has a new token fetched, where that is of use.
    pub(super) const fn refresh(&self) -> Option<&'static str> {
        match self {
            Self::Good | Self::RenewSoon { .. } | Self::PermissionsMissing(_) => {
                Some("Refresh now")
            }
            Self::Degraded { .. } | Self::Waiting { .. } => Some("Try now"),
            Self::Misconfigured { .. } | Self::SiteLost { .. } => None,
        }
    }

    /// Whether to ask the site makes sense.
    pub(super) const fn may_test(&self) -> bool {
        !self.is_about_site()
    }
}

/// Refreshes that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether Atlassian turned them away; else it did not answer.
    pub is_refused: bool,
    /// How many of this connection failed in a row; 0 where others' did.
    pub failures: u32,
    /// Since when.
    pub since: Option<Moment>,
}

/// Why a grant is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// Atlassian does not say.
    Revoked,
    /// It was not used for too long.
    IdleExpired,
    /// The consent was too old.
    ConsentEnded {
        /// When it was given.
        given: Option<Moment>,
        /// How many days Atlassian lets one live, where the operator says it.
        days: Option<u16>,
    },
    /// Atlassian's answer to an earlier refresh was lost.
    Interrupted {
        /// When that refresh began, where that is known.
        began: Option<Moment>,
        /// When it turned out that it cannot be repeated.
        found: Option<Moment>,
    },
}

/// A site, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteName {
    /// Its name: `Acme`.
    pub name: String,
    /// Its host: `acme.atlassian.net`.
    pub host: String,
    /// Its address, only where it is an `https` one: `https://acme.atlassian.net`.
    pub url: Option<String>,
}

impl SiteName {
    pub(super) fn letter(&self) -> String {
        letter(&self.name)
    }
}

/// Why the state could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What failed; none where nothing did, and what is stored does not make sense.
    pub failed: Option<FailedRead>,
}

/// A read that failed, for whoever reads the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRead {
    /// The stable code.
    pub code: String,
    /// The request.
    pub reference: String,
}

/// What the operator needs for the first set-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The one redirect URI of this installation.
    pub redirect_uri: String,
}

/// What a test of the connection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestResult {
    /// Jira answered.
    Works {
        /// Name of the Atlassian account, where Jira told it.
        account: Option<String>,
        /// How long the answer took, in milliseconds.
        took_ms: u128,
    },
    /// It did not, or refused.
    Failed {
        /// What happened, what it means, what to do: sentences.
        text: String,
        /// The stable code.
        code: String,
        /// The request, for whoever reads the log.
        reference: String,
    },
}
