//! What surrounds the pages of a team: the teams of who looks at it, whom to ask, and whether the connection
//! needs somebody. One statement, since every page asks.

use domain::{
    credential::Provider,
    team::{Role, Team},
    text::PersonName,
};
use store::Tx;

use crate::{
    Error, Services,
    overview::JiraOverview,
    teams::{admin_names, teams_of},
    who::Member,
};

/// What surrounds a page.
#[derive(Debug)]
pub struct Surroundings {
    /// All teams of the person, by name.
    pub teams: Vec<(Team, Role)>,
    /// The admins of the team that the page is about, by name.
    pub admins: Vec<PersonName>,
    /// That team's connection. What could not be read is not "disconnected".
    pub jira: Result<JiraOverview, Error>,
}

/// Reads what surrounds a page that is about something else than the connection: without the sign-ins
/// under way, on which nothing depends that people are needed for.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer. A connection alone that cannot be read
/// is no error: other pages go on.
pub async fn around(services: &Services, member: &Member) -> Result<Surroundings, Error> {
    let mut tx = services.store.read().await?;
    match read(services, member, &mut tx, With::ConnectionAlone).await {
        Ok(around) => Ok(around),
        Err(err) => {
            tracing::warn!(error = %err, "the connection beside a page was not read");
            drop(tx);
            without_connection(services, member, err).await
        }
    }
}

/// Reads the same with all that is told of the connection itself.
///
/// # Errors
///
/// As [`around`].
pub async fn with_connection(services: &Services, member: &Member) -> Result<Surroundings, Error> {
    let mut tx = services.store.read().await?;
    match read(services, member, &mut tx, With::Attempts).await {
        Ok(around) => Ok(around),
        Err(err) => {
            drop(tx);
            without_connection(services, member, err).await
        }
    }
}

/// How much is read of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// What its state goes by where it holds a grant.
    ConnectionAlone,
    /// The sign-ins under way too.
    Attempts,
}

/// On a snapshot of the caller's.
pub(crate) async fn read(
    services: &Services,
    member: &Member,
    tx: &mut Tx,
    with: With,
) -> Result<Surroundings, Error> {
    let now = services.env.now();
    let team = member.team().id;
    let user = member.person().user().id;
    let found = tx
        .find_surroundings(user, team, Provider::Jira, now)
        .await?;
    let connection = match with {
        With::ConnectionAlone => found.connection,
        With::Attempts => {
            tx.find_attempts_beside(team, Provider::Jira, now, found.connection)
                .await?
        }
    };
    Ok(Surroundings {
        teams: found.teams,
        admins: found.admins,
        jira: Ok(JiraOverview::of(services, member, connection, now)),
    })
}

/// What can be read where the connection cannot.
pub(crate) async fn without_connection(
    services: &Services,
    member: &Member,
    err: Error,
) -> Result<Surroundings, Error> {
    Ok(Surroundings {
        teams: teams_of(services, member.person()).await?,
        admins: admin_names(services, member).await?,
        jira: Err(err),
    })
}
