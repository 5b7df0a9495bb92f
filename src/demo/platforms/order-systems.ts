// The order systems of the marketplace: which there are, how each tells of its orders, and how the
// service is told of each.

import { randomBytes } from 'node:crypto';

import type { paths } from '../../../client/api.ts';
import type { FenyongClient } from '../../../client/client.ts';
import { MALL, POSITIONS } from './duoduo.ts';
import type { Platforms } from './platforms.ts';

type Body<Path extends '/v1/sources/{source_id}' | '/v1/sources/{source_id}/mappings/{type}/{value}'> =
  paths[Path]['put']['requestBody']['content']['application/json'];
type SourceBody = Body<'/v1/sources/{source_id}'>;
type Meaning = Body<'/v1/sources/{source_id}/mappings/{type}/{value}'>;

interface OrderSystem extends Pick<SourceBody, 'options'> {
  /** Of the storefront, whose source is there by itself, it says so. */
  kind: SourceBody['kind'] | 'REST';
  /** How its orders come, for people. */
  comes: string;
  /** Absent: one account of many shops, each of which is mapped. */
  merchant_id?: string;
  /** What its own words mean, by their type and value. */
  means?: readonly (readonly [type: string, value: string, meaning: Meaning])[];
}

/** All of them by the id of the source, in the order in which they are shown. */
export const ORDER_SYSTEMS = {
  rest: { kind: 'REST', comes: 'the storefront reports them' },
  'haochi-erp': { kind: 'standard-webhooks', comes: 'signed pushes, each of what is new', merchant_id: 'haochi' },
  'shuma-shopify': { kind: 'shopify', comes: 'signed pushes of orders and of refunds', merchant_id: 'shuma' },
  'qinghe-woo': { kind: 'woocommerce', comes: 'signed pushes of whole orders', merchant_id: 'qinghe' },
  'taotao-weixin': {
    kind: 'wechat-shop',
    comes: 'encrypted pushes name them, then they are fetched',
    merchant_id: 'taotao',
    means: [
      ['sharer', 'o-sharer-alice', { promoter_id: 'alice' }],
      ['sharer', 'o-sharer-bob', { promoter_id: 'bob' }],
    ],
  },
  duoduo: {
    kind: 'pdd',
    comes: 'nothing is pushed, so the union is asked',
    options: { pid: POSITIONS.ownLinks },
    means: [
      ['shop', MALL, { merchant_id: 'guoyuan' }],
      ['pid', POSITIONS.ofMo, { promoter_id: 'mo' }],
    ],
  },
} as const satisfies Record<string, OrderSystem>;

export type SystemId = keyof typeof ORDER_SYSTEMS;

/** What the shops that only push sign with. */
export type Secrets = Record<'haochi-erp' | 'shuma-shopify' | 'qinghe-woo', { secret: string }>;

/** States all of them but the storefront's, whose source is there by itself. */
export async function openOrderSystems(admin: FenyongClient, { weixin, duoduo }: Platforms): Promise<Secrets> {
  const ofShops: Secrets = {
    'haochi-erp': { secret: `whsec_${randomBytes(24).toString('base64')}` },
    'shuma-shopify': { secret: randomBytes(24).toString('hex') },
    'qinghe-woo': { secret: randomBytes(24).toString('hex') },
  };
  for (const [id, secrets] of Object.entries({ ...ofShops, 'taotao-weixin': weixin.secrets, duoduo: duoduo.secrets })) {
    const { kind, merchant_id, options = {}, means = [] }: OrderSystem = ORDER_SYSTEMS[id as SystemId];
    if (kind === 'REST') continue;
    await admin.PUT('/v1/sources/{source_id}', {
      params: { path: { source_id: id } },
      body: { kind, ...(merchant_id !== undefined && { merchant_id }), options, secrets },
    });
    for (const [type, value, meaning] of means) {
      const path = { source_id: id, type, value };
      await admin.PUT('/v1/sources/{source_id}/mappings/{type}/{value}', { params: { path }, body: meaning });
    }
  }
  return ofShops;
}
