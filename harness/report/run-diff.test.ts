import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { HostFact } from '../model/record.js';
import { rejudge } from '../store/rejudge.js';
import { readFixture, TESTDATA } from '../testing/recordings/fixtures.js';
import { HOSTILE } from '../testing/recordings/reported-run.js';
import { type ComparedRun, diffConsoles, diffRuns } from './run-diff.js';
import { RunDiffSchema, runDiffObject } from './run-diff-json.js';
import { runDiffText } from './run-diff-text.js';

async function recorded(name: string): Promise<ComparedRun> {
  const { plan, records } = await readFixture(name);
  const { result } = await rejudge(join(TESTDATA, name));
  const facts = records.flatMap((record) => (record.kind === 'host' ? [record.record] : []));
  return { plan, result, facts, consoleBytes: readFileSync(join(TESTDATA, name, 'console.bin')) };
}

/** The run with other lines on its console. */
function saying(run: ComparedRun, change: (lines: string[]) => string[]): ComparedRun {
  const lines = change(run.consoleBytes.toString('latin1').split('\r\n'));
  return { ...run, consoleBytes: Buffer.from(lines.join('\r\n'), 'latin1') };
}

const TEXT = { color: false, full: false, left: 'one', right: 'other' };

t.test('a run and itself', async (t) => {
  const run = await recorded('captured-6.1');
  const diff = diffRuns(run, run);
  t.match(diff, {
    same: true,
    plan: [],
    verdict: [],
    state: [],
    console: { hunks: [], moved: 0, incidental: 0 },
  });
  t.match(runDiffText(diff, TEXT), /the runs differ in nothing but times$/);
});

