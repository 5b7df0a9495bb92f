// A shop with offers: they are put and read over HTTP, and orders of it are awarded.
import { expect } from 'vitest';
import type { openService } from '../stage.ts';
import { openShop, type World } from '../world.ts';

export type Service = Awaited<ReturnType<typeof openService>>;
type Answer = { status: number; body: Record<string, unknown> & { code: string; errors: { path: string; message: string }[] } };

/** Parts per million. */
export const PERCENT = 10_000;

/** What is answered of a product of the pool, as far as tests look into it. */
interface Shared {
  product_id: string;
  offer_id: string;
  kind: string;
  rule_id: string;
  rate_now: number;
  my_share_now: { amount: number | null; rate_ppm: number };
  rate_coming: { rate_ppm: number; from: string } | null;
  lock_until: string | null;
}

export async function openOfferShop(world: World, service: Service, terms: Record<string, unknown> = {}) {
  const shop = await openShop(world, terms);
  const { m } = shop;
  const carol = `carol-${crypto.randomUUID().slice(0, 8)}`;
  await world.promoter(carol);
  const put = async (offerId: string, body: object, key?: string): Promise<Answer> => {
    const as = key === undefined ? {} : { key };
    return service.call('PUT', `/v1/merchants/${m}/offers/${offerId}`, body, as);
  };
  const shared = async (promoterId: string, query = ''): Promise<Shared[]> => {
    const { status, body } = await service.get(`/v1/offers?promoter_id=${promoterId}&merchant_id=${m}${query}`);
    expect(status, JSON.stringify(body)).toBe(200);
    return body.data as unknown as Shared[];
  };
  return {
    ...shop,
    carol,
    put,
    shared,
    /** Puts an offer that has to be taken. */
    async offer(offerId: string, body: object): Promise<Answer['body']> {
      const answer = await put(offerId, body);
      expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
      return answer.body;
    },
    /** The rates that these promoters would be paid by now; null: no rule applies. */
    async rates(...promoterIds: string[]): Promise<(number | null)[]> {
      const found: (number | null)[] = [];
      for (const promoterId of promoterIds) {
        const { body } = await service.get(`/v1/rules/effective?merchant_id=${m}&product_id=p1&promoter_id=${promoterId}`);
        const winner = body['winner'] as { rule_id: string; version: number } | null;
        if (winner === null) found.push(null);
        else {
          const rule = (await service.get(`/v1/rules/${encodeURIComponent(winner.rule_id)}`)).body;
          const versions = rule['versions'] as { version: number; plan: { rate_ppm: number } }[];
          found.push(versions.find(({ version }) => version === winner.version)!.plan.rate_ppm);
        }
      }
      return found;
    },
  };
}
