// The tree around a promoter: who stands above it, whom it invited and whom these invited, and who
// belongs to its agency.

import { count } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, Nothing, useAsked } from '../parts/asked.tsx';
import { say } from '../parts/say.tsx';
import { Id, PromoterLink, Section } from '../parts/values.tsx';

type Promoter = Schemas['Promoter'];

/** So many promoters are read for the tree; it says when there are more. */
const PROMOTERS_READ_MAX = 4000;
const PAGE_LENGTH = 200;
const DEPTH_MAX = 12;

interface Around {
  above: Promoter[];
  all: Promoter[];
  isCut: boolean;
}

async function readAround(promoter: Promoter): Promise<Around> {
  const all: Promoter[] = [];
  let cursor: string | null = '';
  while (cursor !== null && all.length < PROMOTERS_READ_MAX) {
    const query = { limit: PAGE_LENGTH, ...(cursor !== '' && { cursor }) };
    const page: { data: Promoter[]; next_cursor: string | null } = await answered(api.GET('/v1/promoters', { params: { query } }));
    all.push(...page.data);
    cursor = page.next_cursor;
  }
  const above: Promoter[] = [];
  for (let id = promoter.inviter_id; id !== null && above.length < DEPTH_MAX;) {
    const inviter: Promoter = await answered(api.GET('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: id } } }));
    above.unshift(inviter);
    id = inviter.inviter_id;
  }
  return { above, all, isCut: cursor !== null };
}

export function Tree({ promoter }: { promoter: Promoter }) {
  const { promoter_id: id, version } = promoter;
  const asked = useAsked(() => readAround(promoter), [id, version]);
  return (
    <Section title={say('tree')}>
      <Loaded asked={asked}>
        {({ above, all, isCut }) => {
          const members = all.filter(({ agency_id: agency }) => agency === id);
          return (
            <>
              {isCut && <Nothing>{say('tree_cut', { count: count(PROMOTERS_READ_MAX) })}</Nothing>}
              <h3>{say('tree_above')}</h3>
              {above.length === 0 ? <Nothing>{say('nobody_above')}</Nothing> : <List of={above} />}
              <h3>{say('tree_below')}</h3>
              <Below id={id} all={all} depth={0} />
              {promoter.kind === 'agency' && (
                <>
                  <h3>{say('agency_members')}</h3>
                  {members.length === 0 ? <Nothing /> : <List of={members} />}
                </>
              )}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}

function List({ of: promoters }: { of: Promoter[] }) {
  return (
    <ul>
      {promoters.map((one) => (
        <Named key={one.promoter_id} of={one} />
      ))}
    </ul>
  );
}

function Named({ of: { promoter_id: id, name } }: { of: Promoter }) {
  return (
    <li>
      <PromoterLink id={id} /> <Id>{name}</Id>
    </li>
  );
}

function Below({ id, all, depth }: { id: string; all: Promoter[]; depth: number }) {
  const invited = all.filter(({ inviter_id: inviter }) => inviter === id);
  if (invited.length === 0) return depth === 0 ? <Nothing>{say('nobody_below')}</Nothing> : null;
  return (
    <ul>
      {invited.map((one) => {
        const isParent = depth < DEPTH_MAX && all.some(({ inviter_id: inviter }) => inviter === one.promoter_id);
        return isParent ? (
          <li key={one.promoter_id}>
            <details open={depth === 0}>
              <summary>
                <Id>{one.name}</Id>
              </summary>
              <PromoterLink id={one.promoter_id} />
              <Below id={one.promoter_id} all={all} depth={depth + 1} />
            </details>
          </li>
        ) : (
          <Named key={one.promoter_id} of={one} />
        );
      })}
    </ul>
  );
}
