import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';
import { NightVerdictsSchema } from '../model/night-verdict.js';
import { readResult } from '../store/run-directory.js';
import { makeBzImage } from '../testing/builders/kernels.js';
import { scratch } from '../testing/files.js';
import { seededRandom } from '../testing/randomness.js';

const PROCESS = fileURLToPath(new URL('../testing/night-process.js', import.meta.url));
const KILLS = 10;

t.test('a night that is killed ten times ends complete, and nothing is run twice', async (t) => {
  const root = await scratch(t);
  await mkdir(join(root, 'builds'));
  await writeFile(join(root, 'builds/bzImage'), makeBzImage({ release: '6.1.0-killed' }));
  const file = join(root, 'night.yaml');
  await writeFile(
    file,
    `version: 1
name: killed
kernels: [{ directory: ./builds }]
campaign: { scenarios: [sysrq-task, ioapic-lock-held], repeat: 15 }
budget: 6h
`,
  );
  const out = join(root, 'runs');
  const random = seededRandom(9);
  const begin = () =>
    execa('env', ['-u', 'NODE_OPTIONS', process.execPath, PROCESS, file, out, join(root, 'cache')], {
      reject: false,
      buffer: { stdout: false },
    });
  for (let kill = 0; kill < KILLS; kill += 1) {
    const running = begin();
    // The first, second or third run is under way or has just ended: anywhere in its 60 ms and in what follows them.
    let said = '';
    await new Promise<void>((resolve) => {
      running.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split(': starting').length > 1 + (kill % 3)) resolve();
      });
      void running.then(() => resolve());
    });
    await new Promise((resolve) => setTimeout(resolve, random.below(140)));
    running.kill('SIGKILL');
    const { signal } = await running;
    t.equal(signal, 'SIGKILL', 'it had not ended');
  }
  const last = await begin();
  t.equal(last.exitCode, 0, 'it ends');
  const nights = (await readdir(join(out, 'nights'))).filter((name) => /^\d{4}-/.test(name));
  t.equal(nights.length, 1, 'one night');
  const night = join(out, 'nights', nights[0] ?? '');
  const verdicts = NightVerdictsSchema.parse(
    JSON.parse(await readFile(join(night, 'verdicts.json'), 'utf8')),
  );
  t.strictSame(
    verdicts.cells.map(({ tally }) => tally.trials),
    [15, 15],
  );
  const runs = (await readdir(join(night, 'campaign'), { withFileTypes: true })).filter((one) =>
    one.isDirectory(),
  );
  const ended: string[] = [];
  for (const { name } of runs) {
    const result = await readResult(join(night, 'campaign', name));
    if (result !== undefined) ended.push(name.replace(/\.\d+$/, ''));
  }
  t.equal(new Set(ended).size, ended.length, 'nothing ended twice');
  t.equal(ended.length, 3 + 30 + 3);
  t.ok(runs.length <= ended.length + KILLS, `${runs.length - ended.length} runs were cut off`);
});