t.test('the same with other times, addresses, names and another order', async (t) => {
  const run = await recorded('captured-6.1');
  const other = saying(
    {
      ...run,
      plan: {
        ...run.plan,
        runId: 'r2',
        campaign: 'c2',
        trial: 2,
        nonce: 'cp-0123456789abcdef',
        qemu: {
          ...run.plan.qemu,
          args: run.plan.qemu.args.map((word) =>
            word
              .replace(`crashpath-${run.plan.runId}`, 'crashpath-r2')
              .replaceAll(run.plan.nonce, 'cp-0123456789abcdef'),
          ),
        },
      },
    },
    (lines) => {
      const later = lines.map((line) =>
        line
          .replace(/^\[ *\d+\.\d+/, (time) => `[${(Number(time.slice(1)) + 1.5).toFixed(6).padStart(12)}`)
          .replace(/0x[0-9a-f]{12,}/g, '0xffffffffdeadbeef')
          .replaceAll(run.plan.nonce, 'cp-0123456789abcdef'),
      );
      const at = later.findIndex((line) => line.includes('Zone ranges'));
      return [...later.slice(0, at), later[at + 5] ?? '', ...later.slice(at, at + 5), ...later.slice(at + 6)];
    },
  );
  const diff = diffRuns(run, other);
  t.strictSame(diff.console.hunks, []);
  t.match(diff, { same: true, plan: [], verdict: [], console: { moved: 1 } });
  t.match(
    runDiffText(diff, TEXT),
    /console: 1 line in another order\n\nthe runs differ in nothing but times and chance$/,
  );
});

t.test('a captured and a hung run', async (t) => {
  const diff = diffRuns(await recorded('captured-6.1'), await recorded('crash-path-hang-spin'));
  t.equal(diff.same, false);
  t.match(
    diff.plan.find(({ name }) => name === 'append'),
    { left: undefined, right: 'nokaslr' },
    'of a command line the words that differ',
  );
  t.match(diff.verdict[0], { name: 'verdict', left: /^captured: /, right: 'crash-path-hang: spin' });
  t.match(
    diff.phases.filter(({ differs }) => differs).map(({ phase }) => phase),
    [
      'irqchips-quiesced',
      'kexec-jump',
      'purgatory',
      'capture-banner',
      'capture-userspace',
      'vmcore-verified',
    ],
  );
  t.match(diff.state, [{ name: 'interrupt controllers' }, { name: 'examination', right: 'hung: spin' }]);
  // The boot of one kernel on two days differs in the command line; then comes all of the capture kernel.
  const [line, again, capture, ...more] = diff.console.hunks;
  t.strictSame(more, []);
  t.match([line?.left.length, line?.right.length, again?.left.length], [1, 1, 1]);
  t.match(capture?.after?.text, /<\/TASK>/);
  t.match(capture?.left[0]?.text, /Linux version/);
  t.equal(capture?.right.length, 0);
  const text = runDiffText(diff, TEXT);
  t.match(text, /^! kexec-jump +8\.853 +-$/m);
  t.match(
    text,
    /^- \[ +0\.000000\] Linux version .*\n(- .*\n){7}- \.\.\. \d+ more lines; --full shows them\n(- .*\n?){4}$/m,
  );
  t.notMatch(runDiffText(diff, { ...TEXT, full: true }), /more lines/);
});

t.test('one line more, one less, one of chance', async (t) => {
  const run = await recorded('captured-6.1');
  const other = saying(run, (lines) => [
    ...lines.filter((line) => !line.includes('Run /init')).slice(0, 100),
    '[    1.000000] tsc: Fast TSC calibration failed',
    '[    1.000000] BUG: scheduling while atomic',
    ...lines.filter((line) => !line.includes('Run /init')).slice(100),
  ]);
  const { console, same } = diffRuns(run, other);
  t.equal(same, false);
  t.equal(console.incidental, 1);
  t.match(console.hunks[0]?.right, [{ text: '[    1.000000] BUG: scheduling while atomic' }]);
  t.match(
    console.hunks.slice(1).flatMap(({ left }) => left),
    [{ text: /Run \/init/ }, { text: /Run \/init/ }],
  );
});

t.test('where the guest ended', async (t) => {
  const run = await recorded('captured-6.1');
  const place = (rip: string, where: string): HostFact => ({
    fact: 'last-place',
    vcpu: 0,
    place: 'first-kernel',
    rip,
    halted: false,
    interruptsOn: false,
    where,
  });
  const ended = (...facts: HostFact[]) => ({ ...run, facts: [...run.facts, ...facts] });
  const same = diffRuns(
    ended(place('ffffffff81000000', 'f+0x1/0x2')),
    ended(place('ffffffff9f000000', 'f+0x1/0x2')),
  );
  t.strictSame(same.state, [], 'an address is not a place');
  const differs = diffRuns(
    ended(place('0', 'f+0x1/0x2')),
    ended(place('0', 'g+0x1/0x2'), { fact: 'panic-cpu', cpu: 1 }),
  );
  t.match(differs.state, [
    { name: 'cpu0 at the end', left: 'first-kernel in f+0x1/0x2, interrupts off', right: /in g/ },
    { name: 'panic_cpu', left: undefined, right: '1' },
  ]);
});

t.test('floods are compared in bounded time', async (t) => {
  const run = await recorded('captured-6.1');
  const flood = (word: string) =>
    saying(run, () => Array.from({ length: 60_000 }, (_, index) => `${word} ${index % 9000}`));
  const diff = diffConsoles(flood('a'), flood('b'));
  t.equal(diff.isSummary, true);
  t.equal(diff.leftLines, 50_000);
  t.equal(diff.hunks[0]?.left.length, 9000, 'each line once');
});

t.test('behind the lines that are compared one by one it is known whether something differs', async (t) => {
  const run = await recorded('captured-6.1');
  const flood = (last: string) =>
    saying(run, () => [...Array.from({ length: 60_000 }, () => 'the same'), `[   12.5] ${last}`]);
  const same = diffRuns(flood('x'), flood('x'));
  t.match(same, { same: true, console: { unshown: { left: 10_001, right: 10_001, differ: false } } });
  t.match(runDiffText(same, TEXT), /behind the first 50000 lines nothing differs/);
  const differs = diffRuns(flood('BUG: x'), flood('BUG: y'));
  t.match(differs, { same: false, console: { hunks: [], unshown: { differ: true } } });
  t.match(runDiffText(differs, TEXT), /behind the first 50000 lines they differ, 10001 and 10001 lines/);
});

t.test('what a guest printed is printed harmlessly', async (t) => {
  const run = await recorded('captured-6.1');
  const other = saying({ ...run, plan: { ...run.plan, append: HOSTILE } }, (lines) => [...lines, HOSTILE]);
  const diff = diffRuns(run, other);
  // eslint-disable-next-line no-control-regex -- control characters are the point
  t.notMatch(runDiffText(diff, TEXT), /[^\n\x20-\x7e]/);
  const object = RunDiffSchema.parse(JSON.parse(JSON.stringify(runDiffObject(diff, TEXT))));
  t.equal(object.same, false);
  t.notMatch(JSON.stringify(object.console), /\\u/);
});
