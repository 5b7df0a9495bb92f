// Appends clicks to a spool for ever, and says of each batch that it was acknowledged. To be
// killed.

import { uuidv7 } from '../../src/platform/uuid.ts';
import { openSpool } from '../../src/promotion/clicks/spool.ts';

const spool = openSpool({ dir: process.argv[2]! });

for (;;) {
  const clicks = Array.from({ length: 1 + Math.floor(Math.random() * 20) }, () => ({
    clickId: uuidv7(Date.now()),
    linkCode: 'abcdefghij',
    merchantId: 'm1',
    clickedAt: Date.now(),
    identity: null,
    bot: false,
    touches: [],
  }));
  await spool.append(clicks);
  process.stdout.write(`${clicks.map((click) => click.clickId).join('\n')}\n`);
}
