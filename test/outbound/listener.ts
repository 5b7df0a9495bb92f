// An endpoint that wants everything, and what is announced to it: nothing is sent.
import { sql, type Kysely } from 'kysely';

import type { EventType } from '../../src/outbound/event.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';

export interface Heard {
  type: EventType;
  timestamp: string;
  data: Record<string, unknown>;
}

const EVERYTHING = ['order.*', 'commission.*', 'claim.*', 'guard.*', 'rule.*', 'campaign.*', 'offer.*'];

/**
 * Listens from now on. `heard` tells what was announced since it was last asked, in the order of
 * the words.
 */
export async function listen(owner: Kysely<DB>) {
  await sql`
    insert into webhook_endpoint (endpoint_id, url, events, description, active, secrets, made_at, changed_at)
    values ('listener', 'https://listener.test/', ${EVERYTHING}, '', true, '', now(), now())`.execute(owner);
  return {
    async heard(family: string): Promise<Heard[]> {
      const { rows } = await sql<{ body: string }>`
        delete from webhook_message where type like ${`${family}.%`} returning body`.execute(owner);
      return rows.map(({ body }) => JSON.parse(body) as Heard).toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
    },
  };
}

const textOf = ({ type, data }: Heard) => `${type} ${JSON.stringify(data)}`;
