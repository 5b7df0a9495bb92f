// Links on the wire.

import { z } from 'zod';

import { callerId, time, words } from '../../platform/http/fields.ts';
import { CODE, SCENES, type LinkRow, type LinkWish } from './link.ts';
import type { Tracking } from './link-tracking.ts';

const linkCode = z.string().regex(CODE, 'must be 4 to 32 letters, digits, dashes or underscores');

const linkBody = z.strictObject({
  promoter_id: callerId,
  merchant_id: callerId,
  product_id: callerId.nullish(),
  landing_url: z
    .string()
    .nullish()
    .meta({ description: "Where it leads, https on one of the merchant's landing hosts; the product's own when absent." }),
  scene: z.enum(SCENES).default('other'),
  content_id: words(128).nullish().meta({ description: 'The live room, video or article that it is shared in.' }),
  talent_id: callerId.nullish().meta({ description: 'The promoter whose live room or content that is; not for a promoter key to name.' }),
  shared_from: z.string().max(128).nullish().meta({ description: 'The code of the link that is shared again.' }),
  campaign_id: words(128).nullish().meta({ description: 'A promoter key names only campaigns that the promoter was accepted into.' }),
  expires_at: time.nullish().meta({ description: 'From then on it leads to the landing URL and earns nothing.' }),
});

/** A link as it is asked for, one or many at a time. */
export const sharedBody = linkBody.extend({
  click_token: z.string().max(512).nullish().meta({
    description:
      'A click token of the link in `shared_from`: proves that the promoter was led by it. A promoter key must send one with it.',
  }),
});

/** A link that may lead to the link of a platform. */
export const trackableBody = sharedBody.extend({
  source_id: callerId.nullish().meta({
    description:
      "The source whose platform is asked for its tracked link of the product, with the link's code inside; or with what its mappings " +
      'say that the platform calls the promoter, where orders of the platform have no field for a code.',
  }),
});

/** A link as it is loaded in bulk; its own code makes loading it again harmless. */
export const linkLine = linkBody.extend({
  code: linkCode.nullish().meta({ description: 'A code of your own, for links that are taken over from another system.' }),
});

export const linkAnswer = z
  .object({
    code: z.string(),
    url: z.url(),
    landing_url: z.url(),
    merchant_id: callerId,
    promoter_id: callerId,
    product_id: callerId.nullable(),
    scene: z.enum(SCENES),
    content_id: z.string().nullable(),
    talent_id: callerId.nullable(),
    shared_from: z.string().nullable(),
    campaign_id: z.string().nullable(),
    expires_at: z.date().nullable(),
    made_at: z.date(),
    tracking: z
      .object({
        source_id: callerId,
        state: z
          .enum(['made', 'waiting', 'failed'])
          .meta({ description: 'waiting: it is asked for again, and until then the link leads to its landing URL.' }),
        url: z.string().nullable(),
        expires_at: z.date().nullable(),
        error: z.string().nullable(),
      })
      .nullable()
      .meta({ description: "The platform's link that this one leads to." }),
  })
  .meta({
    id: 'Link',
    examples: [
      {
        code: '79dO4EbGj6',
        url: 'https://fy.example.com/r/79dO4EbGj6',
        landing_url: 'https://shop.example.com/p1',
        merchant_id: 'm1',
        promoter_id: 'bob',
        product_id: 'p1',
        scene: 'group',
        content_id: null,
        talent_id: null,
        shared_from: null,
        campaign_id: null,
        expires_at: null,
        made_at: '2026-06-01T09:00:00.000Z',
        tracking: null,
      },
    ],
  });

export function linkWish(body: z.output<typeof linkLine>): LinkWish {
  return {
    code: body.code ?? null,
    merchant_id: body.merchant_id,
    promoter_id: body.promoter_id,
    product_id: body.product_id ?? null,
    landing_url: body.landing_url ?? null,
    scene: body.scene,
    content_id: body.content_id ?? null,
    talent_id: body.talent_id ?? null,
    shared_from: body.shared_from ?? null,
    campaign_id: body.campaign_id ?? null,
    expires_at: body.expires_at ?? null,
  };
}

/** Where a link begins. */
export function urlOf(publicUrl: string, linkCode: string): string {
  return `${publicUrl}/r/${linkCode}`;
}

export function showLink(link: LinkRow, publicUrl: string, tracking: Tracking | null = null): z.output<typeof linkAnswer> {
  const { code, landing_url, merchant_id, promoter_id, product_id, scene, content_id, talent_id } = link;
  const { shared_from, campaign_id, expires_at, made_at } = link;
  const named = { merchant_id, promoter_id, product_id, scene, content_id, talent_id, shared_from, campaign_id };
  return { code, url: urlOf(publicUrl, code), landing_url, ...named, expires_at, made_at, tracking };
}
