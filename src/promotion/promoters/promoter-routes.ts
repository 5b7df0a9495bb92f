// Promoters, set up by the operator.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { mayActAs } from '../../platform/keys/actor.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { bodyExamples, callerId, effectiveFrom, effectiveFromAnswer, words } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { normaliseCoupons } from './coupon-store.ts';
import type { LinkCache } from '../links/link-cache.ts';
import type { Nudge, PromotersChanged } from '../listeners.ts';
import { orNotFound } from '../not-found.ts';
import { notifyChanged } from '../links/link-notices.ts';
import type { VersionResult, VersionOrigin } from '../merchants/merchant-store.ts';
import {
  findPromoter,
  listPromoters,
  PAYEE_KINDS,
  PROMOTER_KINDS,
  putPromoter,
  type PromoterRow,
  type PromoterTerms,
} from './promoter-store.ts';

interface PromoterDeps {
  db: Kysely<DB>;
  links: LinkCache;
  promotersChanged: PromotersChanged;
  nudge: Nudge;
}

const COUPONS_MAX = 200;

const coupon = z.strictObject({ merchant_id: callerId, code: words(64).meta({ description: 'Of any case; kept in capitals.' }) });
const payee = z.strictObject({ kind: z.enum(PAYEE_KINDS) });

/** What is set of a promoter: all of it; what is left out takes its default. */
export const promoterBody = z.strictObject({
  name: words(200),
  kind: z.enum(PROMOTER_KINDS),
  inviter_id: callerId.nullish(),
  agency_id: callerId.nullish(),
  tier: words(64).nullish(),
  status: z.enum(['active', 'suspended']).default('active'),
  coupon_codes: z.array(coupon).max(COUPONS_MAX).nullish(),
  payee: payee.nullish(),
  effective_from: effectiveFrom,
});

const promoterAnswer = z
  .object({
    promoter_id: callerId,
    name: z.string(),
    kind: z.enum(PROMOTER_KINDS),
    inviter_id: callerId.nullable(),
    agency_id: callerId.nullable(),
    tier: z.string().nullable(),
    status: z.enum(['active', 'suspended']),
    coupon_codes: z.array(coupon),
    payee: payee.nullable(),
    version: z.int(),
    effective_from: effectiveFromAnswer,
  })
  .meta({ id: 'Promoter' });

const params = z.object({ promoter_id: callerId });
const PROMOTER = {
  name: 'Bob',
  kind: 'person',
  inviter_id: 'alice',
  agency_id: 'a1',
  coupon_codes: [{ merchant_id: 'm1', code: 'BOB10' }],
  payee: { kind: 'individual' },
};
const place = z.tuple([cursorText]);

export function promoterTerms(body: z.output<typeof promoterBody>): PromoterTerms {
  return {
    name: body.name,
    kind: body.kind,
    inviter_id: body.inviter_id ?? null,
    agency_id: body.agency_id ?? null,
    tier: body.tier ?? null,
    status: body.status,
    coupon_codes: normaliseCoupons(body.coupon_codes ?? []),
    payee: body.payee ?? null,
  };
}

function showPromoter(row: PromoterRow): z.output<typeof promoterAnswer> {
  const { promoter_id, name, kind, inviter_id, agency_id, tier, status, coupon_codes, payee, version, effective_from } = row;
  return { promoter_id, name, kind, inviter_id, agency_id, tier, status, coupon_codes, payee, version, effective_from };
}

/** Sets a promoter and tells whoever must know. */
export async function applyPromoter(
  trx: Transaction<DB>,
  deps: Pick<PromoterDeps, 'promotersChanged'>,
  promoterId: string,
  terms: PromoterTerms,
  origin: VersionOrigin,
): Promise<VersionResult<PromoterRow>> {
  const stated = await putPromoter(trx, promoterId, terms, origin);
  if (stated.changed) await deps.promotersChanged(trx, [promoterId], origin.now);
  if (stated.changed && !stated.made) await notifyChanged(trx);
  return stated;
}

export function promoterRoutes(app: App, deps: PromoterDeps): void {
  const { db } = deps;

  app.put('/v1/promoters/:promoter_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'promoters.put',
      tags: ['promoters'],
      summary: 'Make or change a promoter',
      description: 'All of it: what is left out takes its default. It counts from `effective_from` on.',
      params,
      body: promoterBody.meta(bodyExamples(PROMOTER)),
      response: {
        200: promoterAnswer,
        201: promoterAnswer,
        ...problems('coupon_taken', 'unknown_inviter', 'unknown_agency', 'unknown_merchant', 'referral_cycle', 'unprocessable'),
      },
    },
    handler: async ({ params: { promoter_id: promoterId }, body, actor }, reply) => {
      const { row, made, changed } = await inTransaction(db, ({ trx, now }) =>
        applyPromoter(trx, deps, promoterId, promoterTerms(body), { actor, now, effectiveFrom: body.effective_from ?? null }),
      );
      if (changed) {
        deps.links.forget();
        deps.nudge('awards');
      }
      return reply.code(made ? 201 : 200).send(showPromoter(row));
    },
  });

  app.get('/v1/promoters/:promoter_id', {
    config: { scopes: ['promoter'] },
    schema: {
      operationId: 'promoters.get',
      tags: ['promoters'],
      summary: 'A promoter as it is now',
      description: "The version that is in force now, with every default filled in. A promoter's key reads that promoter only.",
      params,
      response: { 200: promoterAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { promoter_id: promoterId }, actor }) => {
      mayActAs(actor, promoterId);
      return showPromoter(orNotFound(await findPromoter(db, promoterId), 'promoter'));
    },
  });

  app.get('/v1/promoters', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'promoters.list',
      tags: ['promoters'],
      summary: 'All promoters as they are now, by id',
      description: 'The versions that are in force now, with every default filled in.',
      querystring: pageQuery,
      response: { 200: pageOf(promoterAnswer) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listPromoters(db, { limit, after }), limit, showPromoter, (row) => [row.promoter_id]);
    },
  });
}
