// What can be told to the world: the types of events, what an endpoint may subscribe to, and an
// event as it is sent.
import { createHash } from 'node:crypto';

import { stringifyJson } from '../platform/http/json.ts';

export const EVENT_TYPES = [
  'order.reported',
  'order.changed',
  'order.paid',
  'order.completed',
  'order.voided',
  'commission.estimated',
  'commission.confirmed',
  'commission.released',
  'commission.adjusted',
  'commission.reversed',
  'claim.made',
  'claim.settled',
  'claim.approved',
  'claim.rejected',
  'payout.drafted',
  'payout.dropped',
  'payout.approved',
  'payout.sending',
  'payout.sent',
  'payout.action_required',
  'payout.unknown',
  'payout.disputed',
  'payout.paid',
  'payout.failed',
  'payout.cancelled',
  'payout.returned',
  'payee.changed',
  'debt.written_off',
  'rule.published',
  'rule.ended',
  're_rating.approved',
  're_rating.executed',
  're_rating.cancelled',
  'campaign.published',
  'campaign.paused',
  'campaign.resumed',
  'campaign.exhausted',
  'offer.published',
  'offer.changed',
  'offer.ended',
  'offer.application_made',
  'offer.application_decided',
  'guard.violated',
  'guard.healed',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

export const familyOf = (type: string) => `${type.slice(0, type.indexOf('.'))}.*`;

/** What an endpoint may name: single types and whole families. */
export const SUBSCRIPTIONS: readonly string[] = [...new Set(EVENT_TYPES.map(familyOf)), ...EVENT_TYPES];

/** Something that has happened. */
export interface Event {
  type: EventType;
  /**
   * What makes it this event among those of its type: the same fact has the same key, however often
   * it is told.
   */
  key: string;
  /** Null: of no single merchant. */
  merchantId: string | null;
  at: Date;
  /** What is told. Amounts are bigint and become JSON integers. */
  data: Record<string, unknown>;
}

/**
 * The id of an event, made of its type and key alone: a UUID of version 8 (RFC 9562), whose bits
 * are ours to choose.
 */
export function eventId({ type, key }: Pick<Event, 'type' | 'key'>): string {
  const hash = createHash('sha256').update(`${type}\0${key}`).digest('hex');
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** The body of an event, as Standard Webhooks lays it out. */
export function eventBody({ type, at, data }: Event): string {
  return stringifyJson({ type, timestamp: at.toISOString(), data });
}
