import { readdir, readFile, writeFile } from 'node:fs/promises';
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
    // With a random number on the console.
    const shipped = await readFile(new URL('../../scenarios/ioapic-lock-held.yaml', import.meta.url), 'utf8');
    const scenario = join(directory, 'drawing.yaml');
    const draw = 'echo drawn $(head -c 16 /dev/urandom | od -An -tx1 | tr -d " ") >/dev/kmsg';
    await writeFile(scenario, shipped.replace(/^prepare:$/m, `prepare:\n  - script: '${draw}'`));
    const ended = await crashpath([
      ...['run', scenario, '-k', KERNELS.six1, '--repeat', '4', '--vmcore', 'nonce', '--json'],
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
    const drawn = new Set<string | undefined>();
    for (const result of results) {
      const text = await readFile(join(result.directory, 'console.bin'), 'latin1');
      drawn.add(/drawn ([0-9a-f]{32})/.exec(text)?.[1]);
      nonces.add((await readPlan(result.directory)).nonce);
      const judged = await crashpath(['classify', result.directory, '--json']);
      t.strictSame(resultsOf(judged.stdout)[0], result, 'the recording says the same');
    }
    t.equal(nonces.size, 4, 'each has a nonce of its own');
    drawn.delete(undefined);
    t.equal(drawn.size, 4, 'each draws random numbers of its own');
    t.strictSame(await qemusUnder(directory), [], 'no QEMU is left');
    t.strictSame(await readdir('/dev/shm'), before, 'no memory is left');
  },
);
