// An OAuth client and a Jira client that are not ours, against the real binary: so that our client and
// our simulator cannot be wrong in the same way.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Version3Client } from 'jira.js';
import * as oauth from 'oauth4webapi';

import { CALLBACK, SCOPES, Simulator } from './simulator.mjs';

let simulator;
let server;
let client;
let authentication;
// Everything is on this machine, without TLS.
const plain = { [oauth.allowInsecureRequests]: true };

before(async () => {
  simulator = await Simulator.start();
  const issuer = new URL(simulator.authUrl);
  const discovered = await oauth.discoveryRequest(issuer, plain);
  server = await oauth.processDiscoveryResponse(issuer, discovered);
  client = { client_id: simulator.clientId };
  authentication = oauth.ClientSecretPost(simulator.clientSecret);
});

after(() => simulator?.stop());

/** A whole code flow as `account`, with PKCE and state, as the library demands it. */
async function codeFlow(account) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    audience: 'api.atlassian.com',
    client_id: client.client_id,
    scope: SCOPES,
    redirect_uri: CALLBACK,
    state,
    response_type: 'code',
    prompt: 'consent',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString();
  const back = await simulator.consent(url, account);
  const parameters = oauth.validateAuthResponse(server, client, back, state);
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, CALLBACK, verifier, plain,
  );
  return oauth.processAuthorizationCodeResponse(server, client, response);
}

async function refresh(token) {
  const response = await oauth.refreshTokenGrantRequest(server, client, authentication, token, plain);
  return oauth.processRefreshTokenResponse(server, client, response);
}

/** Fails as the library tells an OAuth error. */
function refused(status, error) {
  return (err) => {
    assert.ok(err instanceof oauth.ResponseBodyError, String(err));
    assert.deepEqual({ status: err.status, error: err.error }, { status, error });
    return true;
  };
}

async function sites(accessToken) {
  const url = `${simulator.apiUrl}/oauth/token/accessible-resources`;
  const res = await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.equal(res.status, 200);
  return res.json();
}

function jira(accessToken, cloudId) {
  return new Version3Client({
    host: `${simulator.apiUrl}/ex/jira/${cloudId}`,
    authentication: { oauth2: { accessToken } },
  });
}

test('the code flow gives a pair', async () => {
  const pair = await codeFlow('Sam One');
  assert.equal(pair.expires_in, 3600);
  assert.equal(pair.token_type, 'bearer');
  assert.deepEqual(pair.scope.split(' ').sort(), SCOPES.split(' ').sort());
  assert.ok(pair.refresh_token);
});

test('a refresh gives another pair, and the verifier of the flow was the right one', async () => {
  const { verifier_matched: before } = await simulator.counts();
  const first = await codeFlow('Sam One');
  assert.equal((await simulator.counts()).verifier_matched, before + 1);
  const second = await refresh(first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
});

test('a refresh token works twice inside ten minutes and is dead after eleven', async () => {
  const first = await codeFlow('Sam One');
  const second = await refresh(first.refresh_token);
  await simulator.advance(9 * 60);
  const third = await refresh(first.refresh_token);
  assert.notEqual(third.refresh_token, second.refresh_token);
  await simulator.advance(2 * 60);
  await assert.rejects(refresh(first.refresh_token), refused(403, 'unauthorized_client'));
  await assert.rejects(refresh(third.refresh_token), refused(403, 'unauthorized_client'), 'the whole family');
});

test('a wrong secret, a used code and a cancelled consent are told as errors', async () => {
  const wrong = oauth.ClientSecretPost('wrong');
  const response = await oauth.refreshTokenGrantRequest(server, client, wrong, 'x', plain);
  await assert.rejects(oauth.processRefreshTokenResponse(server, client, response), refused(401, 'access_denied'));
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    audience: 'api.atlassian.com', client_id: client.client_id, scope: SCOPES, redirect_uri: CALLBACK,
    state: 'a-state', response_type: 'code', prompt: 'consent',
  }).toString();
  const cancelled = await simulator.consent(url, 'Sam One', 'cancel');
  assert.throws(
    () => oauth.validateAuthResponse(server, client, cancelled, 'a-state'),
    (err) => err instanceof oauth.AuthorizationResponseError && err.error === 'access_denied',
  );
  const back = await simulator.consent(url, 'Sam One');
  const parameters = oauth.validateAuthResponse(server, client, back, 'a-state');
  const exchange = () => oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, CALLBACK, oauth.nopkce, plain,
  );
  await oauth.processAuthorizationCodeResponse(server, client, await exchange());
  const again = oauth.processAuthorizationCodeResponse(server, client, await exchange());
  await assert.rejects(again, refused(400, 'invalid_request'));
});

test('a revocation is taken', async () => {
  const pair = await codeFlow('Sam One');
  const response = await oauth.revocationRequest(server, client, authentication, pair.refresh_token, plain);
  await oauth.processRevocationResponse(response);
});

test('a Jira client reads who it is, projects, issues and changes', async () => {
  const { access_token: token } = await codeFlow('Mia Krystof');
  const acme = (await sites(token)).find((it) => it.name === 'Acme' && it.scopes.includes('read:jira-work'));
  const client = jira(token, acme.id);
  assert.equal((await client.myself.getCurrentUser()).displayName, 'Mia Krystof');
  const projects = await client.projects.searchProjects();
  assert.deepEqual(projects.values.map((it) => it.key), ['PLAT', 'WEB']);
  assert.equal(projects.isLast, true);
  const search = client.issueSearch;
  const first = await search.searchForIssuesUsingJqlEnhancedSearch({
    jql: 'project = PLAT ORDER BY key', maxResults: 10, fields: ['summary', 'status'],
  });
  assert.equal(first.issues.length, 10);
  assert.equal(first.issues[0].fields.summary, 'Task 1 of Platform');
  const rest = await search.searchForIssuesUsingJqlEnhancedSearch({
    jql: 'project = PLAT ORDER BY key', maxResults: 10, nextPageToken: first.nextPageToken,
  });
  assert.equal(rest.issues.length, 2);
  const log = await client.issues.getChangeLogs({ issueIdOrKey: 'PLAT-2' });
  assert.deepEqual(log.values.map((it) => it.items[0].toString), ['In Progress', 'Done']);
});

test('a Jira client is told of a missing site, a blocked one, and a token that is over', async () => {
  const { access_token: token } = await codeFlow('Sam One');
  const [site] = await sites(token);
  const status = (cloudId, accessToken = token) =>
    jira(accessToken, cloudId).myself.getCurrentUser().then(() => 200, (err) => err.status ?? err.response?.status);
  assert.equal(await status(site.id), 200);
  assert.equal(await status('no-such-site'), 404);
  assert.equal(await status(site.id, 'no-token'), 401);
  await simulator.control('POST', `/sites/${site.id}`, { blocked: true });
  assert.equal(await status(site.id), 403);
  await simulator.control('POST', `/sites/${site.id}`, { blocked: false });
  await simulator.advance(3600);
  assert.equal(await status(site.id), 401);
});
