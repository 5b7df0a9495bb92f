// Clicks and touches in the database: by COPY where nothing can stand there yet, by INSERT where a
// click may come a second time.

import { sql, type Kysely } from 'kysely';
import type { ClientBase } from 'pg';

import { copyIn, type CopyText } from '../../platform/postgres/copy.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';

/** That an identity made a click. Times are epoch milliseconds. */
export interface Touch {
  identity: string;
  clickId: string;
  clickedAt: number;
}

/** A click with what is written beside it. Plain JSON, since the spool keeps it as such. */
export interface Click {
  clickId: string;
  linkCode: string;
  merchantId: string;
  /** Epoch milliseconds. */
  clickedAt: number;
  identity: string | null;
  bot: boolean;
  /**
   * Whether it is kept as a sample of a flood, of which it has only the reason in common with bots.
   * Absent in spools of before.
   */
  flooded?: boolean;
  touches: Touch[];
}

/** Writes clicks that nobody has written before, in one transaction of one packet. */
export async function copyClicks(client: ClientBase, clicks: readonly Click[]): Promise<void> {
  const texts: CopyText[] = [
    { sql: 'copy click (click_id, link_code, clicked_at, identity, bot) from stdin', rows: clicks.map(clickRow).join('') },
  ];
  // Samples of floods are few; the other clicks do not carry a column for them.
  const flooded = clicks.filter(isFlooded);
  if (flooded.length > 0) {
    texts[0]!.rows = clicks.map((click) => (isFlooded(click) ? '' : clickRow(click))).join('');
    texts.push({
      sql: 'copy click (click_id, link_code, clicked_at, identity, bot, bot_reason) from stdin',
      rows: flooded.map(floodedRow).join(''),
    });
  }
  const touches = clicks.flatMap((click) => click.touches);
  if (touches.length > 0) {
    texts.push({ sql: 'copy touch (identity, clicked_at, click_id) from stdin', rows: touches.map(touchRow).join('') });
  }
  await copyIn(client, texts);
}

let latestMs = 0;
let latestText = new Date(0).toISOString();

/** The text of a time; the clicks of one commit share a few of them. */
function timeText(ms: number): string {
  if (ms !== latestMs) {
    latestMs = ms;
    latestText = new Date(ms).toISOString();
  }
  return latestText;
}

// Ids, codes and times hold nothing that COPY's text format would need to escape.
function clickRow({ clickId, linkCode, clickedAt, identity, bot }: Click): string {
  return `${clickId}\t${linkCode}\t${timeText(clickedAt)}\t${identity ?? '\\N'}\t${bot ? 't' : 'f'}\n`;
}

function isFlooded(click: Click): boolean {
  return click.flooded === true;
}

function floodedRow(click: Click): string {
  return `${clickRow(click).slice(0, -1)}\tflooded\n`;
}

function touchRow({ identity, clickedAt, clickId }: Touch): string {
  return `${identity}\t${timeText(clickedAt)}\t${clickId}\n`;
}

/**
 * How long after the time in its id a click is put down as late, because the statistics look for
 * what is new in younger ids alone: they go back by twice as long, so that none falls in between.
 */
const LATE_AFTER = '12 hours';

/**
 * Writes clicks that may have been written before, and returns those that were not; of the others
 * nothing is written again.
 */
export async function insertClicks(trx: Kysely<DB>, clicks: readonly Click[]): Promise<Click[]> {
  if (clicks.length === 0) return [];
  const { rows } = await sql<{ click_id: string }>`
    with written as (
      insert into click (click_id, link_code, clicked_at, identity, bot, bot_reason, recorded_xid)
      select click_id, link_code, clicked_at, identity, bot, bot_reason, (select ledger_xid()) from ${unnestOf(
        clicks,
        {
          click_id: ['uuid', (click) => click.clickId],
          link_code: ['text', (click) => click.linkCode],
          clicked_at: ['timestamptz', (click) => new Date(click.clickedAt)],
          identity: ['uuid', (click) => click.identity],
          bot: ['boolean', (click) => click.bot],
          bot_reason: ['text', (click) => (isFlooded(click) ? 'flooded' : null)],
        },
        'told',
      )}
      on conflict (click_id) do nothing returning click_id, recorded_xid
    ), late as (
      insert into late_click (click_id, recorded_xid)
      select click_id, recorded_xid from written 
      where click_id < (select partition_key('click', now() - ${LATE_AFTER}::interval)::uuid)
    )
    select click_id from written`.execute(trx);
  const written = new Set(rows.map((row) => row.click_id));
  const fresh = clicks.filter((click) => written.delete(click.clickId));
  await insertTouches(
    trx,
    fresh.flatMap((click) => click.touches),
  );
  return fresh;
}

/** Writes touches that may stand there already, and tells how many did not. */
export async function insertTouches(trx: Kysely<DB>, touches: readonly Touch[]): Promise<number> {
  if (touches.length === 0) return 0;
  // Bounds that the planner sees leave out the months of which nothing is told.
  const times = touches.map((touch) => touch.clickedAt);
  const [first, last] = [new Date(Math.min(...times)), new Date(Math.max(...times))];
  const { numAffectedRows } = await sql`
    insert into touch (identity, clicked_at, click_id)
    select distinct identity, clicked_at, click_id from ${unnestOf(
      touches,
      {
        identity: ['uuid', (touch) => touch.identity],
        clicked_at: ['timestamptz', (touch) => new Date(touch.clickedAt)],
        click_id: ['uuid', (touch) => touch.clickId],
      },
      'told',
    )}
    where not exists (
      select from touch as known
      where known.identity = told.identity and known.clicked_at = told.clicked_at and known.click_id = told.click_id
        and known.clicked_at between ${first} and ${last}
    )`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
