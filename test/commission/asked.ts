// What is asked of the database while something is done, and how it plans to answer.

import { Client, type QueryConfig } from 'pg';

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** What the work asks of the database, each text once with the values of its last time. */
export async function asked(work: () => Promise<void>): Promise<Map<string, unknown[]>> {
  const texts = new Map<string, unknown[]>();
  const query = Object.getOwnPropertyDescriptor(Client.prototype, 'query')!.value as (...args: unknown[]) => unknown;
  Client.prototype.query = function recorded(this: Client, ...args: unknown[]) {
    const { text, values } = typeof args[0] === 'string' ? { text: args[0], values: args[1] } : (args[0] as QueryConfig);
    if (/^\s*(select|insert|update|delete|with)\b/i.test(text ?? '')) texts.set(text, Array.isArray(values) ? values : []);
    return query.apply(this, args);
  } as typeof Client.prototype.query;
  try {
    await work();
  } finally {
    Client.prototype.query = query as typeof Client.prototype.query;
  }
  return texts;
}

/** The nodes of the plan of a statement with these values. */
export async function planOf(client: Client, text: string, values: unknown[]): Promise<Plan[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(`explain (format json) ${text}`, values);
  return nodesOf(rows[0]!['QUERY PLAN'][0]!.Plan);
}
