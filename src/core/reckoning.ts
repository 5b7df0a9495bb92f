// The reckoning of a line, step by step and as JSON: what finance people follow with a pocket calculator.

import type { Ppm } from './money.ts';
import type { Role } from './split.ts';

/** Why nothing is earned on an order as it stands: it is void, or it waits, or another order earns in its place. */
export type Withheld = 'void' | 'pending' | 'duplicate_order' | 'parent_earns';

type Amount = number | string;

/** What a node of the tree is given: `gross` is `share_ppm` of its payer's gross, of the merchant's the winner's part, rounded down. */
interface Granted {
  role: Role;
  level?: number;
  /** `merchant`, or the role of the node above, with its level, or its account. */
  payer: string;
  share_ppm: Ppm;
  gross: Amount;
}

/** The base of a line. `void`, `removed` and `withheld` say why it is 0 in spite of what was paid. */
interface BaseStep {
  step: 'base';
  paid: Amount;
  refunded: Amount;
  platform_commission?: Amount | null;
  void?: true;
  withheld?: Exclude<Withheld, 'void'>;
  removed?: true;
  base: Amount;
}

/** One line of the reckoning, as JSON. `net` is what a node's own part of its gross is; `amount` adds what absent parties below it left. */
export type Step =
  | BaseStep
  | { step: 'pool'; rate_ppm: Ppm; rated: Amount; fixed: Amount; limited_by: 'base' | 'cap_per_line' | null; pool: Amount }
  | { step: 'cap_per_order'; cap: Amount; pools: Amount; pool: Amount }
  | { step: 'winner'; promoter_id: string; weight_ppm: Ppm; part: Amount }
  | (Granted & { step: 'share'; promoter_id: string | null; net: Amount; amount: Amount })
  | (Granted & { step: 'absent'; account?: string; net: Amount; kept_by: string })
  | { step: 'uncharged'; amount: Amount };
