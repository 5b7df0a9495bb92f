// How far the links of a time came: made, clicked, ordered, confirmed, released.

import { count, percent } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { nameOf, say } from '../parts/say.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { Section } from '../parts/values.tsx';
import type { placeOf } from './asked-figures.ts';

type Step = Schemas['Funnel']['data'][number];

export function FunnelSection({ place }: { place: ReturnType<typeof placeOf> }) {
  const asked = useAsked(async () => {
    // A link has neither a source nor a level, and its way no basis.
    const { basis: _basis, ...links } = place;
    return answered(api.GET('/v1/funnel', { params: { query: links } }));
  }, [place]);
  return (
    <Section title={say('funnel')}>
      <p className="faint">{say('funnel_help')}</p>
      <Loaded asked={asked}>
        {({ data }) => <Table label={say('funnel')} rows={data} keyOf={({ step }) => step} columns={columns()} />}
      </Loaded>
    </Section>
  );
}

function columns(): Column<Step>[] {
  return [
    { title: say('step'), cell: ({ step }) => nameOf('step', step) },
    { title: say('links'), isNumber: true, cell: ({ links }) => count(links) },
    { title: say('left_here'), isNumber: true, cell: ({ left_ppm: left }) => (left === null ? '–' : percent(left)) },
    { title: say('facts'), isNumber: true, cell: ({ facts }) => count(facts) },
  ];
}
