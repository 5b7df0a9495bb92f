// One delivery: what became of it, and what was sent, as it came.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, Nothing, useAsked } from '../parts/asked.tsx';
import { count } from '../parts/amounts.ts';
import { Act } from '../parts/dialog.tsx';
import type { PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { StateTag } from '../parts/tags.tsx';
import { Facts, Id, MerchantLink, OrderLink, Section, Time } from '../parts/values.tsx';
import { visible } from '../parts/visible.ts';
import { Why } from './deliveries.tsx';

type Detail = Schemas['DeliveryDetail'];

export function DeliveryPage({ params }: PageProps) {
  const { delivery_id: id = '' } = params;
  const may = useMay();
  const path = { params: { path: { delivery_id: id } } };
  const asked = useAsked(() => answered(api.GET('/v1/deliveries/{delivery_id}', path)), [id]);
  const replay = async () => {
    await answered(api.POST('/v1/deliveries/{delivery_id}/replays', path));
    asked.again();
  };
  return (
    <>
      <h1>
        {say('delivery')} <Id>{id}</Id>
      </h1>
      <Loaded asked={asked}>
        {(delivery) => (
          <>
            <Head of={delivery} />
            {may('deliveries.replay') && delivery.state !== 'received' && <Act label={say('replay')} act={replay} done={say('replayed')} />}
            <Section title={say('orders')}>
              {delivery.orders.length === 0 ? (
                <Nothing />
              ) : (
                <ul className="plain">
                  {delivery.orders.map((order) => (
                    <li key={JSON.stringify(order)}>
                      <OrderLink order={order} />
                    </li>
                  ))}
                </ul>
              )}
            </Section>
            <Raw of={delivery} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Head({ of: delivery }: { of: Detail }) {
  return (
    <section className="card">
      <Facts
        of={[
          [say('state'), <StateTag key="s" kind="state" code={delivery.state} />],
          [say('source'), <Id key="o">{delivery.source_id}</Id>],
          [say('merchant'), <MerchantLink key="m" id={delivery.merchant_id} />],
          [say('origin'), nameOf('origin', delivery.origin)],
          [say('received_at'), <Time key="r" at={delivery.received_at} />],
          [say('finished_at'), <Time key="f" at={delivery.finished_at} />],
          [say('attempts'), count(delivery.attempts)],
          [say('reports'), delivery.reports === null ? '–' : count(delivery.reports)],
          [say('why'), <Why key="w" of={delivery} />],
        ]}
      />
    </section>
  );
}

function Raw({ of: { headers, body, body_base64: base64 } }: { of: Detail }) {
  return (
    <Section title={say('raw')}>
      <h3>{say('headers')}</h3>
      <pre tabIndex={0} aria-label={say('headers')}>
        {visible(JSON.stringify(headers, null, 2))}
      </pre>
      <h3>{say('body')}</h3>
      <pre tabIndex={0} aria-label={say('body')}>
        {body === null ? (base64 ?? say('nothing')) : visible(body)}
      </pre>
    </Section>
  );
}
