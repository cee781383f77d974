//! Drills: troubles that the demo can rehearse, each with what it plays, what to watch, and how it ends.
//!
//! [`scenes`] has what each does, [`stage`] what a scene can do and see, [`player`] plays one at a time, [`ada`] is
//! the admin's browser, [`other_process`] the process that is killed.

use clap::builder::PossibleValue;

mod ada;
pub(crate) mod other_process;
pub(super) mod player;
mod scenes;
pub(super) mod stage;

/// A trouble that can be rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drill {
    /// Atlassian answers nobody.
    ProviderDown,
    /// The person removes the app at Atlassian.
    GrantRevoked,
    /// The client secret is not the right one any more.
    SecretRotated,
    /// A server process is killed in the middle of a refresh.
    ProcessKilled,
    /// The grant does not reach the site any more.
    SiteRemoved,
    /// The consent is a year old soon.
    ConsentEnding,
}

/// What is told of a drill.
#[derive(Debug)]
pub(super) struct Script {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) title: &'static str,
    /// What it plays.
    pub(super) plays: &'static str,
    /// What there is to see.
    pub(super) watch: &'static str,
    /// What its end does.
    pub(super) ends: &'static str,
}

impl Drill {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::ProviderDown,
        Self::GrantRevoked,
        Self::SecretRotated,
        Self::ProcessKilled,
        Self::SiteRemoved,
        Self::ConsentEnding,
    ];

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.script().name == name)
    }

    /// What is told of it.
    pub(super) const fn script(self) -> &'static Script {
        match self {
            Self::ProviderDown => &Script {
                name: "provider-down",
                title: "Atlassian is down",
                plays: "Every request to Atlassian is answered with 503, and an hour passes: first the token \
                        cannot be refreshed, then it ends.",
                watch: "The connection is not lost: it has trouble, then waits, and says until when calls work. \
                        Nobody gets a mail, for nobody can do anything. Services are told once by webhook \
                        (provider.down) when it has lasted for two minutes.",
                ends: "Atlassian answers again. The connection works within a minute by itself, and \
                       provider.recovered follows once that has held for five.",
            },
            Self::GrantRevoked => &Script {
                name: "grant-revoked",
                title: "The grant is revoked",
                plays: "The person who connected removes the app in the Atlassian profile. The next refresh \
                        learns of it.",
                watch: "The state becomes “Reconnect needed”. Every page of the team has a banner with the \
                        button, the admin gets one mail whose link leads to it, the member gets none, and the \
                        receiver gets one webhook.",
                ends: "The admin reconnects (or do it yourself, from the link in the mail). Site, keys and \
                       history stay; “works again” goes out once.",
            },
            Self::SecretRotated => &Script {
                name: "secret-rotated",
                title: "The client secret was rotated",
                plays: "Somebody makes a new secret for the app in Atlassian’s developer console, and this \
                        server still has the old one.",
                watch: "No connection is lost and no team gets a mail: only the operator can mend it. The \
                        operator gets a mail with the cure and a webhook (server.misconfigured); the card says \
                        that the server’s settings are in the way.",
                ends: "The secrets are the same again. In reality: put the new one into JIRA_CLIENT_SECRET \
                       beside the old one, and restart. Connections work within a minute, and the operator is \
                       told once nothing was seen of the trouble for twenty.",
            },
            Self::ProcessKilled => &Script {
                name: "process-killed",
                title: "A process is killed in the middle of a refresh",
                plays: "A second process of this server refreshes the connection. Atlassian has exchanged the \
                        token and has not answered yet when that process is killed (SIGKILL): the new pair is \
                        lost with it.",
                watch: "Nobody notices anything. What the process wrote before it asked says that a refresh may \
                        have been made; once its lease has ended, this one asks again with the old token, which \
                        Atlassian takes for ten minutes. The history of the connection shows it.",
                ends: "It has ended by itself: nobody has to do anything.",
            },
            Self::SiteRemoved => &Script {
                name: "site-removed",
                title: "The site is removed",
                plays: "The chosen site is taken from what the Atlassian account can reach. The daily look at \
                        the site, a day later, learns of it.",
                watch: "The state becomes “Site no longer available”, with a banner, one mail to the admin and \
                        one webhook. The button leads to the choice of another site.",
                ends: "The site is back. The next refresh finds it, and “works again” follows once that has \
                       held for five minutes.",
            },
            Self::ConsentEnding => &Script {
                name: "consent-ending",
                title: "The consent ends soon",
                plays: "336 days pass, in which the connection is kept alive. Atlassian may end a consent after \
                        365.",
                watch: "The connection works, and says by when it is to be renewed. The admin gets a mail and, \
                        a day later, a reminder.",
                ends: "The admin reconnects (or do it yourself). The year begins anew, and “works again” goes \
                       out once.",
            },
        }
    }
}

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The names, and what each plays.
    List,
    /// One of them.
    Play(Drill),
}

impl clap::ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Play(Drill::ProviderDown),
            Self::Play(Drill::GrantRevoked),
            Self::Play(Drill::SecretRotated),
            Self::Play(Drill::ProcessKilled),
            Self::Play(Drill::SiteRemoved),
            Self::Play(Drill::ConsentEnding),
            Self::List,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::List => PossibleValue::new("list").help("Say what each plays, and end"),
            Self::Play(drill) => {
                let script = drill.script();
                PossibleValue::new(script.name).help(script.title)
            }
        })
    }
}

/// The drills with what each plays, for the command line.
pub(super) fn list() -> String {
    let told = Drill::ALL.iter().map(|it| {
        let script = it.script();
        format!(
            "{}: {}\n  {}\n  Watch: {}\n  End: {}\n",
            script.name, script.title, script.plays, script.watch, script.ends
        )
    });
    told.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_drill_can_be_asked_for_by_its_name() {
        for drill in Drill::ALL {
            let name = drill.script().name;
            assert_eq!(Choice::from_str(name, false), Ok(Choice::Play(drill)));
            assert_eq!(Drill::named(name), Some(drill));
            assert!(list().contains(name));
        }
        assert_eq!(Choice::from_str("list", false), Ok(Choice::List));
    }
}
