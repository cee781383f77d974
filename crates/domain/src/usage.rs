//! What services ask for, as it is counted.

/// Which call of the API it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// The state of the connection.
    Status,
    /// A valid token.
    Token,
    /// A token in the place of one that was refused.
    Rejected,
    /// A call of the provider, through us.
    Proxy,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Status, Self::Token, Self::Rejected, Self::Proxy];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Token => "token",
            Self::Rejected => "rejected",
            Self::Proxy => "proxy",
        }
    }
}

/// What came of it, as the promise counts it: whose fault is it where there was no valid token?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A valid token was there.
    Served,
    /// Atlassian did not answer, and the token had ended.
    ProviderOutage,
    /// There is no grant in force: refused, disconnected, or never given.
    NoGrant,
    /// Our store, or the operator's settings.
    OurFault,
    /// The caller asked for what is not to be had.
    CallersFault,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Served,
        Self::ProviderOutage,
        Self::NoGrant,
        Self::OurFault,
        Self::CallersFault,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::ProviderOutage => "provider_outage",
            Self::NoGrant => "no_grant",
            Self::OurFault => "our_fault",
            Self::CallersFault => "callers_fault",
        }
    }
}
