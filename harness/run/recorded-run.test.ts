import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Machine, MachineFailure } from '../machine/machine.js';
import { recordedMachine } from '../machine/recorded/open.js';
import { harnessFault } from '../model/fault.js';
import type { RunPlan } from '../plan/run-plan.js';
import { rejudge } from '../store/rejudge.js';
import { readPlan } from '../store/run-directory.js';
import { fixtureNames, TESTDATA } from '../testing/recordings/fixtures.js';
import { executeRun } from './execute-run.js';

/** Runs a plan, the fixture's own unless it is changed, on the machine that the fixture recorded. */
async function rerun(
  t: Test,
  name: string,
  {
    change = (plan) => plan,
    onMachine = (machine) => machine,
  }: { change?: (plan: RunPlan) => RunPlan; onMachine?: (machine: Machine) => Machine } = {},
) {
  const fixture = join(TESTDATA, name);
  const { clock, open } = await recordedMachine(fixture);
  return executeRun(change(await readPlan(fixture)), t.testdir(), {
    open: async (_plan, place) => onMachine(await open(place)),
    clock,
  });
}

/** What a recording cannot do, by fixture: the run is void there, and says so. */
const MISSING: Readonly<Record<string, RegExp>> = {
  'captured-answering-nic': /^not proved: the machine has a network card /,
  'captured-screaming-nic': /^not proved: the machine has a network card /,
  'captured-silent-nic': /^not proved: the machine has a network card /,
  'captured-virt-on': /^not proved: the machine has a monitor that shows registers /,
  'crash-path-hang-ioapic-lock': /^not proved: the machine has a debugger /,
  'crash-path-reset-nmi': /^not proved: the machine has a debugger /,
};

/**
 * What came from outside the machine, and does not come again: crashpath was killed, or interrupted; a distribution's disk
 * was copied, and its dump read.
 */
const NOT_OF_THE_MACHINE = new Set([
  'derived-killed-after-proof',
  'derived-killed-crashpath',
  'distribution-dump-killed',
  'interrupted-in-capture',
]);

/** Recorded when this trigger asked the guest less: a recording has answers to the requests of its own time only. */
const OTHER_REQUESTS = new Set(['void-crash-point-absent']);

/** Degraded by what the machine's memory holds, which a recording has not. */
const BY_MEMORY = 'captured-vmcore-zeros';

for (const name of await fixtureNames()) {
  if (NOT_OF_THE_MACHINE.has(name) || OTHER_REQUESTS.has(name) || name === BY_MEMORY) continue;
  t.test(`${name}: prepared, crashed and followed on the recorded machine`, async (t) => {
    const { verdict, detail, quality, degradedBy, explanation } = await rerun(t, name);
    const missing = MISSING[name];
    if (missing !== undefined) {
      t.match(
        { verdict, detail, explanation },
        { verdict: 'void', detail: 'state-not-proved', explanation: missing },
      );
      return;
    }
    const { result } = await rejudge(join(TESTDATA, name));
    if (result.evidence.some(({ what }) => what === 'examination')) {
      // A recording cannot be examined again, and proves nothing.
      if (result.verdict === 'captured') {
        t.strictSame({ verdict, degradedBy }, { verdict: 'captured', degradedBy: ['unfinished-capture'] });
        t.strictSame(result.degradedBy, ['hang-after-proof']);
        return;
      }
      t.match(verdict, /-hang$|^cannot-tell$/);
      t.not(detail, result.detail);
      return;
    }
    t.strictSame(
      { verdict, detail, quality, degradedBy, explanation },
      {
        verdict: result.verdict,
        detail: result.detail,
        quality: result.quality,
        degradedBy: result.degradedBy,
        explanation: result.explanation,
      },
    );
  });
}

t.test('a machine whose memory cannot be read leaves the comparison open', async (t) => {
  const result = await rerun(t, BY_MEMORY);
  t.match(result, { verdict: 'captured', quality: 'clean', undecided: ['vmcore-compared'] });
});

t.test('a trigger that needs a debugger is void on a machine without one, and names it', async (t) => {
  const steps = [{ hold: { as: 'crasher', at: 'panic' } }, { fire: { role: 'crasher', aloneMs: 0 } }];
  const change = (plan: RunPlan): RunPlan => ({
    ...plan,
    scenario: { ...plan.scenario, trigger: { kind: 'choreography', steps } },
  });
  const result = await rerun(t, 'captured-6.1', { change });
  t.match(result, {
    verdict: 'void',
    detail: 'state-not-proved',
    explanation: 'not proved: the machine has a debugger (saw a recording has none)',
  });
});

t.test(
  'a bug ends the run as one, a failure of the host as another; both leave where they came from',
  async (t) => {
    const plan = await readPlan(join(TESTDATA, 'captured-6.1'));
    const failing = async (error: Error) => {
      const directory = t.testdir({});
      const result = await executeRun(plan, directory, { open: () => Promise.reject(error) });
      const host = await readFile(join(directory, 'host.jsonl'), 'utf8');
      return { result, host };
    };
    const bug = await failing(new TypeError('x is not a function', { cause: new Error('deeper') }));
    t.match(bug.result, {
      verdict: 'harness-error',
      detail: 'harness-fault',
      explanation: /a bug of crashpath, TypeError: x is not a function/,
    });
    t.match(bug.host, /"stack":"TypeError: x is not a function.*recorded-run\.test.*deeper/);
    const host = await failing(new MachineFailure('cannot ask QEMU: it is late', { gone: false }));
    t.equal(host.result.explanation, 'cannot ask QEMU: it is late');
  },
);

t.test(
  'a machine without a control channel is void; one that cannot be closed leaves the verdict and is recorded',
  async (t) => {
    const plan = await readPlan(join(TESTDATA, 'captured-6.1'));
    const made = (name: string, close: () => Promise<void>) =>
      executeRun(plan, t.testdir({ [name]: {} }) + `/${name}`, {
        open: async () => ({ name: 'a made machine', abilities: {}, close }),
      });
    t.match(await made('closed', async () => undefined), {
      verdict: 'void',
      explanation: 'not proved: the machine has a control channel (saw a made machine has none)',
    });
    const stuck = harnessFault('cannot kill process "7": it is still there; look at it');
    const left = await made('stuck', () => Promise.reject(stuck));
    t.match(left, { verdict: 'void', detail: 'state-not-proved' });
    const host = await readFile(join(left.directory, 'host.jsonl'), 'utf8');
    t.match(host, /"fact":"harness-fault","message":"cannot kill process .*"afterRun":true/);
    const onMachine = (machine: Machine): Machine => ({
      ...machine,
      async close() {
        await machine.close();
        throw stuck;
      },
    });
    for (const name of ['crash-path-hang-halted', 'no-crash-kernel', 'captured-6.1']) {
      const { result } = await rejudge(join(TESTDATA, name));
      const { verdict, detail } = await rerun(t, name, { onMachine });
      t.strictSame({ verdict, detail }, { verdict: result.verdict, detail: result.detail }, name);
    }
  },
);
