// A company's own accounts: a real OpenID provider on this machine. Who is asked for is signed in
// without being asked for a password.

import { createServer } from 'node:http';

import { Provider, type Configuration } from 'oidc-provider';

import { freePort } from '../harness.ts';

export const CLIENT = { clientId: 'fenyong', clientSecret: 'a secret of the tests of the company' };

export interface TestIssuer {
  url: string;
  /** Who signs in next, and what the company says of him. Without a name he declines. */
  account: { sub: string; claims: Record<string, unknown> } | null;
  close: () => Promise<void>;
}

/** With `tellsByToken` the claims stand in the id token, else they have to be asked for. */
export async function openIssuer(redirectUri: string, { tellsByToken }: { tellsByToken: boolean }): Promise<TestIssuer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const issuer: TestIssuer = { url, account: null, close: async () => undefined };
  const claimsOf = new Map<string, Record<string, unknown>>();
  const configuration: Configuration = {
    clients: [{ client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub', 'fenyong_role'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: !tellsByToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...claimsOf.get(sub) }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! });
      grant.addOIDCScope('openid email');
      await grant.save();
      return grant;
    },
    cookies: { keys: ['of the tests'] },
    jwks: { keys: [await signingKey()] },
  };
  const provider = new Provider(url, configuration);
  const answer = provider.callback();
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) {
      void answer(request, response);
      return;
    }
    const { account } = issuer;
    if (account !== null) claimsOf.set(account.sub, account.claims);
    const result = account === null ? { error: 'access_denied' } : { login: { accountId: account.sub, remember: false } };
    void provider.interactionFinished(request, response, result);
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  issuer.close = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return issuer;
}

async function signingKey() {
  const { privateKey } = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  );
  return { ...(await crypto.subtle.exportKey('jwk', privateKey)), use: 'sig', kid: 'k1', alg: 'RS256' } as Record<string, unknown> & {
    kty: 'RSA';
  };
}
