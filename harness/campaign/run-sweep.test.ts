import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RunResult } from '../model/result.js';
import { RECORDING } from '../store/recorder.js';
import { rejudge } from '../store/rejudge.js';
import { writeJson } from '../store/stored-file.js';
import { pointName, traceName } from '../sweep/script.js';
import { IDT } from '../testing/builders/instruction-trace.js';
import { madePlan } from '../testing/builders/runs.js';
import { runSweep, type SweepOptions } from './run-sweep.js';

/** A crash path in five instructions, without the key for how each was executed. */
const INSTRUCTIONS = [
  { at: '0xffffffff81a01cb0', label: 'panic+0x0/0x2f4', text: 'nop', idt: IDT.full },
  { at: '0xffffffff8106b2b0', label: 'machine_kexec+0x1b3/0x200', text: 'lidt (%rsp)' },
  { at: '0xffffffff8106b2b4', label: 'machine_kexec+0x1b7/0x200', text: 'nop', idt: IDT.none },
  { at: '0x1f000000', label: 'startup_64+0x0/0x40 (identity-mapped)', text: 'nop' },
  { at: '0xffffffff83001000', label: 'x86_64_start_kernel+0x0/0x80', text: 'nop', idt: IDT.full },
] as const;

/** The directory of a sweep whose runs have all ended; `factOf` makes the recorded fact of the trace. */
async function sweepDirectory(
  t: Test,
  fact: { readonly fact: string; readonly how: string },
): Promise<string> {
  const directory = t.testdir();
  const instructions = INSTRUCTIONS.map((instruction) => ({ ...instruction, [fact.how]: 'step' }));
  const traced = { seq: 0, atMs: 1, fact: fact.fact, first: 0, instructions };
  const runs = [
    { name: traceName(1), verdict: 'captured', facts: [traced] },
    { name: pointName(0), verdict: 'captured', facts: [] },
    { name: pointName(1), verdict: 'captured', facts: [] },
    { name: pointName(2), verdict: 'crash-path-reset', facts: [] },
    { name: pointName(3), verdict: 'crash-path-reset', facts: [] },
    { name: pointName(4), verdict: 'captured', facts: [] },
  ] as const;
  for (const { name, verdict, facts } of runs) {
    const run = join(directory, `a-${name}`);
    await mkdir(run);
    await writeJson(join(run, 'plan.json'), madePlan({ cpus: 1 }));
    await writeJson(join(run, 'verdict.json'), resultOf(name, verdict));
    await writeFile(join(run, RECORDING.host), '');
    for (const each of facts) await appendFile(join(run, RECORDING.host), `${JSON.stringify(each)}\n`);
  }
  return directory;
}

function resultOf(scenario: string, verdict: RunResult['verdict']): RunResult {
  return {
    ...{
      schema: 1,
      runId: `a-${scenario}`,
      campaign: 'c',
      scenario,
      trial: 1,
      kernel: 'k',
      kernelSha256: '',
    },
    ...{ captureKernel: 'k', captureKernelSha256: '', accel: 'tcg', verdict, detail: 'made', degradedBy: [] },
    ...{ explanation: '', expected: 'captured', outcome: 'expected', lastPhase: null, phases: [] },
    ...{ evidence: [], durationMs: 1, directory: '/moved' },
  };
}

const NOTHING_IS_RUN: SweepOptions = {
  jobs: 1,
  cacheDir: undefined,
  pointsMost: 60,
  freshNonce: () => {
    throw new Error('a run was begun');
  },
};

for (const [title, fact] of [
  ['a sweep that has all its runs is resumed without a new one', { fact: 'traced', how: 'executed' }],
  ['and so is one whose recordings have the older words', { fact: 'walked', how: 'went' }],
] as const) {
  t.test(title, async (t) => {
    const directory = await sweepDirectory(t, fact);
    const sweep = await runSweep(directory, { arm: 'a', template: madePlan({ cpus: 1 }) }, NOTHING_IS_RUN);
    t.match(sweep, { kind: 'map', map: { points: 5, runs: 6, complete: true } });
    if (sweep.kind !== 'map') return;
    t.strictSame(
      sweep.map.probed.map(({ stage, nmiGate, outcome }) => [stage, nmiGate, outcome.text]),
      [
        ['crashed kernel', true, 'captured'],
        ['crashed kernel', true, 'captured'],
        ['crashed kernel', false, 'reset'],
        ['capture kernel', false, 'reset'],
        ['capture kernel', true, 'captured'],
      ],
    );
    t.match(sweep.map.windows, [{ firstExact: true, lastExact: true }]);
    const { events } = await rejudge(join(directory, `a-${traceName(1)}`));
    t.match(events, [{ type: 'host', fact: { fact: 'traced', instructions: { length: 5 } } }]);
  });
}
