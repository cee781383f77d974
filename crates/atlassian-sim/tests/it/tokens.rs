//! The token endpoint: codes, rotation, leeway, reuse, lives, and every way to say no.

use atlassian_sim::AccountChange;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{CALLBACK, CLIENT_ID, Local, MIA, SAM, SECRET, pair_of};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn dead() -> Value {
    json!({ "error": "unauthorized_client", "error_description": "refresh_token is invalid" })
}

fn wrong_code() -> Value {
    json!({ "error": "invalid_request", "error_description": "authorization_code is invalid" })
}

fn wrong_client() -> Value {
    json!({ "error": "access_denied", "error_description": "Unauthorized" })
}

#[tokio::test]
async fn a_code_gives_a_pair_once() {
    let local = Local::start().await;
    let code = local.code(SAM).await;
    let body = local.exchange(&code).await.json();
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["token_type"], "Bearer");
    local.exchange(&code).await.is(400, &wrong_code());
    local.exchange("garbage").await.is(400, &wrong_code());
}

#[tokio::test]
async fn a_code_lives_five_minutes_and_for_its_redirect_uri() {
    let local = Local::start().await;
    let code = local.code(SAM).await;
    let fields = json!({
        "grant_type": "authorization_code", "client_id": CLIENT_ID, "client_secret": SECRET,
        "code": code, "redirect_uri": "http://127.0.0.1:9/elsewhere",
    });
    local.token(fields).await.is(400, &wrong_code());
    local.advance(MINUTE * 5).await;
    local.exchange(&code).await.is(400, &wrong_code());
}

#[tokio::test]
async fn json_and_forms_are_taken() {
    let local = Local::start().await;
    let code = local.code(SAM).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    let request = local.http.post(local.auth("oauth/token")).form(&form);
    pair_of(&local.send(request).await);
}

#[tokio::test]
async fn a_wrong_client_learns_nothing_else() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let requests = [
        json!({ "grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": "x", "refresh_token": pair.refresh }),
        json!({ "grant_type": "refresh_token", "client_id": "x", "client_secret": SECRET, "refresh_token": pair.refresh }),
        json!({ "grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": pair.refresh }),
        json!({ "grant_type": "authorization_code", "client_id": CLIENT_ID, "code": "bogus", "redirect_uri": CALLBACK }),
        json!({}),
    ];
    for fields in requests {
        local.token(fields).await.is(401, &wrong_client());
    }
    local.sim.state().set_client_secret("another".into());
    local.refresh(&pair.refresh).await.is(401, &wrong_client());
    assert_eq!(
        local.myself(&pair.access, SAM).await.status,
        200,
        "tokens go on working"
    );
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_an_invalid_request() {
    let local = Local::start().await;
    let client = json!({ "client_id": CLIENT_ID, "client_secret": SECRET });
    let said = local.token(client).await;
    assert_eq!(
        (said.status, &said.json()["error"]),
        (400, &json!("invalid_request"))
    );
    let request = local
        .http
        .post(local.auth("oauth/token"))
        .header("content-type", "application/json");
    let said = local.send(request.body("{")).await;
    assert_eq!(
        (said.status, &said.json()["error"]),
        (400, &json!("invalid_request"))
    );
}

#[tokio::test]
async fn a_refresh_token_works_again_for_ten_minutes_and_then_kills_its_family() {
    let local = Local::start().await;
    let first = local.pair(SAM).await;
    let second = pair_of(&local.refresh(&first.refresh).await);
    local.advance(MINUTE * 9).await;
    let third = pair_of(&local.refresh(&first.refresh).await);
    assert_ne!(second.refresh, third.refresh);
    local.advance(MINUTE).await;
    local.refresh(&first.refresh).await.is(403, &dead());
    local.refresh(&third.refresh).await.is(403, &dead());
    local.refresh(&second.refresh).await.is(403, &dead());
    assert_eq!(local.sim.state().counts().refresh_reused, 1);
}

#[tokio::test]
async fn reuse_may_spare_the_family() {
    let local = Local::with(json!({ "reuse_revokes_family": false })).await;
    let first = local.pair(SAM).await;
    let second = pair_of(&local.refresh(&first.refresh).await);
    local.advance(MINUTE * 11).await;
    local.refresh(&first.refresh).await.is(403, &dead());
    pair_of(&local.refresh(&second.refresh).await);
}

