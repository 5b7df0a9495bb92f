// One link: where it leads and whose it is, its address to copy, and its QR code.

import { useRef } from 'react';

import { answered, api } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { Act } from '../parts/dialog.tsx';
import { ROOT, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Facts, Id, Link, MerchantLink, PromoterLink, Section, Time } from '../parts/values.tsx';

export function LinkPage({ params }: PageProps) {
  const { code = '' } = params;
  const asked = useAsked(() => answered(api.GET('/v1/links/{code}', { params: { path: { code } } })), [code]);
  return (
    <>
      <h1>
        {say('link')} <Id>{code}</Id>
      </h1>
      <Loaded asked={asked}>
        {(link) => (
          <>
            <section className="card">
              <Facts
                of={[
                  [say('promoter'), <PromoterLink key="p" id={link.promoter_id} />],
                  [say('merchant'), <MerchantLink key="m" id={link.merchant_id} />],
                  link.product_id === null
                    ? null
                    : [
                        say('product'),
                        <Link key="o" to={['merchants', link.merchant_id, 'products', link.product_id]}>
                          <Id>{link.product_id}</Id>
                        </Link>,
                      ],
                  [say('landing_url'), <Id key="l">{link.landing_url}</Id>],
                  [say('scene'), nameOf('scene', link.scene)],
                  [say('campaign'), <Id key="c">{link.campaign_id}</Id>],
                  [say('content'), <Id key="t">{link.content_id}</Id>],
                  [say('made_at'), <Time key="a" at={link.made_at} />],
                  [say('link_expires_at'), <Time key="e" at={link.expires_at} />],
                  link.tracking === null ? null : [say('tracked'), <StateTag key="s" kind="tracking" code={link.tracking.state} />],
                ]}
              />
            </section>
            <Share url={link.url} code={code} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Share({ url, code }: { url: string; code: string }) {
  const field = useRef<HTMLInputElement>(null);
  const qr = (kind: 'svg' | 'png') => new URL(`v1/links/${encodeURIComponent(code)}/qr.${kind}`, ROOT).href;
  const copy = async () => {
    // Where there is no clipboard, without TLS, the selected text can be copied by hand.
    field.current?.select();
    await navigator.clipboard?.writeText(url);
  };
  return (
    <Section title={say('share')}>
      <div className="buttons">
        <input ref={field} readOnly value={url} aria-label={say('address')} />
        <Act label={say('copy')} act={copy} done={say('copied')} />
      </div>
      <p>
        <img src={qr('svg')} alt={say('qr_of', { url })} width={220} height={220} className="qr" />
      </p>
      <p>
        <a href={qr('png')} download={`${code}.png`}>
          {say('qr_png')}
        </a>
      </p>
    </Section>
  );
}
