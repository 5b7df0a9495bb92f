// All kinds of providers that there are.

import { file } from './file/file.ts';
import { manual } from './manual.ts';
import type { ProviderKind } from './provider.ts';
import { wechatPay } from './wechat-pay/wechat-pay.ts';

export const PROVIDER_KINDS: readonly ProviderKind[] = [manual, file, wechatPay];

export function kindOf(name: string): ProviderKind {
  const kind = PROVIDER_KINDS.find((one) => one.kind === name);
  if (kind === undefined) throw new Error(`broken law: ${name} is a kind of provider`);
  return kind;
}