#[tokio::test]
async fn without_leeway_a_refresh_token_works_once() {
    let local = Local::with(json!({ "leeway_seconds": 0 })).await;
    let first = local.pair(SAM).await;
    let second = pair_of(&local.refresh(&first.refresh).await);
    assert_eq!(local.myself(&first.access, SAM).await.status, 401);
    assert_eq!(local.myself(&second.access, SAM).await.status, 200);
    local.refresh(&first.refresh).await.is(403, &dead());
    local.refresh(&second.refresh).await.is(403, &dead());
}

#[tokio::test]
async fn the_companion_dies_ten_minutes_after_a_rotation() {
    let local = Local::start().await;
    let first = local.pair(SAM).await;
    let second = pair_of(&local.refresh(&first.refresh).await);
    local.advance(MINUTE * 9).await;
    assert_eq!(local.myself(&first.access, SAM).await.status, 200);
    local.advance(MINUTE).await;
    assert_eq!(local.myself(&first.access, SAM).await.status, 401);
    assert_eq!(local.myself(&second.access, SAM).await.status, 200);
    local.switch(json!({ "companion_access_token_dies": false }));
    local.refresh(&second.refresh).await;
    local.advance(MINUTE * 20).await;
    assert_eq!(local.myself(&second.access, SAM).await.status, 200);
}

#[tokio::test]
async fn a_dead_grant_is_told_in_four_ways() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    local.sim.state().revoke_grants_of(SAM);
    let ways = [
        (
            "unauthorized_client",
            403,
            "unauthorized_client",
            "refresh_token is invalid",
        ),
        (
            "invalid_grant",
            403,
            "invalid_grant",
            "Unknown or invalid refresh token.",
        ),
        (
            "expired_or_revoked",
            400,
            "invalid_grant",
            "Token has been expired or revoked.",
        ),
        (
            "globally_revoked",
            401,
            "access_denied",
            "Token was globally revoked",
        ),
    ];
    for (way, status, error, description) in ways {
        local.switch(json!({ "dead_grant": way }));
        let body = json!({ "error": error, "error_description": description });
        local.refresh(&pair.refresh).await.is(status, &body);
        local.refresh("never given").await.is(status, &body);
    }
    assert_eq!(local.myself(&pair.access, SAM).await.status, 401);
    assert_eq!(local.resources(&pair.access).await.status, 401);
}

#[tokio::test]
async fn an_answer_may_lack_the_refresh_token_and_the_old_one_stays() {
    let local = Local::with(json!({ "omits_refresh_token": true })).await;
    let first = local.pair(SAM).await;
    for _ in 0..2 {
        local.advance(MINUTE * 11).await;
        let said = local.refresh(&first.refresh).await;
        assert_eq!(said.status, 200);
        assert!(said.json().get("refresh_token").is_none());
    }
    assert_eq!(local.sim.state().counts().refresh, 2);
}

#[tokio::test]
async fn a_refresh_token_that_is_not_used_for_ninety_days_is_dead() {
    let local = Local::start().await;
    let first = local.pair(SAM).await;
    local.advance(DAY * 90 - MINUTE).await;
    let second = pair_of(&local.refresh(&first.refresh).await);
    local.advance(DAY * 90).await;
    local.refresh(&second.refresh).await.is(403, &dead());
}

#[tokio::test]
async fn a_consent_may_end_for_good() {
    let local = Local::with(json!({ "absolute_life_days": 365 })).await;
    let mut pair = local.pair(SAM).await;
    for _ in 0..5 {
        local.advance(DAY * 70).await;
        pair = pair_of(&local.refresh(&pair.refresh).await);
    }
    local.advance(DAY * 15).await;
    local.refresh(&pair.refresh).await.is(403, &dead());
    local.switch(json!({ "absolute_life_days": 0 }));
    pair_of(&local.refresh(&pair.refresh).await);
}

