// Builds of the service with something broken on purpose: a verifier that lets one of them pass
// shows nothing.

import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { HOSTILE_MARKET } from './hostile/run.ts';
import { PAYOUTS } from './payouts/run.ts';

interface Edit {
  file: string;
  from: string;
  to: string;
}

export interface Mutant {
  name: string;
  edits: Edit[];
  /** Under which fault it must be caught. */
  fault: string;
  /** It must refuse to start, saying so. */
  refuses?: RegExp;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'answer-before-commit',
    edits: [
      {
        file: 'src/inbox/door/delivery-writer.ts',
        from: 'return await group.push(delivery);',
        to: 'group.push(delivery).catch(() => undefined);\n        return delivery.deliveryId;',
      },
    ],
    fault: 'postgres-kill',
  },
  {
    name: 'no-unique-key',
    edits: [
      { file: 'src/inbox/delivery-store.ts', from: 'on conflict on constraint known_body_once do nothing returning', to: 'returning' },
      {
        file: 'migrations/0037-growth.sql',
        from: ',\n  constraint known_body_once unique nulls not distinct (body_hash, source_id, merchant_id)\n',
        to: '\n',
      },
    ],
    fault: 'doubled',
  },
  {
    name: 'synchronous-commit-off',
    edits: [{ file: 'src/platform/postgres/session.ts', from: '`set synchronous_commit = on`', to: '`set synchronous_commit = off`' }],
    fault: 'none',
    refuses: /synchronous_commit must be on/,
  },
  {
    name: 'rounding-dropped',
    edits: [{ file: 'src/core/money.ts', from: 'if (left === 0n) return parts;', to: 'return parts;' }],
    fault: 'none',
  },
  {
    name: 'refund-not-reversed',
    edits: [
      {
        file: 'src/core/posting.ts',
        from: "if (fromPending > 0n) postings.push({ kind: 'reverse',",
        to: "if (fromPending < 0n) postings.push({ kind: 'reverse',",
      },
    ],
    fault: 'none',
  },
  {
    name: 'whole-ignored',
    edits: [
      {
        file: 'src/core/merge.ts',
        from: '(report.whole.includes(list) ? at : null)',
        to: '(report.whole.includes(list) && at < 0 ? at : null)',
      },
    ],
    fault: HOSTILE_MARKET,
  },
  {
    name: 'line-speaks-for-order',
    edits: [
      {
        file: 'src/commission/award/decide.ts',
        from: 'if (lineId !== null) return lineId === line;',
        to: 'if (lineId !== null) return true;',
      },
    ],
    fault: HOSTILE_MARKET,
  },
  {
    name: 'naive-times-as-utc',
    edits: [
      {
        file: 'src/pull/uploads/upload.ts',
        from: 'zone: head.export?.zone ?? merchant?.time_zone ?? CHINA,',
        to: "zone: merchant === undefined ? CHINA : '+00:00',",
      },
    ],
    fault: HOSTILE_MARKET,
  },
  {
    name: 'timeout-is-failure',
    edits: [
      {
        file: 'src/payouts/bills/answers.ts',
        from: "return { state: 'unknown', reason: answer.reason, dueAt };",
        to: "return { state: 'failed', reason: answer.reason };",
      },
    ],
    fault: PAYOUTS,
  },
  {
    name: 'number-drawn-not-derived',
    edits: [
      {
        file: 'src/payouts/bills/bill-number.ts',
        from: "update(text).digest('hex')",
        to: "update(text + Math.random()).digest('hex')",
      },
    ],
    fault: PAYOUTS,
  },
  {
    name: 'notice-believed-without-its-amount',
    edits: [
      {
        file: 'src/payouts/providers/wechat-pay/bills.ts',
        from: "BigInt(one.transfer_amount) !== sent.amount ? 'amount' : null,",
        to: "BigInt(one.transfer_amount) < 0n ? 'amount' : null,",
      },
    ],
    fault: PAYOUTS,
  },
  {
    name: 'tax-sent-too',
    edits: [{ file: 'src/payouts/payout.ts', from: 'return gross - (withheld ?? 0n);', to: 'return withheld === null ? 0n : gross;' }],
    fault: PAYOUTS,
  },
  {
    name: 'cancelled-by-our-wish',
    edits: [
      {
        file: 'src/payouts/bills/sending.ts',
        from: "if (due.isCancelAsked && !isNew) await callFor(deps, channel, bill, 'cancel');",
        to: `if (due.isCancelAsked && !isNew) {
          const answer: BillAnswer = { state: 'cancelled', reference: null, reason: null };
          await apply(deps, channel, { due, bill, answer });
          return;
        }`,
      },
    ],
    fault: PAYOUTS,
  },
  {
    name: 'restored-and-going-on',
    edits: [
      {
        file: 'src/payouts/providers/provider-store.ts',
        from: 'set stopped_at = ${now} where stopped_at',
        to: 'set stopped_at = null where stopped_at',
      },
    ],
    fault: PAYOUTS,
  },
];

/** The text with the edit made. Throws when what it replaces does not stand there exactly once. */
export function edited(text: string, { file, from, to }: Edit): string {
  const times = text.split(from).length - 1;
  if (times !== 1) throw new Error(`what the mutant replaces stands ${times} times in ${file}: ${from}`);
  return text.replace(from, () => to);
}

/** Copies the service into a folder below `folder`, with the edits made; gives that folder. */
export async function buildMutant(root: string, folder: string, { name, edits }: Mutant): Promise<string> {
  const copy = await mkdtemp(join(folder, `${name}-`));
  for (const part of ['src', 'migrations', 'package.json', 'package-lock.json']) {
    await cp(join(root, part), join(copy, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const edit of edits) {
    const path = join(copy, edit.file);
    await writeFile(path, edited(await readFile(path, 'utf8'), edit));
  }
  return copy;
}
