// Every way to sign in without a key, and which of them there are.

import { z } from 'zod';

import type { App } from '../platform/http/app.ts';
import { problems } from '../platform/http/problem.ts';
import { signInLinkRoutes } from './link-routes.ts';
import { oidcRoutes } from './oidc-routes.ts';
import type { OidcSettings } from './oidc.ts';

const ways = z
  .object({ oidc: z.boolean().meta({ description: 'Whether the accounts of the company sign in, at `/sign-in/oidc`.' }) })
  .meta({ id: 'SignInWays' });

type SignInDeps = Omit<Parameters<typeof oidcRoutes>[1], 'settings'> & {
  /** Null: nobody signs in by accounts of the company. */
  oidc: OidcSettings | null;
};

/** Sign-in links, GET /sign-in/ways, and the ways that the configuration opens. */
export function signInRoutes(app: App, { oidc, ...deps }: SignInDeps): void {
  signInLinkRoutes(app, deps);
  if (oidc !== null) oidcRoutes(app, { ...deps, settings: oidc });

  app.get('/sign-in/ways', {
    config: { isKeyless: true },
    schema: {
      operationId: 'signIns.ways',
      tags: ['keys'],
      summary: 'Which ways to sign in there are, beside keys and sign-in links',
      description:
        'A page offers what is there. `/sign-in/oidc?return_to=/console` leads a browser to the issuer and back to that page of our own, with ' +
        'a session.',
      response: { 200: ways, ...problems('too_many_requests') },
    },
    handler: async () => ({ oidc: oidc !== null }),
  });
}
