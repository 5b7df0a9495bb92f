// Buyers' identities: a storefront says which of them are one buyer, and an operator may take that
// back.

import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { callerId } from '../../platform/http/fields.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { takeBack } from './buyer-store.ts';
import type { Nudge, OnEvidence } from '../listeners.ts';
import { identityBody, readIdentityLink, linkIdentities } from './identity-link.ts';
import { listIdentityLinks, type IdentityLinkRow } from './identity-link-store.ts';

interface IdentityDeps {
  db: Kysely<DB>;
  tokenKeys: readonly KeyObject[];
  identityKey: KeyObject;
  onEvidence: OnEvidence;
  nudge: Nudge;
}

const DIGITS = /^\d{1,18}$/;

const answer = z.object({
  merged: z.int().meta({ description: 'How many identities this buyer is known by now.' }),
  statement_id: z
    .string()
    .nullable()
    .meta({ description: 'By which the statement can be taken back; null where it says nothing: of one identity, and of no click.' }),
});

const identityLink = z
  .object({
    statement_id: z.string(),
    merchant_id: callerId,
    identities: z.int().meta({ description: 'How many identities it makes one.' }),
    click_id: z.uuid().nullable().meta({ description: 'The click that it says this buyer made.' }),
    key_id: z.string().meta({ description: 'Who said so: the API key.' }),
    stated_at: z.date(),
    reversed_at: z.date().nullable().meta({ description: 'When it was taken back; null while it counts.' }),
    reversed_by: z.string().nullable(),
  })
  .meta({ id: 'IdentityStatement' });

const parted = z.object({
  statement_id: z.string(),
  identities: z.int().meta({ description: 'How many identities the one buyer had.' }),
  buyers: z.int().meta({ description: 'How many buyers they are now, by the statements that still count.' }),
});

export const identityLinkParams = z.object({ statement_id: z.string().regex(DIGITS, 'must be the id of a statement') });

export function identityRoutes(app: App, deps: IdentityDeps): void {
  const { db, tokenKeys, nudge } = deps;

  app.post('/v1/identities', {
    config: { scopes: ['storefront'], roles: ['operator'] },
    schema: {
      operationId: 'identities.state',
      tags: ['links'],
      summary: 'Say that these identities are one buyer',
      description:
        'From then on a click by any of them counts for orders by any other, of this merchant alone. Orders that ' +
        'are not released are decided again. Values are kept as keyed hashes only.',
      body: identityBody,
      response: { 200: answer, ...problems('unknown_merchant', 'unprocessable') },
    },
    handler: async (request, reply) => {
      const asked = readIdentityLink(request.body, request.actor, tokenKeys);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const { statementId, merged } = await linkIdentities(trx, deps, asked, { keyId: request.actor.keyId, now });
        return { status: 200, body: { merged, statement_id: statementId === null ? null : String(statementId) } };
      });
      nudge('awards');
    },
  });

  app.post('/v1/identities/:statement_id/reversal', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'identities.reverse',
      tags: ['links'],
      summary: 'Take a statement about a buyer back',
      description: [
        'Its identities stay one buyer only as far as other statements say so. Orders that are not released are decided again by what is',
        'left. A storefront that says the same once more makes a new statement.',
      ].join(' '),
      params: identityLinkParams,
      response: { 200: parted, ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      const { statement_id: statementId } = request.params;
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const { merchantId, buyer, buyers } = await takeBack(trx, BigInt(statementId), { actor: request.actor, now });
        await deps.onEvidence(trx, merchantId, buyer, now);
        return { status: 200, body: { statement_id: statementId, identities: buyer.length, buyers } };
      });
      nudge('awards');
    },
  });

  app.get('/v1/identities/statements', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'identities.statements',
      tags: ['links'],
      summary: 'What was said of buyers, the latest first',
      description: 'Those that were taken back are in it too, with who did so and when.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional() }),
      response: { 200: pageOf(identityLink) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId } }) => {
      const before = cursor === undefined ? null : BigInt(decodeCursor(cursor, z.tuple([cursorNumber]))[0]);
      const rows = await listIdentityLinks(db, merchantId ?? null, { limit, before });
      return toPage(rows, limit, showIdentityLink, (row) => [row.statement_id]);
    },
  });
}

function showIdentityLink(row: IdentityLinkRow): z.output<typeof identityLink> {
  return { ...row, statement_id: String(row.statement_id) };
}
