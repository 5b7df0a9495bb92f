// What providers tell by themselves: a notice is proven on its raw bytes, stored, applied, and only
// then answered as the provider expects.

import { createHash } from 'node:crypto';

import { Counter, type Registry } from '@prometheus-io/client';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isOpen } from '../../core/payouts/payout.ts';
import type { App } from '../../platform/http/app.ts';
import { rawBodyScope } from '../../platform/http/bodies.ts';
import { callerId } from '../../platform/http/fields.ts';
import { problems } from '../../platform/http/problem.ts';
import type { RefusedCallers } from '../../platform/http/rate-limit.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { lockPayout } from '../payout-store.ts';
import type { Payout } from '../payout.ts';
import type { BillAnswer, ReadNotice } from '../providers/provider.ts';
import { applyAnswer } from './answers.ts';
import { findBill, putOff } from './bill-store.ts';
import { keepNotice, noteOutcome, type NewNotice, type NoticeOutcome } from './notice-store.ts';
import { openChannel, type SendingDeps } from './sending.ts';

/** The headers that a proof can stand in. */
const KEPT_HEADER = /^(wechatpay-[a-z-]+|content-type)$/;
const HEADER_CHARACTERS_MAX = 1000;

interface NoticeDeps extends Pick<SendingDeps, 'db' | 'keys' | 'accounts' | 'fetch' | 'baseUrls'> {
  /** Those whose notices were refused, by their address. */
  refused: RefusedCallers;
  registry: Registry;
  /** There is a payout to look at. */
  nudge: () => void;
}

function noticeCounter(registry: Registry): Counter<'kind' | 'outcome'> {
  return new Counter({
    name: 'fenyong_payout_notices_total',
    help: 'Notices of providers, by their kind and what became of them: applied, contradicts, unknown_bill, refused, probe.',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  });
}

/** POST /payout-notices/{provider_id}. */
export function noticeRoutes(app: App, deps: NoticeDeps): void {
  const notices = noticeCounter(deps.registry);
  void app.register(async (scope: App) => {
    rawBodyScope(scope);
    scope.post('/payout-notices/:provider_id', {
      schema: {
        operationId: 'payoutNotices.receive',
        tags: ['payouts'],
        summary: 'A provider tells how a payment ended',
        description:
          'Proven by the provider’s signature over the raw bytes, stored before it is answered, and compared with what was frozen: what differs ' +
          'makes the payout disputed.',
        params: z.object({ provider_id: callerId }),
        response: { 200: z.unknown(), 204: z.undefined(), ...problems('not_found', 'invalid_signature') },
      },
      handler: async (request, reply) => {
        const { provider_id: providerId } = request.params;
        const opened = await openChannel(deps, providerId);
        if (opened === null) throw new DomainError('not_found', 'There is no such provider that sends notices.');
        const body = request.rawBody ?? Buffer.alloc(0);
        const { kind } = opened.kind;
        const read = opened.channel.readNotice({ headers: request.headers, body }, opened.access);
        if (!read.proven) {
          deps.refused.note(request.ip);
          notices.inc({ kind, outcome: read.isProbe ? 'probe' : 'refused' });
          if (!read.isProbe) request.log.warn({ provider_id: providerId, reason: read.reason }, 'a notice was refused');
          throw new DomainError('invalid_signature', `This notice is not believed: ${read.reason}.`);
        }
        notices.inc({ kind, outcome: await take(deps, providerId, { read, headers: request.headers, body }) });
        const answer = opened.channel.noticeAnswer(true);
        return reply.code(answer.status as 200).send(answer.body === '' ? undefined : answer.body);
      },
    });
  });
}

/**
 * Whether a payout has ended otherwise than is told now: people have to look, since nothing is
 * undone by a notice.
 */
function contradicts({ state }: Payout, answer: BillAnswer): boolean {
  if (isOpen(state) || answer.state === 'returned') return false;
  return answer.state !== (state === 'returned' ? 'paid' : state);
}

interface Proven {
  read: ReadNotice & { proven: true };
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/**
 * Stores the notice by itself first: what it says is then kept whatever comes after. If it cannot
 * be applied now, the provider sends it again, and the payout is asked for in any case. Answers
 * with what became of it.
 */
async function take({ db, accounts, nudge }: NoticeDeps, providerId: string, { read, headers, body }: Proven): Promise<NoticeOutcome> {
  const kept: NewNotice = {
    providerId,
    bodyHash: createHash('sha256').update(body).digest(),
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => KEPT_HEADER.test(name))
        .map(([name, value]) => [name, String(value).slice(0, HEADER_CHARACTERS_MAX)]),
    ),
    body,
    noticeId: read.noticeId,
    billNo: read.billNo,
  };
  await keepNotice(db, kept);
  const outcome = await inTransaction(db, async ({ trx, now }) => {
    const found = await findBill(trx, providerId, read.billNo);
    if (found === null) return noteOutcome(trx, kept, 'unknown_bill');
    const payout = (await lockPayout(trx, found.payoutId))!;
    const bill = (await findBill(trx, providerId, read.billNo))!;
    const applying = { trx, accounts, now, nextLook: now, believeAfterMs: 0 };
    const answer = read.answerFor(bill);
    const { sendAgain } = await applyAnswer(applying, payout, bill, answer);
    // A notice alone sends nothing: the worker looks at it.
    if (sendAgain) await putOff(trx, payout.payoutId, now);
    return noteOutcome(trx, kept, contradicts(payout, answer) ? 'contradicts' : 'applied');
  });
  nudge();
  return outcome;
}
