// OpenID Connect: who somebody is by the word of the company's own accounts. What the protocol asks
// for is the library's; it is never asked within a transaction.

import {
  allowInsecureRequests,
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  clockTolerance,
  Configuration,
  discovery,
  fetchUserInfo,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client';

import type { Config } from '../platform/process/config.ts';
import type { Journey } from './journey.ts';

const TIMEOUT_SECONDS = 10;
/** So far the issuer's clock may be from ours. */
const CLOCKS_APART_SECONDS = 30;
/** For so long the issuer's addresses are believed to be the same. */
const KNOWN_MS = 60 * 60 * 1000;

/** Why somebody is not signed in: the issuer said so, was not understood, or did not answer. */
type IssuerRefusal = 'declined' | 'not_believed' | 'away';

/** The issuer did not vouch for anybody. */
export class IssuerError extends Error {
  readonly refusal: IssuerRefusal;
  constructor(refusal: IssuerRefusal, cause: unknown) {
    super(`the issuer vouched for nobody: ${refusal}`, { cause });
    this.refusal = refusal;
  }
}

/** What the issuer says of a person. */
export type Claims = Readonly<Record<string, unknown>> & { sub: string };

interface Issuer {
  /** Where the browser goes. Throws an `IssuerError` where the issuer cannot be reached. */
  addressFor(journey: Journey & { state: string }): Promise<string>;
  /** Whom the answer in this query is about. Throws an `IssuerError` where it is nobody. */
  claimsOf(query: string, journey: Journey & { state: string }): Promise<Claims>;
}

/** The company's own accounts, by OpenID Connect. */
export interface OidcSettings {
  /** Over https, or on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly roleClaim: string;
}

/** As the configuration says; null: nobody signs in by accounts of the company. */
export function oidcSettings(config: Config): OidcSettings | null {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret, oidcRoleClaim: roleClaim } = config;
  return issuer === null || clientId === null || clientSecret === null ? null : { issuer, clientId, clientSecret, roleClaim };
}

/**
 * The issuer, asked for its addresses when somebody signs in: whether it answers is nothing that
 * the service's start depends on.
 */
export function issuerOf(settings: OidcSettings, redirectUri: string): Issuer {
  let known: { at: number; configuration: Promise<Configuration> } | null = null;

  async function configured(): Promise<Configuration> {
    if (known === null || Date.now() - known.at > KNOWN_MS) known = { at: Date.now(), configuration: discover(settings) };
    const { configuration } = known;
    try {
      return await configuration;
    } catch (error) {
      if (known?.configuration === configuration) known = null;
      throw new IssuerError('away', error);
    }
  }

  return {
    async addressFor({ state, nonce, verifier }) {
      const configuration = await configured();
      const challenge = await calculatePKCECodeChallenge(verifier);
      const asked = { redirect_uri: redirectUri, scope: 'openid email', state, nonce };
      return buildAuthorizationUrl(configuration, { ...asked, code_challenge: challenge, code_challenge_method: 'S256' }).href;
    },
    async claimsOf(query, { state, nonce, verifier }) {
      const configuration = await configured();
      try {
        const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true };
        const tokens = await authorizationCodeGrant(configuration, new URL(`${redirectUri}?${query}`), checks);
        const claims = tokens.claims()!;
        const isWhole = claims[settings.roleClaim] !== undefined && claims['email'] !== undefined;
        if (isWhole || configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
        // Many issuers tell the rest only to who asks for it.
        return { ...(await fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
      } catch (error) {
        throw new IssuerError(refusalOf(error), error);
      }
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<Configuration> {
  // Over http only on this machine, which the configuration has made sure of.
  const isInsecure = issuer.startsWith('http:');
  const execute = isInsecure ? [allowInsecureRequests] : [];
  const found = await discovery(new URL(issuer), clientId, undefined, ClientSecretPost(clientSecret), {
    execute,
    timeout: TIMEOUT_SECONDS,
  });
  const metadata = found.serverMetadata();
  const client = { [clockTolerance]: CLOCKS_APART_SECONDS };
  const configuration = new Configuration(metadata, clientId, client, authenticationOf(metadata, clientSecret));
  configuration.timeout = TIMEOUT_SECONDS;
  if (isInsecure) allowInsecureRequests(configuration);
  return configuration;
}

/** An issuer that names no method takes the standard's own. */
function authenticationOf({ token_endpoint_auth_methods_supported: methods }: ServerMetadata, clientSecret: string) {
  return methods?.includes('client_secret_post') === true ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret);
}

/** What the library says where nobody answered, or not as an issuer does. */
const UNANSWERED = new Set(['OAUTH_TIMEOUT', 'OAUTH_ABORT', 'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_PARSE_ERROR']);

function refusalOf(error: unknown): IssuerRefusal {
  if (error instanceof AuthorizationResponseError) return 'declined';
  if (error instanceof ResponseBodyError) return 'not_believed';
  return error instanceof ClientError && error.code !== undefined && !UNANSWERED.has(error.code) ? 'not_believed' : 'away';
}
