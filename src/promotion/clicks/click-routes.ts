// Clicks that a storefront tells of: in mini-programs, in apps, and wherever its own server was
// there before us.

import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import { bodyExamples, time } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { isBotTold } from './bots.ts';
import type { Click } from './click-store.ts';
import type { LinkCache } from '../links/link-cache.ts';
import type { Nudge, OnEvidence } from '../listeners.ts';
import { buyer } from '../fields.ts';
import { identitiesOf } from '../buyers/identity.ts';
import { reportedClickWriter, writeClicks } from './reported-clicks.ts';
import { mintClickToken } from './token.ts';
import { firstTouches } from './touches.ts';
import { DAY_MS } from '../../platform/durations.ts';

interface ClickDeps {
  db: Kysely<DB>;
  links: LinkCache;
  /** The first signs click tokens. */
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
  identityKey: KeyObject;
  onEvidence: OnEvidence;
  nudge: Nudge;
}

const FUTURE_MS_MAX = 5 * 60 * 1000;
const PAST_DAYS_MAX = 180;

const body = z
  .strictObject({
    code: z.string().max(128).meta({ description: 'The code of the link.' }),
    buyer: buyer.default({}),
    occurred_at: time.nullish().meta({ description: `When it was clicked, at most ${PAST_DAYS_MAX} days ago; now when absent.` }),
    ip: z.string().max(64).nullish().meta({ description: 'Taken, but not kept.' }),
    user_agent: z.string().max(2048).nullish().meta({ description: 'A click of a crawler or a preview is kept, and earns nothing.' }),
  })
  .meta(bodyExamples({ code: 'spring-bob', buyer: { openid: 'o1' }, user_agent: 'MicroMessenger' }));

const answer = z.object({ click_token: z.string().meta({ description: 'To be sent with the order, as its `click_token`.' }) });

export function clickRoutes(app: App, deps: ClickDeps): void {
  const { db, links, tokenKeys, identityKey, onEvidence } = deps;
  const told = reportedClickWriter(db, onEvidence);
  app.addHook('onClose', () => told.close());

  app.post('/v1/clicks', {
    config: { scopes: ['storefront'], roles: ['operator'] },
    schema: {
      operationId: 'clicks.make',
      tags: ['links'],
      summary: 'Tell of a click',
      description:
        'For mini-programs, apps and servers that lead the buyer themselves, without the redirect of the link. ' +
        'The token that is answered proves the click: send it with the order.',
      body,
      response: { 201: answer, ...problems('unknown_link', 'unprocessable') },
    },
    handler: async (request, reply) => {
      const link = links.peek(request.body.code, Date.now()) ?? (await links.load(request.body.code));
      if (link === null) throw fault('unknown_link', 'code', 'is not the code of a link');
      mayActFor(request.actor, link.merchantId);
      const clickOf = (now: Date) => clickTold(request.body, { code: link.code, merchantId: link.merchantId }, now, identityKey);
      if (request.headers['idempotency-key'] === undefined) {
        const click = clickOf(new Date());
        await told.push(click);
        await reply.code(201).send(answerOf(click, tokenKeys[0]));
      } else {
        await answerOnce(request, reply, db, async ({ trx, now }) => {
          const click = clickOf(now);
          await writeClicks(trx, [click], onEvidence, now);
          return { status: 201, body: answerOf(click, tokenKeys[0]) };
        });
      }
      deps.nudge('awards');
    },
  });
}

/** The click of a told one. Throws `unprocessable` for a time that lies too far away. */
function clickTold(
  told: z.output<typeof body>,
  { code, merchantId }: { code: string; merchantId: string },
  now: Date,
  identityKey: KeyObject,
): Click {
  const clickedAt = (told.occurred_at ?? now).getTime();
  if (clickedAt > now.getTime() + FUTURE_MS_MAX) throw fault('unprocessable', 'occurred_at', 'lies in the future');
  if (clickedAt < now.getTime() - PAST_DAYS_MAX * DAY_MS) {
    throw fault('unprocessable', 'occurred_at', `lies more than ${PAST_DAYS_MAX} days back`);
  }
  const clickId = uuidv7(now.getTime());
  const identities = identitiesOf(identityKey, merchantId, told.buyer);
  const touches = identities.map((identity) => ({ identity, clickId, clickedAt }));
  return {
    clickId,
    linkCode: code,
    merchantId,
    clickedAt,
    identity: identities[0] ?? null,
    bot: isBotTold(told.user_agent ?? undefined),
    touches: [...touches, ...firstTouches(identityKey, merchantId, told.buyer)],
  };
}

function answerOf(click: Click, key: KeyObject): z.output<typeof answer> {
  return { click_token: mintClickToken(key, click) };
}

function fault(code: 'unknown_link' | 'unprocessable', path: string, message: string): DomainError {
  return new DomainError(code, `The click cannot be taken: ${path} ${message}.`, { errors: [{ path, message }] });
}
