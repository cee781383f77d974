//! Inviting people into a team, and what the holder of the link can do with it.
//!
//! An invitation is for one address, one role, one use and seven days. It lets its holder make an
//! account also where sign-up is closed. Only the hash of the token is kept; the link is shown once.

use domain::{
    audit::AuditAction,
    ids::InvitationId,
    invitation::{INVITATION_LIFE, Invitation, InvitationEnd, InvitationOutcome},
    team::{Role, Team},
    text::{EmailAddress, PersonName, TextError},
    user::User,
};
use secrecy::SecretString;
use store::{InvitationWithNames, StoreError, Tx};
use vault::token_hash;

use crate::{
    Entry, Error, Services, mail,
    members::{ChangeError, lock_as_admin},
    sign_in::{SignedIn, open_session},
    sign_up::{self, SignUpError, SignUpForm},
    throttle::{Caller, ClientAddress, Throttled},
    who::{Admin, Person},
};

/// So many open invitations a team has at most.
pub const MOST_OPEN: usize = 200;

/// A new invitation, with the token that is shown once.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// For the link. Only its hash is kept.
    pub token: SecretString,
    /// Whether the link goes to the address by mail as well.
    pub is_mailed: bool,
}

impl Invited {
    /// The path of the link, to be shown once.
    pub fn path(&self) -> String {
        token_hash::path("/invitations/", &self.token)
    }
}

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The address cannot be taken.
    #[error("the address {0}")]
    Address(TextError),
    /// The address is that of a member.
    #[error("the person is in the team")]
    AlreadyMember(PersonName),
    /// [`MOST_OPEN`] are open.
    #[error("too many invitations are open")]
    TooMany,
    /// As any change of a team.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StoreError> for InviteError {
    fn from(err: StoreError) -> Self {
        Self::Change(err.into())
    }
}

/// What an invitation offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// To join which team.
    pub team: Team,
    /// As what.
    pub role: Role,
    /// Who is invited.
    pub email: EmailAddress,
    /// Who invited.
    pub inviter: Option<PersonName>,
    /// Until when.
    pub expires_at: jiff::Timestamp,
}

/// Why an invitation does not help whoever opened it.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// There is none with this token: mistyped, long over, or the team is gone.
    #[error("no such invitation")]
    Unknown,
    /// It was good once.
    #[error("the invitation has ended")]
    Ended(InvitationEnd),
    /// It is for another address than that of the person who is signed in.
    #[error("the invitation is for another address")]
    OtherAddress {
        /// For whom it is.
        invited: EmailAddress,
        /// Who is signed in.
        signed_in: EmailAddress,
    },
    /// The person is in the team.
    #[error("the person is in the team")]
    AlreadyMember(Team),
    /// Too many bad tokens of late.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for InvitationError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// Why nobody signed up with an invitation.
