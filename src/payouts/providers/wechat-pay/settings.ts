// What is stated of a merchant number at WeChat Pay, beside its secrets.

import { z } from 'zod';

import { CERTIFICATE_SERIAL } from './signing.ts';

/** WeChat pays no less, in fen (pay.weixin.qq.com/doc/v3/merchant/4013778940). */
const MINIMUM_FEN = 10;
const REMARK_CHARACTERS_MAX = 32;
const INFOS_MAX = 10;

/** Characters as WeChat counts them: a Chinese one is one. */
const upTo = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .refine((text) => Array.from(text).length <= most, { error: `must have at most ${most} characters` });

const fen = z.int().min(MINIMUM_FEN);

export const settings = z
  .strictObject({
    mch_id: z.string().regex(/^\d{1,32}$/, 'must be the digits of the merchant number'),
    appid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,32}$/)
      .meta({ description: 'Bound to the merchant number; payees are known by their openids of it.' }),
    merchant_serial_no: z
      .string()
      .toUpperCase()
      .regex(CERTIFICATE_SERIAL, 'must be the hexadecimal serial of the merchant’s certificate')
      .meta({ description: 'Serial of the merchant’s own certificate, whose private key signs.' }),
    // WeChat publishes no table of scenes; the merchant platform shows those that were granted.
    transfer_scene_id: z.string().regex(/^[A-Za-z0-9]{1,36}$/),
    transfer_scene_report_infos: z
      .array(z.strictObject({ info_type: upTo(15), info_content: upTo(32) }))
      .min(1)
      .max(INFOS_MAX)
      .meta({ description: 'All that the scene asks for: for 1005 (佣金报酬) 岗位类型 and 报酬说明.' }),
    transfer_remark: upTo(REMARK_CHARACTERS_MAX).meta({ description: 'Shown to the payee.' }),
    user_recv_perception: upTo(64).optional().meta({ description: 'How the payee sees the money named; of the scene’s own list.' }),
    minimum: fen.default(MINIMUM_FEN).meta({ description: 'Least amount of one payment, in fen.' }),
    maximum: fen.nullable().default(null).meta({ description: 'Greatest amount of one payment, in fen, as granted to the merchant.' }),
    notify_url: z
      .url({ protocol: /^https$/ })
      .max(256)
      .refine((url) => !/[?#]/.test(url), { error: 'must have no query' })
      .optional()
      .meta({ description: 'Where WeChat tells the end, if not at this server’s public address.' }),
  })
  .refine(({ minimum, maximum }) => maximum === null || maximum >= minimum, { path: ['maximum'], error: 'must not be below the minimum' });

type Settings = z.output<typeof settings>;

export const settingsOf = (options: Readonly<Record<string, unknown>>): Settings => settings.parse(options);
