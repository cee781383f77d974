//! Who is asking, proved: the values here are made only after the database said so.
//!
//! A use case that takes [`Admin`] cannot be called by somebody who is none: it would not compile.

use std::ops::Deref;

use domain::{
    permission::{Action, may},
    session::Session,
    team::{Role, Team},
    text::Slug,
    user::User,
};
use secrecy::SecretString;
use vault::token_hash;

use crate::{Error, Services};

/// A person who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    session: Session,
    user: User,
}

impl Person {
    /// In which browser session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Who it is.
    pub const fn user(&self) -> &User {
        &self.user
    }

    pub(crate) const fn new(session: Session, user: User) -> Self {
        Self { session, user }
    }
}

/// A person who is a member of a team, whatever the role.
#[derive(Clone, Debug)]
pub struct Member {
    person: Person,
    team: Team,
    role: Role,
}

impl Member {
    /// Who it is.
    pub const fn person(&self) -> &Person {
        &self.person
    }

    /// Of which team.
    pub const fn team(&self) -> &Team {
        &self.team
    }

    /// As what.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether the role allows `action`.
    pub const fn may(&self, action: Action) -> bool {
        may(self.role, action)
    }

    /// The same person as an admin.
    ///
    /// # Errors
    ///
    /// The member itself, if it is no admin.
    pub fn into_admin(self) -> Result<Admin, Box<Self>> {
        if self.may(Action::ManageIntegrations) {
            Ok(Admin(self))
        } else {
            Err(Box::new(self))
        }
    }

    pub(crate) const fn new(person: Person, team: Team, role: Role) -> Self {
        Self { person, team, role }
    }
}

/// A member who may manage the team's integrations.
#[derive(Clone, Debug)]
pub struct Admin(Member);

impl Deref for Admin {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

/// What a session token and a team's slug lead to.
#[derive(Clone, Debug)]
pub enum Found {
    /// No session, or one that is over.
    Nobody,
    /// A person, but no team of that slug that has this person: told as "no such team".
    Stranger(Person),
    /// A member of the team.
    Member(Member),
}

/// Finds the person of a session token.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn find_person(
    services: &Services,
    token: &SecretString,
) -> Result<Option<Person>, Error> {
    Ok(match find(services, token, None).await? {
        Found::Nobody => None,
        Found::Stranger(person) => Some(person),
        Found::Member(member) => Some(member.person),
    })
}

/// Finds the person of a session token as a member of the team of `slug`. One statement.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn find_member(
    services: &Services,
    token: &SecretString,
    slug: &Slug,
) -> Result<Found, Error> {
    find(services, token, Some(slug)).await
}

async fn find(
    services: &Services,
    token: &SecretString,
    slug: Option<&Slug>,
) -> Result<Found, Error> {
    let now = services.env.now();
    let Some(visitor) = services
        .store
        .find_visitor(&token_hash::hash(token), slug)
        .await?
    else {
        return Ok(Found::Nobody);
    };
    if visitor.session.is_over(now) {
        return Ok(Found::Nobody);
    }
    if visitor.session.wants_touch(now) {
        let mut tx = services.store.write().await?;
        tx.touch_session(visitor.session.id, now).await?;
        tx.commit().await?;
    }
    let person = Person::new(visitor.session, visitor.user);
    Ok(match visitor.membership {
        Some((team, role)) => Found::Member(Member::new(person, team, role)),
        None => Found::Stranger(person),
    })
}
