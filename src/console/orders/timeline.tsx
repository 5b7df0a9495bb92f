// What happened to an order, in the order of time.

import { money } from '../parts/amounts.ts';
import type { Schemas } from '../parts/api.ts';
import { nameOf, say } from '../parts/say.tsx';
import { visible } from '../parts/visible.ts';
import { Time } from '../parts/values.tsx';

interface Happening {
  at: string;
  told: string;
}

export function Timeline({ explanation }: { explanation: Schemas['Explanation'] }) {
  return (
    <ol className="timeline">
      {happenings(explanation).map(({ at, told }) => (
        <li key={`${at} ${told}`}>
          <Time at={at} /> {visible(told)}
        </li>
      ))}
    </ol>
  );
}

function happenings({ order, deliveries, transfers }: Schemas['Explanation']): Happening[] {
  const marks: [string | null, string][] = [
    [order.created_at, say('happened.created')],
    [order.paid_at, say('happened.paid')],
    [order.attribution_at, say('happened.attributed')],
    [order.completed_at, say('happened.completed')],
    [order.releases_at, say('happened.release_due')],
    [order.released_at, say('happened.released')],
    ...deliveries.map(({ received_at: at, source_id: source, origin }): [string, string] => [
      at,
      say('happened.delivered', { source, origin: nameOf('origin', origin) }),
    ]),
    ...transfers.map(({ booked_at: at, kind, promoter_id: who, amount, currency }): [string, string] => [
      at,
      `${nameOf('transfer', kind)}: ${who ?? say('platform')} ${money(amount, currency)}`,
    ]),
  ];
  return marks
    .flatMap(([at, told]) => (at === null ? [] : [{ at, told }]))
    .toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
}
