// The links, and making one.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Nothing } from '../parts/asked.tsx';
import { Filters } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay, useMe } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { Id, Link as PageLink, MerchantLink, PromoterLink, Section, Time } from '../parts/values.tsx';
import { LinkForm } from './link-form.tsx';

export function LinksPage({ query }: PageProps) {
  const { promoter_id: promoterId, merchant_id: merchantId } = query;
  const may = useMay();
  const me = useMe();
  // A promoter sees its own without saying so.
  const whose = promoterId ?? me.promoter_id;
  return (
    <>
      <h1>{say('links')}</h1>
      <Filters
        key={JSON.stringify(query)}
        query={query}
        fields={[
          { name: 'promoter_id', label: say('promoter') },
          { name: 'merchant_id', label: say('merchant') },
        ]}
        choose={(typed) => go(addressOf(['links'], typed), { replace: true })}
      />
      {whose === null || whose === undefined ? (
        <Nothing>{say('say_whose_links')}</Nothing>
      ) : (
        <List promoterId={whose} merchantId={merchantId} />
      )}
      {may('links.make') && (
        <Section title={say('new_link')}>
          <LinkForm
            initial={given({ promoter_id: promoterId, merchant_id: merchantId })}
            whenMade={({ code }) => go(addressOf(['links', code]))}
          />
        </Section>
      )}
    </>
  );
}

function List({ promoterId, merchantId }: { promoterId: string; merchantId: string | undefined }) {
  return (
    <Pages
      label={say('links')}
      file="links"
      keyOf={({ code }) => code}
      columns={columns()}
      on={[promoterId, merchantId]}
      ask={(page) => {
        const wanted = { promoter_id: promoterId, ...given({ merchant_id: merchantId }) };
        return answered(api.GET('/v1/links', { params: { query: { ...page, ...wanted } } }));
      }}
    />
  );
}

function columns(): Column<Schemas['Link']>[] {
  return [
    {
      title: say('code'),
      cell: ({ code }) => (
        <PageLink to={['links', code]}>
          <code>{code}</code>
        </PageLink>
      ),
      csv: ({ code }) => code,
    },
    { title: say('address'), cell: ({ url }) => <Id>{url}</Id>, csv: ({ url }) => url },
    { title: say('promoter'), cell: ({ promoter_id: id }) => <PromoterLink id={id} />, csv: ({ promoter_id: id }) => id },
    { title: say('merchant'), cell: ({ merchant_id: id }) => <MerchantLink id={id} />, csv: ({ merchant_id: id }) => id },
    { title: say('product'), cell: ({ product_id: id }) => <Id>{id}</Id>, csv: ({ product_id: id }) => id },
    { title: say('scene'), cell: ({ scene }) => nameOf('scene', scene), csv: ({ scene }) => nameOf('scene', scene) },
    { title: say('made_at'), cell: ({ made_at: at }) => <Time at={at} />, csv: ({ made_at: at }) => at },
  ];
}
