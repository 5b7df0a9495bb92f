// Making a link.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Form } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { nameOf, say } from '../parts/say.tsx';

type Link = Schemas['Link'];

const SCENES = [
  'moments',
  'group',
  'chat',
  'live',
  'video',
  'article',
  'poster',
  'search',
  'other',
] as const satisfies readonly Link['scene'][];

interface LinkFormProps {
  initial: Readonly<Record<string, string>>;
  whenMade: (link: Link) => void;
}

export function LinkForm({ initial, whenMade }: LinkFormProps) {
  return (
    <Form
      label={say('make_link')}
      initial={{ scene: 'other', ...initial }}
      fields={[
        { name: 'promoter_id', label: say('promoter'), isRequired: true },
        { name: 'merchant_id', label: say('merchant'), isRequired: true },
        { name: 'product_id', label: say('product'), help: say('product_or_address') },
        { name: 'landing_url', label: say('landing_url') },
        {
          name: 'scene',
          label: say('scene'),
          kind: 'select',
          isRequired: true,
          options: SCENES.map((value) => ({ value, label: nameOf('scene', value) })),
        },
        { name: 'campaign_id', label: say('campaign') },
        { name: 'content_id', label: say('content') },
        { name: 'talent_id', label: nameOf('role', 'talent') },
        { name: 'expires_at', label: say('link_expires_at'), kind: 'datetime-local' },
      ]}
      submit={async ({ promoter_id: promoter = '', merchant_id: merchant = '', scene, expires_at: expiresAt = '', ...rest }) => {
        const { product_id, landing_url, campaign_id, content_id, talent_id } = rest;
        const body = {
          promoter_id: promoter,
          merchant_id: merchant,
          scene: scene as Link['scene'],
          ...given({ product_id, landing_url, campaign_id, content_id, talent_id }),
          ...(expiresAt !== '' && { expires_at: new Date(expiresAt).toISOString() }),
        };
        whenMade(await answered(api.POST('/v1/links', { body })));
      }}
    />
  );
}
