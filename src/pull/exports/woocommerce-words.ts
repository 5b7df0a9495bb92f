// WooCommerce's words for how far an order has come, as its exports write them: by their slugs, or
// as a person reads them.
import { z } from 'zod';

import { RowFault } from './row-fields.ts';

type Stage = 'created' | 'paid' | 'completed' | 'refunded' | 'void';

const STAGES: Readonly<Record<string, Stage>> = {
  'auto-draft': 'created',
  'checkout-draft': 'created',
  draft: 'created',
  pending: 'created',
  'pending-payment': 'created',
  'on-hold': 'created',
  processing: 'paid',
  completed: 'completed',
  refunded: 'refunded',
  cancelled: 'void',
  canceled: 'void',
  failed: 'void',
  trash: 'void',
};

const ours = z.object({ statuses: z.record(z.string(), z.string()).default({}) }).catch({ statuses: {} });

/**
 * A shop's own states are known by `options.statuses` of its source. Throws RowFault for a word
 * that nobody knows.
 */
export function stageOf(word: string, options: unknown): Stage {
  const slug = word
    .toLowerCase()
    .replace(/^wc-/, '')
    .replaceAll(/[\s_]+/g, '-');
  const { statuses } = ours.parse(options ?? {});
  const mapped = statuses[slug] ?? statuses[word] ?? slug;
  const standing = STAGES[mapped] ?? (mapped === 'created' || mapped === 'paid' || mapped === 'void' ? mapped : undefined);
  if (standing === undefined) throw new RowFault(`status: ${JSON.stringify(word)} is no word of WooCommerce's that is known`);
  return standing;
}

/**
 * What a standing means for the order: a refunded one keeps nothing, unless its refunds are told
 * beside it.
 */
export function stateAt(standing: Stage, word: string, { isRefundTold }: { isRefundTold: boolean }) {
  const isVoid = standing === 'void' || (standing === 'refunded' && !isRefundTold);
  return {
    status:
      standing === 'completed'
        ? ('completed' as const)
        : standing === 'created' || standing === 'void'
          ? ('created' as const)
          : ('paid' as const),
    // A file never says that an order is void no more: it may be older than what is known.
    void: isVoid ? { reason: word.toLowerCase() } : null,
  };
}
