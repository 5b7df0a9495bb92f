// Merchants and their products, set up by the operator.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { mayActFor } from '../../platform/keys/actor.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { LinkCache } from '../links/link-cache.ts';
import type { MerchantMade, Nudge } from '../listeners.ts';
import { orNotFound } from '../not-found.ts';
import { notifyChanged } from '../links/link-notices.ts';
import {
  merchantAnswer,
  merchantBody,
  merchantTerms,
  productAnswer,
  productBody,
  productTerms,
  showMerchant,
  showProduct,
} from './merchant-body.ts';
import {
  findMerchant,
  findProduct,
  listMerchants,
  listProducts,
  merchantExists,
  putMerchant,
  putProduct,
  type MerchantRow,
  type MerchantTerms,
  type VersionResult,
  type VersionOrigin,
} from './merchant-store.ts';

interface MerchantDeps {
  db: Kysely<DB>;
  links: LinkCache;
  merchantMade: MerchantMade;
  /** Whether what changes earnings is drafted, and approved by a second person. */
  reviewRequired: boolean;
  nudge: Nudge;
}

const merchantParams = z.object({ merchant_id: callerId });
const productParams = z.object({ merchant_id: callerId, product_id: callerId });
const place = z.tuple([cursorText]);

const MERCHANT = {
  name: 'Demo shop',
  currency: 'CNY',
  time_zone: 'Asia/Shanghai',
  landing_hosts: ['shop.example.com'],
  hold_days: 7,
  attribution: { model: 'last_click', product_click_days: 30 },
};
const PRODUCT = { title: 'Stroller', category: 'baby', price: 29900, landing_url: 'https://shop.example.com/p1' };

/** Sets a merchant and tells whoever must know. */
export async function applyMerchant(
  trx: Transaction<DB>,
  deps: Pick<MerchantDeps, 'merchantMade' | 'reviewRequired'>,
  merchantId: string,
  terms: MerchantTerms,
  origin: VersionOrigin,
): Promise<VersionResult<MerchantRow>> {
  const stated = await putMerchant(trx, merchantId, terms, origin, { reviewRequired: deps.reviewRequired, isEmergency: false });
  if (stated.made) await deps.merchantMade(trx, merchantId);
  else if (stated.changed) await notifyChanged(trx);
  return stated;
}

export function merchantRoutes(app: App, deps: MerchantDeps): void {
  const { db } = deps;

  app.put('/v1/merchants/:merchant_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'merchants.put',
      tags: ['merchants'],
      summary: 'Make or change a merchant',
      description: 'All of it: what is left out takes its default. It counts from `effective_from` on.',
      params: merchantParams,
      body: merchantBody.meta(bodyExamples(MERCHANT)),
      response: { 200: merchantAnswer, 201: merchantAnswer, ...problems('conflict', 'notice_too_short', 'review_required') },
    },
    handler: async ({ params, body, actor }, reply) => {
      const { row, made, changed } = await inTransaction(db, ({ trx, now }) =>
        applyMerchant(trx, deps, params.merchant_id, merchantTerms(body), { actor, now, effectiveFrom: body.effective_from ?? null }),
      );
      if (changed) deps.links.forget();
      if (made) deps.nudge('deliveries');
      return reply.code(made ? 201 : 200).send(showMerchant(row));
    },
  });

  app.get('/v1/merchants/:merchant_id', {
    config: { scopes: ['storefront', 'merchant'] },
    schema: {
      operationId: 'merchants.get',
      tags: ['merchants'],
      summary: 'A merchant as it is now',
      description:
        'The version that is in force now, with every default filled in. A storefront key that is bound to a ' +
        'merchant reads that one only.',
      params: merchantParams,
      response: { 200: merchantAnswer, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => {
      mayActFor(actor, params.merchant_id);
      return showMerchant(orNotFound(await findMerchant(db, params.merchant_id), 'merchant'));
    },
  });

  app.get('/v1/merchants', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'merchants.list',
      tags: ['merchants'],
      summary: 'All merchants as they are now, by id',
      description: 'The versions that are in force now, with every default filled in.',
      querystring: pageQuery,
      response: { 200: pageOf(merchantAnswer) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listMerchants(db, { limit, after }), limit, showMerchant, (row) => [row.merchant_id]);
    },
  });
}

export function productRoutes(app: App, { db }: Pick<MerchantDeps, 'db'>): void {
  app.put('/v1/merchants/:merchant_id/products/:product_id', {
    config: { scopes: ['merchant'], roles: ['operator'] },
    schema: {
      operationId: 'products.put',
      tags: ['merchants'],
      summary: 'Make or change a product',
      description: 'All of it: what is left out takes its default. It counts from `effective_from` on.',
      params: productParams,
      body: productBody.meta(bodyExamples(PRODUCT)),
      response: { 200: productAnswer, 201: productAnswer, ...problems('unknown_merchant', 'invalid_landing_url') },
    },
    handler: async ({ params, body, actor }, reply) => {
      mayActFor(actor, params.merchant_id);
      const product = { merchantId: params.merchant_id, productId: params.product_id };
      const { row, made } = await inTransaction(db, ({ trx, now }) =>
        putProduct(trx, product, productTerms(body), { actor, now, effectiveFrom: body.effective_from ?? null }),
      );
      return reply.code(made ? 201 : 200).send(showProduct(row));
    },
  });

  app.get('/v1/merchants/:merchant_id/products/:product_id', {
    config: { scopes: ['storefront', 'merchant'] },
    schema: {
      operationId: 'products.get',
      tags: ['merchants'],
      summary: 'A product as it is now',
      description: 'The version that is in force now, with every default filled in.',
      params: productParams,
      response: { 200: productAnswer, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => {
      mayActFor(actor, params.merchant_id);
      return showProduct(orNotFound(await findProduct(db, params.merchant_id, params.product_id), 'product'));
    },
  });

  app.get('/v1/merchants/:merchant_id/products', {
    config: { scopes: ['storefront', 'merchant'] },
    schema: {
      operationId: 'products.list',
      tags: ['merchants'],
      summary: 'The products of a merchant as they are now, by id',
      description: 'The versions that are in force now, with every default filled in.',
      params: merchantParams,
      querystring: pageQuery,
      response: { 200: pageOf(productAnswer), ...problems('not_found') },
    },
    handler: async ({ params, query: { limit, cursor }, actor }) => {
      mayActFor(actor, params.merchant_id);
      if (!(await merchantExists(db, params.merchant_id))) throw new DomainError('not_found', 'There is no such merchant.');
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listProducts(db, params.merchant_id, { limit, after }), limit, showProduct, (row) => [row.product_id]);
    },
  });
}
