// What a link is, and what a wish for one must bring. Pure but for the draw of a code.

import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { DomainError, type ErrorCode } from '../../core/errors.ts';
import { checkLanding } from './landing.ts';

export const SCENES = ['moments', 'group', 'chat', 'live', 'video', 'article', 'poster', 'search', 'other'] as const;

type Scene = (typeof SCENES)[number];

/** What somebody wishes to share. */
export interface LinkWish {
  /** A code of the caller's own, when links of another system are taken over. */
  code: string | null;
  merchant_id: string;
  promoter_id: string;
  product_id: string | null;
  /** Null: the product's. */
  landing_url: string | null;
  scene: Scene;
  content_id: string | null;
  talent_id: string | null;
  /** The code of the link that is shared again. */
  shared_from: string | null;
  campaign_id: string | null;
  expires_at: Date | null;
}

export interface LinkRow extends LinkWish {
  code: string;
  landing_url: string;
  /** The promoters whose shares it descends from, nearest first, each once and never its own. */
  sharers: string[];
  made_at: Date;
}

/**
 * What wishes are judged by: what their merchants, promoters, products and earlier links are now.
 */
export interface LinkTerms {
  /** The landing hosts of the merchants that there are. */
  hosts: Map<string, string[]>;
  /** The landing URLs of products, by `merchant \0 product`; null for a product without one. */
  landings: Map<string, string | null>;
  promoters: Set<string>;
  links: Map<string, LinkRow>;
}

export const CODE = /^[0-9A-Za-z_-]{4,32}$/;
const CODE_LENGTH = 10;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Bytes from here on would make some characters likelier than others. */
const BYTE_MAX = 256 - (256 % ALPHABET.length);
/** More levels above a link than can ever be paid. */
const SHARERS_MAX = 32;

/** A new code: 10 characters of base62, about 59 bits. */
export function drawCode(): string {
  let code = '';
  while (code.length < CODE_LENGTH) {
    for (const byte of randomBytes(CODE_LENGTH * 2)) {
      if (byte < BYTE_MAX && code.length < CODE_LENGTH) code += ALPHABET[byte % ALPHABET.length]!;
    }
  }
  return code;
}

/**
 * The link of a wish. Throws `unknown_merchant`, `unknown_promoter`, `unknown_link`,
 * `unknown_product`, `invalid_landing_url` and `landing_host_not_allowed`, each with the field that
 * is at fault.
 */
export function planLink(wish: LinkWish, facts: LinkTerms, now: Date): LinkRow {
  const hosts = facts.hosts.get(wish.merchant_id);
  if (hosts === undefined) throw refusal('unknown_merchant', 'merchant_id', 'is not a known merchant');
  if (!facts.promoters.has(wish.promoter_id)) throw refusal('unknown_promoter', 'promoter_id', 'is not a known promoter');
  if (wish.talent_id !== null && !facts.promoters.has(wish.talent_id)) {
    throw refusal('unknown_promoter', 'talent_id', 'is not a known promoter');
  }
  const parent = wish.shared_from === null ? null : facts.links.get(wish.shared_from);
  if (parent === undefined || (parent !== null && parent.merchant_id !== wish.merchant_id)) {
    throw refusal('unknown_link', 'shared_from', 'is not a link of this merchant');
  }
  return {
    ...wish,
    code: wish.code ?? drawCode(),
    landing_url: checkLanding(landingOf(wish, facts), hosts),
    sharers: parent === null ? [] : sharersBelow(parent, wish.promoter_id),
    made_at: now,
  };
}

function landingOf(wish: LinkWish, facts: LinkTerms): string {
  if (wish.landing_url !== null) return wish.landing_url;
  if (wish.product_id === null) throw refusal('invalid_landing_url', 'landing_url', 'must be given where no product names one');
  const landing = facts.landings.get(`${wish.merchant_id}\0${wish.product_id}`);
  if (landing === undefined) throw refusal('unknown_product', 'product_id', 'is not a known product of this merchant');
  if (landing === null) throw refusal('invalid_landing_url', 'landing_url', 'must be given: the product has none');
  return landing;
}

/**
 * Who is above a link that was shared again: a promoter who shares on in a circle is nowhere above
 * its own links.
 */
function sharersBelow(parent: LinkRow, promoterId: string): string[] {
  const above = new Set([parent.promoter_id, ...parent.sharers]);
  above.delete(promoterId);
  return [...above].slice(0, SHARERS_MAX);
}

/** Whether two links say the same, whenever they were made. */
export function sameLink(a: LinkRow, b: LinkRow): boolean {
  return isDeepStrictEqual({ ...a, made_at: null }, { ...b, made_at: null });
}

function refusal(code: ErrorCode, path: string, message: string): DomainError {
  return new DomainError(code, `The link cannot be made: ${path} ${message}.`, { errors: [{ path, message }] });
}
