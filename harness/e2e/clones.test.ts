import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readPlan } from '../store/run-directory.js';
import { crashpath, KERNELS, resultsOf } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { qemusUnder } from '../testing/processes.js';

t.test(
  'runs of one guest begin as clones, choreographies too, and are judged as those that boot',
  async (t) => {
    const directory = await scratch(t);
    const before = await readdir('/dev/shm');
    const ended = await crashpath([
      ...['run', 'ioapic-lock-held', '-k', KERNELS.six1, '--repeat', '4', '--vmcore', 'nonce', '--json'],
      ...['--out', join(directory, 'runs'), '--name', 'c', '--jobs', '1'],
    ]);
    t.equal(ended.exitCode, 0, ended.stderr);
    const results = resultsOf(ended.stdout);
    t.strictSame(
      results.map(({ verdict, clone }) => [
        verdict,
        clone && ('template' in clone ? clone.template : clone.booted),
      ]),
      [
        ['captured', 'control'],
        ['captured', 'templates/001'],
        ['captured', 'templates/001'],
        ['captured', 'templates/001'],
      ],
    );
    t.match(ended.stderr, /3 of 4 runs began as clones/);
    const nonces = new Set<string>();
    for (const result of results) {
      nonces.add((await readPlan(result.directory)).nonce);
      const judged = await crashpath(['classify', result.directory, '--json']);
      t.strictSame(resultsOf(judged.stdout)[0], result, 'the recording says the same');
    }
    t.equal(nonces.size, 4, 'each has a nonce of its own');
    t.strictSame(await qemusUnder(directory), [], 'no QEMU is left');
    t.strictSame(await readdir('/dev/shm'), before, 'no memory is left');
  },
);
