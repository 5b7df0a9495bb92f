// The search of the desk: an order, a promoter, a merchant, a link or a claim, by its id.

import { useState } from 'react';
import { Button } from 'tdesign-react';

import { answered, api, Refusal, type Operation } from '../parts/api.ts';
import { addressOf, go, type Query } from '../parts/place.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem, Nothing } from '../parts/asked.tsx';
import { say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Id, Link } from '../parts/values.tsx';
import type { Word } from '../words/en.ts';

interface Found {
  kind: Word;
  id: string;
  told: string;
  to: string[];
  query?: Query;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

export function Search() {
  const may = useMay();
  const [text, setText] = useState('');
  const [found, setFound] = useState<Found[] | null>(null);
  const [error, setError] = useState<unknown>();
  const search = async () => {
    const wanted = text.trim();
    if (wanted === '') return;
    setError(undefined);
    try {
      const all = (await Promise.all(SEARCHES.filter(({ needs }) => may(needs)).map(({ find }) => found404(find(wanted))))).flat();
      const [only, ...more] = all;
      if (only !== undefined && more.length === 0) go(addressOf(only.to, only.query));
      else setFound(all);
    } catch (refused) {
      setError(refused);
      setFound([]);
    }
  };
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void search();
        }}
      >
        <input
          type="search"
          aria-label={say('search')}
          placeholder={say('search_hint')}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        <Button type="submit" variant="outline">
          {say('search')}
        </Button>
      </form>
      {found !== null && (
        <Dialog title={say('search')} onClose={() => setFound(null)}>
          {error !== undefined && <Problem error={error} />}
          {found.length === 0 && error === undefined && <Nothing>{say('search_nothing')}</Nothing>}
          <ul onClick={() => setFound(null)} role="presentation">
            {found.map(({ kind, id, told, to, query }) => (
              <li key={`${kind} ${id} ${told}`}>
                <Link to={to} {...(query !== undefined && { query })}>
                  {say(kind)} <Id>{id}</Id>
                </Link>{' '}
                <Id>{told}</Id>
              </li>
            ))}
          </ul>
          <div className="buttons">
            <Button variant="outline" onClick={() => setFound(null)}>
              {say('close')}
            </Button>
          </div>
        </Dialog>
      )}
    </search>
  );
}

/** What is not there, or not of a kind that could be it, is not found. */
async function found404(search: Promise<Found[]>): Promise<Found[]> {
  try {
    return await search;
  } catch (error) {
    if (error instanceof Refusal && [400, 403, 404, 422].includes(error.problem.status)) return [];
    throw error;
  }
}

const SEARCHES: readonly { needs: Operation; find: (id: string) => Promise<Found[]> }[] = [
  {
    needs: 'ledger.transfers',
    find: async (id) => {
      const { data } = await answered(api.GET('/v1/ledger/transfers', { params: { query: { order_id: id, limit: 50 } } }));
      const orders = new Map(data.map((row) => [JSON.stringify([row.source_id, row.merchant_id]), row]));
      return [...orders.values()].flatMap(({ source_id: source, merchant_id: merchant }) => {
        if (source === null) return [];
        return [{ kind: 'order', id, told: `${source} · ${merchant}`, to: ['orders', source, id], query: { merchant_id: merchant } }];
      });
    },
  },
  {
    needs: 'promoters.get',
    find: async (id) => {
      const { name } = await answered(api.GET('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: id } } }));
      return [{ kind: 'promoter', id, told: name, to: ['promoters', id] }];
    },
  },
  {
    needs: 'merchants.get',
    find: async (id) => {
      const { name } = await answered(api.GET('/v1/merchants/{merchant_id}', { params: { path: { merchant_id: id } } }));
      return [{ kind: 'merchant', id, told: name, to: ['merchants', id] }];
    },
  },
  {
    needs: 'links.get',
    find: async (id) => {
      const code = id.slice(id.lastIndexOf('/') + 1);
      const { promoter_id: told } = await answered(api.GET('/v1/links/{code}', { params: { path: { code } } }));
      return [{ kind: 'link', id: code, told, to: ['links', code] }];
    },
  },
  {
    needs: 'claims.get',
    find: async (id) => {
      if (!UUID.test(id)) return [];
      const claim = await answered(api.GET('/v1/claims/{claim_id}', { params: { path: { claim_id: id } } }));
      return [{ kind: 'claim', id, told: claim.order_id, to: ['claims', id] }];
    },
  },
];
