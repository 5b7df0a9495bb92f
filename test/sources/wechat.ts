// What the tests of 微信小店 have in common: deliveries as they are kept, read by the adapter.
import type { KeptDelivery, MappedReport } from '../../src/sources/source.ts';
import { wechatShop } from '../../src/sources/wechat-shop/adapter.ts';
import { orderText } from './subjects/wechat-shop.ts';

/** A delivery that was fetched or pushed, with its source's options. */
export function kept(body: string | object, options: object = {}, receivedAt = '2026-06-01T10:00:00Z'): KeptDelivery {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { body: Buffer.from(text), headers: {}, receivedAt: new Date(receivedAt), options: wechatShop.options.parse(options) };
}

export const mapAll = (body: string | object, options: object = {}): MappedReport[] => wechatShop.map(kept(body, options));

export function mapOne(body: string | object, options: object = {}): MappedReport {
  const [only, ...more] = mapAll(body, options);
  if (only === undefined || more.length > 0) throw new Error(`one report was expected, and ${more.length + (only ? 1 : 0)} came`);
  return only;
}

/** The order 37 with what is stated of it. */
export const orderBody = (told: object = {}): string => `{"order":${orderText('37', { ...told })}}`;