#[tokio::test]
async fn access_tokens_live_as_long_as_is_told() {
    let local = Local::with(json!({ "access_token_seconds": 120 })).await;
    let code = local.code(SAM).await;
    let said = local.exchange(&code).await;
    assert_eq!(said.json()["expires_in"], 120);
    let pair = pair_of(&said);
    local
        .advance(MINUTE * 2 - SignedDuration::from_secs(1))
        .await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
    local.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 401);
}

#[tokio::test]
async fn a_changed_password_kills_refresh_tokens_and_spares_access_tokens() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let changed = AccountChange {
        password_changed: true,
        ..AccountChange::default()
    };
    assert!(local.sim.state().change_account(SAM, &changed));
    local.refresh(&pair.refresh).await.is(403, &dead());
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
    pair_of(&local.refresh(&local.pair(SAM).await.refresh).await);
}

#[tokio::test]
async fn a_deactivated_account_has_no_valid_token() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let off = AccountChange {
        active: Some(false),
        ..AccountChange::default()
    };
    assert!(local.sim.state().change_account(SAM, &off));
    local.refresh(&pair.refresh).await.is(403, &dead());
    assert_eq!(local.myself(&pair.access, SAM).await.status, 401);
}

#[tokio::test]
async fn the_verifier_is_demanded_only_by_the_switch() {
    let local = Local::start().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let url = local.authorize(&[
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]);
    let signed_in = local.sign_in(url, SAM).await;
    let accepted = local.decide(&signed_in, "accept", &[]).await;
    let code = crate::support::parameter(&crate::support::location(&accepted), "code").unwrap();
    local.switch(json!({ "enforce_pkce": true }));
    local.exchange(&code).await.is(400, &wrong_code());
    let fields = json!({
        "grant_type": "authorization_code", "client_id": CLIENT_ID, "client_secret": SECRET,
        "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier,
    });
    pair_of(&local.token(fields).await);
}

async fn revoke(local: &Local, token: &str) -> u16 {
    let fields = json!({ "token": token, "client_id": CLIENT_ID, "client_secret": SECRET });
    let request = local.http.post(local.auth("oauth/revoke")).json(&fields);
    local.send(request).await.status
}

#[tokio::test]
async fn a_revocation_ends_what_the_switch_says() {
    // Of: the pair that is revoked, its successor in the same family, another family of the grant.
    let effects = [
        ("nothing", 200, [true, true, true]),
        ("token", 200, [false, true, true]),
        ("family", 200, [false, false, true]),
        ("grant", 200, [false, false, false]),
        ("not_found", 404, [true, true, true]),
    ];
    for (effect, status, alive) in effects {
        let local = Local::with(json!({ "revoke_effect": effect })).await;
        let first = local.pair(MIA).await;
        let second = pair_of(&local.refresh(&first.refresh).await);
        let other = local.pair(MIA).await;
        assert_eq!(revoke(&local, &first.refresh).await, status, "{effect}");
        let pairs = [first, second, other];
        for (pair, alive) in pairs.iter().zip(alive) {
            let works = local.refresh(&pair.refresh).await.status == 200;
            let opens = local.myself(&pair.access, MIA).await.status == 200;
            assert_eq!((works, opens), (alive, alive), "{effect}");
        }
    }
}

#[tokio::test]
async fn a_revocation_with_effect_is_for_the_app_alone() {
    let local = Local::with(json!({ "revoke_effect": "grant" })).await;
    let pair = local.pair(SAM).await;
    let fields = json!({ "token": pair.refresh, "client_id": CLIENT_ID, "client_secret": "x" });
    let request = local.http.post(local.auth("oauth/revoke")).json(&fields);
    local.send(request).await.is(401, &wrong_client());
    assert_eq!(revoke(&local, "never given").await, 200);
    pair_of(&local.refresh(&pair.refresh).await);
}

#[tokio::test]
async fn discovery_is_published() {
    let local = Local::start().await;
    let request = local
        .http
        .get(local.auth(".well-known/openid-configuration"));
    let body = local.send(request).await.json();
    let issuer = local.sim.auth_url().origin().ascii_serialization();
    assert_eq!(body["issuer"], json!(issuer));
    assert_eq!(
        body["token_endpoint"],
        json!(format!("{issuer}/oauth/token"))
    );
    assert_eq!(
        body["revocation_endpoint"],
        json!(format!("{issuer}/oauth/revoke"))
    );
}
