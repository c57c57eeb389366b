import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { STACKS } from '../testing/builders/proposals.js';
import { qemusUnder } from '../testing/processes.js';

const Tried = z.object({
  relation: z.object({ lock: z.string() }),
  kernels: z.array(
    z.object({ ended: z.string(), tries: z.array(z.object({ outcome: z.string() }).loose()) }),
  ),
  scenario: z.null(),
  directory: z.string(),
});

t.test(
  "the thread's mail, tried on a stock kernel: the state is reached, and the kernel is captured",
  async (t) => {
    const out = await scratch(t);
    const ended = await crashpath(
      [
        ...['propose', join(STACKS, 'mail-arrows.txt'), '--try', '-k', KERNELS.six1],
        ...['--tries', '1', '--vmcore', 'nonce', '--out', join(out, 'runs'), '--json'],
      ],
      {},
    );
    t.equal(ended.exitCode, 1, ended.stderr);
    const tried = Tried.parse(JSON.parse(ended.stdout));
    t.match(tried, {
      relation: { lock: 'ioapic_lock' },
      kernels: [
        { ended: 'tries', tries: [{ variation: 'as drafted', verdict: 'captured', outcome: 'other-end' }] },
      ],
    });
    t.match(
      await readFile(join(tried.directory, 'draft.yaml'), 'utf8'),
      /^name: proposed-ioapic-lock-held$/m,
    );
    t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
  },
);
