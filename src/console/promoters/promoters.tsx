// The promoters, and making one.

import { answered, api, type Schemas } from '../parts/api.ts';
import { addressOf, go } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Id, PromoterLink, Section } from '../parts/values.tsx';
import { PromoterForm } from './promoter-form.tsx';

export function PromotersPage() {
  const may = useMay();
  return (
    <>
      <h1>{say('promoters')}</h1>
      <Pages
        label={say('promoters')}
        file="promoters"
        keyOf={({ promoter_id: id }) => id}
        columns={columns()}
        on={[]}
        ask={(page) => answered(api.GET('/v1/promoters', { params: { query: page } }))}
      />
      {may('promoters.put') && (
        <Section title={say('new_promoter')}>
          <PromoterForm promoter={null} whenSaved={({ promoter_id: id }) => go(addressOf(['promoters', id]))} />
        </Section>
      )}
    </>
  );
}

function columns(): Column<Schemas['Promoter']>[] {
  return [
    { title: say('promoter'), cell: ({ promoter_id: id }) => <PromoterLink id={id} />, csv: ({ promoter_id: id }) => id },
    { title: say('name'), cell: ({ name }) => <Id>{name}</Id>, csv: ({ name }) => name },
    { title: say('kind'), cell: ({ kind }) => nameOf('promoter_kind', kind), csv: ({ kind }) => nameOf('promoter_kind', kind) },
    { title: say('inviter'), cell: ({ inviter_id: id }) => <PromoterOrNone id={id} />, csv: ({ inviter_id: id }) => id },
    { title: say('agency'), cell: ({ agency_id: id }) => <PromoterOrNone id={id} />, csv: ({ agency_id: id }) => id },
    { title: say('tier'), cell: ({ tier }) => <Id>{tier}</Id>, csv: ({ tier }) => tier },
    {
      title: say('status'),
      cell: ({ status }) => <StateTag kind="promoter_status" code={status} />,
      csv: ({ status }) => nameOf('promoter_status', status),
    },
  ];
}

/** A promoter where there is one: here nobody is not the platform. */
export function PromoterOrNone({ id }: { id: string | null }) {
  return id === null ? '–' : <PromoterLink id={id} />;
}
