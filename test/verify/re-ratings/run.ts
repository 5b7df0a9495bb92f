// Re-ratings: trial after trial of a rate that is corrected for the past under load, the service
// killed while it is previewed, approved and executed.

import { asking, type Finance } from '../payouts/finance.ts';
import type { Stage } from '../stage.ts';
import { runStaged, surprisesOf, withClient, type StagedOptions } from '../staged.ts';
import type { Row } from '../table.ts';
import { checkLaws, type Outcome } from '../trial.ts';
import { playReRating } from './story.ts';

export const RE_RATING = 're-rating';

export function runReRatings(options: StagedOptions): Promise<Row & { kills: number }> {
  return runStaged({ fault: RE_RATING, open }, options);
}

/** What all trials stand on, and how one is played. */
async function open(stage: Stage) {
  const desk = await openDesk(stage);
  return { play: ({ trial, ...given }: Playing) => judged({ stage, desk, name: `rated-${trial}`, ...given }) };
}

type Played = Omit<Parameters<typeof playReRating>[0], 'client'>;
type Playing = Pick<Played, 'random' | 'onKill'> & { trial: number };
type Desk = Pick<Finance, 'ask' | 'must' | 'zhang' | 'li'>;

/** Who asks, and who approves. */
async function openDesk({ fleet }: Stage): Promise<Desk> {
  const { ask, must } = asking(() => fleet.url());
  const keyOf = async (person: string) => (await must('POST', '/v1/keys', { scope: 'admin', role: 'operator', person })).key as string;
  return { ask, must, zhang: await keyOf('zhang'), li: await keyOf('li') };
}

/** Plays a trial, and asks every law. */
async function judged(played: Played): Promise<Outcome> {
  const { stage } = played;
  const started = Date.now();
  return withClient(stage, async (client) => {
    const { orders, findings } = await playReRating({ ...played, client });
    findings.push(...surprisesOf(stage), ...(await checkLaws(client, stage.fleet.url(), new Date())));
    return { acknowledged: orders.length, worstDelayMs: Date.now() - started, findings };
  });
}
