// Budgets: trial after trial of a campaign that everybody wants something of at once, the service
// killed in the middle, and at the end everything computed again.

import { asking } from '../payouts/finance.ts';
import type { Stage } from '../stage.ts';
import { runStaged, surprisesOf, withClient, type StagedOptions } from '../staged.ts';
import type { Row } from '../table.ts';
import { checkLaws, type Outcome } from '../trial.ts';
import { judgeCampaign } from './judge.ts';
import { MERCHANT, playCampaign } from './story.ts';

export const CAMPAIGNS = 'campaigns';

export function runCampaigns(options: StagedOptions): Promise<Row & { kills: number }> {
  return runStaged({ fault: CAMPAIGNS, open }, options);
}

/** What all trials stand on, and how one is played. */
async function open(stage: Stage) {
  const finance = asking(() => stage.fleet.url());
  await openShop(finance);
  return { play: ({ trial, ...given }: Playing) => judged({ stage, finance, name: `b${trial}`, ...given }) };
}

type Played = Omit<Parameters<typeof playCampaign>[0], 'client'>;
type Playing = Pick<Played, 'random' | 'onKill'> & { trial: number };

/** A merchant with a rule that pays a tenth to who sold. */
async function openShop({ must }: ReturnType<typeof asking>): Promise<void> {
  const landing = { landing_hosts: ['shop.example.com'] };
  await must('PUT', `/v1/merchants/${MERCHANT}`, { name: 'Boosters', currency: 'CNY', ...landing });
  await must('PUT', `/v1/merchants/${MERCHANT}/products/p1`, { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  await must('POST', '/v1/rules', {
    name: 'a tenth',
    scope: { merchant_id: MERCHANT },
    effective_from: new Date(Date.UTC(2020)).toISOString(),
    retroactive: true,
    plan: { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
  });
}

/** Plays a trial, and asks every question that we have. */
async function judged(played: Played): Promise<Outcome> {
  const { stage, finance, name } = played;
  const started = Date.now();
  return withClient(stage, async (client) => {
    const { sold, findings } = await playCampaign({ ...played, client });
    const since = new Date();
    findings.push(...surprisesOf(stage), ...(await judgeCampaign({ finance, campaignId: name, sold })));
    findings.push(...(await checkLaws(client, stage.fleet.url(), since)));
    return { acknowledged: sold.length, worstDelayMs: Date.now() - started, findings };
  });
}
