//! Where a refresh has come to, told to whoever tests it. The product listens to none of it.

use std::fmt;

use atlassian::Later;
use domain::ids::CredentialId;

/// A point between which and the next a process may die, or be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Nothing was written yet.
    BeforeLease,
    /// The intent is written.
    Leased,
    /// The connection to Atlassian stands; nothing was sent.
    BeforeSend,
    /// Atlassian has answered.
    Answered,
    /// The new pair is written and not committed.
    BeforeCommit,
    /// It is committed.
    Committed,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::BeforeLease,
        Self::Leased,
        Self::BeforeSend,
        Self::Answered,
        Self::BeforeCommit,
        Self::Committed,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeLease => "before_lease",
            Self::Leased => "leased",
            Self::BeforeSend => "before_send",
            Self::Answered => "answered",
            Self::BeforeCommit => "before_commit",
            Self::Committed => "committed",
        }
    }
}

/// Is told each step, and may hold the refresh there.
pub trait Steps: fmt::Debug + Send + Sync {
    /// The refresh of `credential` has come to `step`, and goes on when this is done.
    fn reached(&self, step: Step, credential: CredentialId) -> Later<'_, ()>;
}

/// The product's: goes on at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoSteps;

impl Steps for NoSteps {
    fn reached(&self, _: Step, _: CredentialId) -> Later<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