#[derive(Debug, thiserror::Error)]
pub enum InvitedSignUpError {
    /// The invitation is not good.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// What was filled in cannot be taken.
    #[error(transparent)]
    SignUp(#[from] SignUpError),
}

impl From<StoreError> for InvitedSignUpError {
    fn from(err: StoreError) -> Self {
        Self::Invitation(err.into())
    }
}

/// Invites an address, by mail where that is set up. An open invitation of the same address ends: the
/// newer link counts.
///
/// # Errors
///
/// [`InviteError::Address`], [`InviteError::AlreadyMember`], [`InviteError::TooMany`], or
/// [`ChangeError::NoLongerAdmin`]; nothing was changed then.
pub async fn invite(
    services: &Services,
    admin: &Admin,
    email: &str,
    role: Role,
) -> Result<Invited, InviteError> {
    let email = EmailAddress::parse(email).map_err(InviteError::Address)?;
    let team = admin.team().id;
    let env = services.env.as_ref();
    let now = env.now();
    let mut tx = lock_as_admin(services, admin).await?;
    if let Some(user) = tx.find_user(&email).await?
        && tx.find_membership(team, user.id).await?.is_some()
    {
        return Err(InviteError::AlreadyMember(user.name));
    }
    tx.replace_invitation(team, &email, now).await?;
    if tx.list_open_invitations(team).await?.len() >= MOST_OPEN {
        return Err(InviteError::TooMany);
    }
    let actor = admin.person().user().id;
    let token = token_hash::generate(env);
    let invitation = Invitation {
        id: InvitationId::new(env),
        team,
        email,
        role,
        invited_by: Some(actor),
        created_at: now,
        expires_at: now + INVITATION_LIFE,
        outcome: None,
    };
    tx.add_invitation(team, &invitation, &token_hash::hash(&token))
        .await?;
    let entry = Entry::new(AuditAction::InvitationMade)
        .team(team)
        .actor(actor)
        .subject(invitation.id.uuid())
        .detail(role.as_str());
    services
        .audit(&mut tx, entry)
        .await
        .map_err(ChangeError::from)?;
    tx.commit().await?;
    let mut invited = Invited {
        invitation,
        token,
        is_mailed: false,
    };
    invited.is_mailed = mail_link(services, admin, &invited);
    Ok(invited)
}

/// Sends the link to whom it is for; `false` where no mail is sent.
fn mail_link(services: &Services, admin: &Admin, invited: &Invited) -> bool {
    let Some(mailer) = &services.mailer else {
        return false;
    };
    let env = services.env.as_ref();
    let to = &invited.invitation.email;
    if !services.throttle.may_mail("invitation", to, env.now()) {
        return false;
    }
    let by = &admin.person().user().name;
    let (path, until) = (invited.path(), invited.invitation.expires_at);
    let mail = mailer.invitation(env, to, by, &admin.team().name, &path, until);
    let is_written = mail.is_some();
    if let Some(mail) = mail {
        mail::send(services, mail);
    }
    is_written
}

/// Takes an invitation back. One that has ended is no mistake; `false` then.
///
/// # Errors
///
/// [`ChangeError::NoLongerAdmin`].
pub async fn revoke(
    services: &Services,
    admin: &Admin,
    id: InvitationId,
) -> Result<bool, ChangeError> {
    let team = admin.team().id;
    let mut tx = lock_as_admin(services, admin).await?;
    let now = services.env.now();
    if !tx
        .end_invitation(team, id, InvitationOutcome::Revoked, now)
        .await?
    {
        return Ok(false);
    }
    let entry = Entry::new(AuditAction::InvitationRevoked)
        .team(team)
        .actor(admin.person().user().id)
        .subject(id.uuid());
    services.audit(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the link offers to whoever opened it. Changes nothing.
///
/// # Errors
///
/// An [`InvitationError`] for everything but an invitation that can be accepted.
pub async fn look(
    services: &Services,
    person: Option<&Person>,
    token: &SecretString,
    from: ClientAddress,
) -> Result<Offer, InvitationError> {
    let caller = caller(person, from);
    services.throttle.check(caller, services.env.now())?;
    let mut tx = services.store.read().await?;
    let found = find(&mut tx, token).await;
    let found = count_bad(services, caller, found)?;
    let offer = offer(services, &mut tx, person.map(Person::user), found).await?;
    Ok(offer.0)
}

/// Joins the team.
///
/// # Errors
///
/// As [`look`]; nothing was changed then.
pub async fn accept(
    services: &Services,
    person: &Person,
    token: &SecretString,
    from: ClientAddress,
) -> Result<Team, InvitationError> {
    let caller = caller(Some(person), from);
    services.throttle.check(caller, services.env.now())?;
    let mut tx = services.store.write().await?;
    tx.lock_user(person.user().id).await?;
    let found = hold(&mut tx, token).await;
    let found = count_bad(services, caller, found)?;
    let (offer, id) = offer(services, &mut tx, Some(person.user()), found).await?;
    join(services, &mut tx, person.user(), &offer, id).await?;
    tx.commit().await?;
    Ok(offer.team)
}

/// Makes an account for the invited address, also where sign-up is closed, and joins the team with it.
///
/// # Errors
///
/// As [`look`], and those of a sign-up; nothing was kept then.
pub async fn sign_up_invited(
    services: &Services,
    token: &SecretString,
    name: String,
    password: SecretString,
    from: ClientAddress,
) -> Result<(SignedIn, Team), InvitedSignUpError> {
    // Before the costly hash.
    let offered = look(services, None, token, from).await?;
    let form = SignUpForm {
        name,
        email: offered.email.as_str().to_owned(),
        password,
    };
    let (user, hash) = sign_up::prepare(services, form).await?;
    let mut tx = services.store.write().await?;
    let found = hold(&mut tx, token).await?;
    let (offer, id) = offer(services, &mut tx, None, found).await?;
    sign_up::keep(services, &mut tx, &user, &hash).await?;
    join(services, &mut tx, &user, &offer, id).await?;
    let signed_in = open_session(services, &mut tx, user)
        .await
        .map_err(InvitationError::from)?;
    tx.commit().await?;
    Ok((signed_in, offer.team))
}

fn caller(person: Option<&Person>, address: ClientAddress) -> Caller<'_> {
    Caller {
        account: person.map(|it| it.user().email.as_str()),
        address,
    }
}

fn count_bad<T>(
    services: &Services,
    caller: Caller<'_>,
    found: Result<T, InvitationError>,
) -> Result<T, InvitationError> {
    if matches!(found, Err(InvitationError::Unknown)) {
        services.throttle.failed(caller, services.env.now())?;
    }
    found
}

async fn find(tx: &mut Tx, token: &SecretString) -> Result<InvitationWithNames, InvitationError> {
    let found = tx
        .find_invitation_of_token(&token_hash::hash(token))
        .await?;
    found.ok_or(InvitationError::Unknown)
}

/// The same, with the team held, so that nobody changes it or its people meanwhile.
async fn hold(tx: &mut Tx, token: &SecretString) -> Result<InvitationWithNames, InvitationError> {
    let found = find(tx, token).await?;
    tx.lock_team(found.team.id).await?;
    find(tx, token).await
}

/// Whether `user` can accept it.
async fn offer(
    services: &Services,
    tx: &mut Tx,
    user: Option<&User>,
    found: InvitationWithNames,
) -> Result<(Offer, InvitationId), InvitationError> {
    let InvitationWithNames {
        invitation,
        team,
        inviter,
        inviter_is_admin,
    } = found;
    if let Some(user) = user.filter(|it| it.email == invitation.email)
        && tx.find_membership(team.id, user.id).await?.is_some()
    {
        return Err(InvitationError::AlreadyMember(team));
    }
    if let Some(end) = invitation.end(services.env.now(), inviter_is_admin) {
        return Err(InvitationError::Ended(end));
    }
    if let Some(user) = user.filter(|it| it.email != invitation.email) {
        return Err(InvitationError::OtherAddress {
            invited: invitation.email,
            signed_in: user.email.clone(),
        });
    }
    let offer = Offer {
        team,
        role: invitation.role,
        email: invitation.email,
        inviter,
        expires_at: invitation.expires_at,
    };
    Ok((offer, invitation.id))
}

async fn join(
    services: &Services,
    tx: &mut Tx,
    user: &User,
    offer: &Offer,
    id: InvitationId,
) -> Result<(), InvitationError> {
    let now = services.env.now();
    let team = offer.team.id;
    if !tx
        .end_invitation(team, id, InvitationOutcome::Accepted, now)
        .await?
    {
        return Err(InvitationError::Ended(InvitationEnd::Used));
    }
    tx.add_membership(team, user.id, offer.role, now).await?;
    let entry = Entry::new(AuditAction::InvitationAccepted)
        .team(team)
        .actor(user.id)
        .subject(id.uuid())
        .detail(offer.role.as_str());
    Ok(services.audit(tx, entry).await?)
}
