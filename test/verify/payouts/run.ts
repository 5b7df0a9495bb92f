// Money out: on one stage trial after trial of payouts to a double of WeChat Pay that fails in
// every way, the service killed at every step, and at the end a restore of yesterday's database.

import type { Client } from 'pg';

import { startWechatPayDouble, type WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import type { Finding } from '../journal.ts';
import type { Stage } from '../stage.ts';
import { runStaged, surprisesOf, withClient, type StagedOptions } from '../staged.ts';
import type { Row } from '../table.ts';
import { checkLaws, type Outcome } from '../trial.ts';
import { openFinance, PROVIDER, type Finance, type Payee } from './finance.ts';
import { judgePayouts } from './judge.ts';
import { playPayouts } from './story.ts';
import { playYesterday } from './yesterday.ts';

export const PAYOUTS = 'payouts';

interface Ground {
  stage: Stage;
  finance: Finance;
  double: WechatPayDouble;
  /** Of all trials so far: what any of them is paid later counts too. */
  payees: Payee[];
}

/** The trials, and then the restore of a backup of yesterday. */
export async function runPayouts(options: StagedOptions): Promise<Row & { kills: number }> {
  let noticesTo = '';
  const double = await startWechatPayDouble({ noticesTo: () => noticesTo });
  const open = async (stage: Stage) => {
    noticesTo = `${stage.fleet.url()}/payout-notices/${PROVIDER}`;
    const ground: Ground = { stage, double, finance: await openFinance(() => stage.fleet.url(), double), payees: [] };
    return {
      play: ({ trial, ...given }: Playing) => judged(ground, (client) => playPayouts({ ...ground, ...given, client, name: `p${trial}` })),
      last: () => judged(ground, () => playYesterday({ ...ground, root: options.root, name: 'y' })),
    };
  };
  const env = {
    PAYOUT_BASE_URLS: `wechat-pay=${double.url}`,
    PUBLIC_URL: 'https://pay.example.com',
    WITHHOLDING: 'cn_labor_service',
  };
  try {
    return await runStaged({ fault: PAYOUTS, env, open }, options);
  } finally {
    await double.close();
  }
}

type Playing = Pick<Parameters<typeof playPayouts>[0], 'random' | 'onKill'> & { trial: number };

interface Played {
  payees: Payee[];
  approved: number;
  findings: Finding[];
}

/** Plays something, and asks every question that we have. */
async function judged(ground: Ground, play: (client: Client) => Promise<Played>): Promise<Outcome> {
  const { stage, finance, double } = ground;
  const started = Date.now();
  const played = await withClient(stage, play);
  const findings = played.findings;
  ground.payees.push(...played.payees);
  findings.push(...surprisesOf(stage));
  const since = new Date();
  await withClient(stage, async (client) => {
    findings.push(...(await judgePayouts({ finance, client, journal: double.journal(), payees: ground.payees })));
    findings.push(...(await checkLaws(client, stage.fleet.url(), since)));
  });
  return { acknowledged: played.approved, worstDelayMs: Date.now() - started, findings };
}
