//! Who is there from the start: a team, its admin and a member, a service's key; and the operator's address.

use anyhow::Context as _;
use domain::{team::Role, text::Slug};
use secrecy::SecretString;
use service::{
    Services,
    api_keys::{CreateKeyError, KeyWish, OperatorKeyError, create_as_operator, is_in_force},
    sign_up::{SignUpError, SignUpForm, add_account},
    teams::create_team,
};

use super::data::Data;

/// Of both people. Not a secret to keep: it is printed.
pub(super) const PASSWORD: &str = "demo password";
pub(super) const TEAM: &str = "Acme";
/// The team's part of addresses.
pub(super) const SLUG: &str = "acme";
/// The service that has a key.
const SERVICE: &str = "demo service";
/// Name and address of the admin.
pub(super) const ADMIN: (&str, &str) = ("Ada Admin", "ada@example.com");
/// Name and address of the member.
pub(super) const MEMBER: (&str, &str) = ("Max Member", "max@example.com");
/// Where the operator reads mail.
pub(super) const OPERATOR: &str = "operator@example.com";

/// Makes the team and its two people; a folder that was kept has them already.
pub(super) async fn seed(services: &Services) -> anyhow::Result<()> {
    let admin = match add_account(services, form(ADMIN)).await {
        Ok(signed_in) => signed_in.person,
        Err(SignUpError::AddressTaken) => return Ok(()),
        Err(err) => return Err(err.into()),
    };
    let team = create_team(services, &admin, TEAM).await?;
    let member = add_account(services, form(MEMBER)).await?.person;
    let mut tx = services.store.write().await?;
    let now = services.env.now();
    tx.add_membership(team.id, member.user().id, Role::Member, now)
        .await?;
    Ok(tx.commit().await?)
}

/// The key of a service of the team: made at the first start, and kept in the folder; made anew if it was revoked.
/// None if the folder has lost it, or the team has no room for it.
pub(super) async fn service_key(
    services: &Services,
    data: &Data,
) -> anyhow::Result<Option<SecretString>> {
    if let Some(kept) = data.service_key()?
        && is_in_force(services, &kept).await?
    {
        return Ok(Some(kept));
    }
    let team = Slug::parse(SLUG).context("the demo's team")?;
    match create_as_operator(services, &team, &KeyWish::named(SERVICE)).await {
        Ok(created) => {
            data.keep_service_key(&created.token)?;
            Ok(Some(created.token))
        }
        Err(
            OperatorKeyError::NoSuchTeam
            | OperatorKeyError::Create(CreateKeyError::Mistakes(_) | CreateKeyError::TooMany),
        ) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

fn form((name, email): (&str, &str)) -> SignUpForm {
    SignUpForm {
        name: name.to_owned(),
        email: email.to_owned(),
        password: PASSWORD.into(),
    }
}
