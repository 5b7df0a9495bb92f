// A process of its own that says when its parent has ended, and ends then.

import { whenOrphaned } from '../../src/platform/process/parent.ts';

whenOrphaned(() => {
  process.stdout.write('orphaned\n');
  process.exit();
});
process.stdout.write('here\n');
setTimeout(() => process.exit(1), 20_000);
