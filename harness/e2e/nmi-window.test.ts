import t, { type Test } from 'tap';
import type { RunResult } from '../model/result.js';
import { resetKind } from '../machine/qemu/reset-kind.js';
import { runMade } from '../testing/guests/run-scenario.js';

/**
 * One NMI into the panicking vCPU at `lidt` in machine_kexec(), or this many instructions later. Before that the vCPU
 * runs to the first call in machine_kexec() and steps over it.
 */
async function nmiAfterLidt(t: Test, steps: number): Promise<RunResult> {
  const thenStep = steps === 0 ? '' : `, thenStep: ${steps}, idt: "0x0/0x0"`;
  const { result, facts } = await runMade(t, [
    'guest: { cpus: 1 }',
    'trigger:',
    '  kind: choreography',
    '  steps:',
    '    - hold: { as: crasher, at: sysvec_apic_timer_interrupt }',
    '    - prove: { role: crasher, in: sysvec_apic_timer_interrupt }',
    '    - fire: { role: crasher }',
    '    - run: { as: crasher, to: { in: machine_kexec, instruction: call } }',
    '    - run: { as: crasher, to: { in: machine_kexec, instruction: call }, thenOver: call }',
    `    - run: { as: crasher, to: { in: machine_kexec, instruction: lidt }${thenStep} }`,
    '    - interrupt: { role: crasher, nmi: true }',
    '    - release: all',
    'expect: { verdict: captured }',
  ]);
  const host = facts.join('\n');
  t.match(
    host,
    /"verb":"interrupt","saw":"[^"]*machine_kexec\+0x/,
    'the NMI was sent while the vCPU was there',
  );
  const offsets = [...host.matchAll(/"verb":"run","saw":"cpu0 machine_kexec\+0x([0-9a-f]+)/g)].map(
    ([, offset = '']) => Number.parseInt(offset, 16),
  );
  const [call = Number.NaN, behind = Number.NaN] = offsets;
  // `call rel32`, or `call *rel32(%rip)` where nothing is patched.
  t.ok([5, 6].includes(behind - call), `it stood behind the call then: ${offsets.join(', ')}`);
  return result;
}

t.test('on the lidt of machine_kexec() an NMI is harmless', async (t) => {
  t.match(await nmiAfterLidt(t, 0), { verdict: 'captured', lastPhase: 'vmcore-verified' });
});

t.test('one instruction later the IDT is empty, and the machine triple-faults', async (t) => {
  const result = await nmiAfterLidt(t, 1);
  t.match(result, { verdict: 'crash-path-reset', outcome: 'unexpected' });
  t.equal(await resetKind(result.directory, result.accel), 'triple fault');
});
