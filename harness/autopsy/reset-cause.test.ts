import t from 'tap';
import { parseArmed } from '../timeline/armed.js';
import { armedReport, CAPTURE_START_RIP, CRASH_CR3, registers } from '../testing/builders/runs.js';
import { resetCause } from './reset-cause.js';

const armed = parseArmed(armedReport());
const SHOOTER = registers([{ rip: 0xffffffff81000000n }]);
/** SeaBIOS's wait of a vCPU that nobody started (QEMU 7.2.22). */
const WAITING = (cpu: number) =>
  [
    `CPU#${cpu}`,
    'EIP=000fd09a EFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0',
    'IDT=     000f61be 00000000',
    'CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000',
    '',
  ].join('\n');

const tripleFault = (registersText: string, takesFiveLevels = true) =>
  resetCause({
    reason: 'guest-reset',
    kind: 'triple fault',
    accel: 'tcg',
    registersText,
    armed,
    takesFiveLevels,
  });

void t.test('a triple fault, and who may have caused it', async (t) => {
  t.match(tripleFault(`${SHOOTER}\n${WAITING(1)}`), {
    cause: 'triple-fault',
    vcpu: 1,
    saw: 'a triple fault of vCPU 1 (vCPU 1 in firmware at 0xfd09a with an empty IDT)',
  });
  const two = tripleFault(`${SHOOTER}\n${WAITING(1)}${WAITING(2)}`);
  t.match(two, { saw: /vCPU 1 in firmware.*vCPU 2 in firmware/ });
  t.equal(two?.vcpu, undefined, 'not one alone');
});

void t.test('five-level paging in the jump is named', async (t) => {
  const jumping = registers([{ rip: CAPTURE_START_RIP, cr3: CRASH_CR3 }]);
  const five = jumping.replace(/CR4=[\da-f]+/, 'CR4=00001020');
  t.match(tripleFault(five, false), { vcpu: 0, saw: /CR4\.LA57=1/ });
  t.notMatch(tripleFault(five), { saw: /LA57/ }, 'the same kernel copes with it');
  t.notMatch(tripleFault(five.replace('00001020', '00000020'), false), { saw: /LA57/ });
});

void t.test('other ends', async (t) => {
  const end = {
    registersText: SHOOTER,
    armed,
    takesFiveLevels: true,
    accel: 'tcg' as const,
    kind: 'other reset' as const,
  };
  t.match(resetCause({ ...end, reason: 'guest-reset' }), { cause: 'other-reset', saw: /no triple fault/ });
  t.match(resetCause({ ...end, reason: 'guest-shutdown' }), { cause: 'power-off' });
  t.match(resetCause({ ...end, reason: 'guest-reset', accel: 'kvm', kind: undefined }), {
    saw: /under KVM/,
  });
  t.equal(resetCause({ ...end, reason: 'guest-reset', kind: undefined }), undefined, 'no log');
});

/** A vCPU at the reset vector, as KVM leaves it after INIT (measured under kvm_amd, QEMU 7.2). */
const AT_RESET = (cpu: number) =>
  [
    `CPU#${cpu}`,
    'EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0',
    'IDT=     00000000 0000ffff',
    'CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000',
    '',
  ].join('\n');

void t.test('KVM re-initialises the vCPU of a triple fault on AMD: its last sample says where', async (t) => {
  const jumping = registers([{ rip: CAPTURE_START_RIP, cr3: CRASH_CR3 }]);
  const end = { armed, takesFiveLevels: true, accel: 'kvm', reason: 'guest-reset', kind: undefined } as const;
  const cause = resetCause({ ...end, registersText: AT_RESET(0), sampleBefore: jumping });
  t.match(cause, {
    cause: 'triple-fault',
    vcpu: 0,
    saw: `a triple fault: KVM has re-initialised vCPU 0, last seen in capture-start at 0x${CAPTURE_START_RIP.toString(16)}`,
  });
  const unknown = { cause: 'other-reset', saw: /does not tell them apart/ };
  t.match(resetCause({ ...end, registersText: jumping, sampleBefore: jumping }), unknown, 'as on Intel');
  t.match(resetCause({ ...end, registersText: AT_RESET(0) }), unknown, 'no sample');
  const beside = (before: string, after: string) =>
    resetCause({ ...end, registersText: `${jumping}\n${after}`, sampleBefore: `${jumping}\n${before}` });
  t.match(beside(AT_RESET(1), AT_RESET(1)), unknown, 'a vCPU that was never started');
  t.match(beside(WAITING(1), AT_RESET(1)), unknown, 'nor by the kernel');
  const second = SHOOTER.replace('CPU#0', 'CPU#1');
  t.match(beside(second, AT_RESET(1)), { cause: 'triple-fault', vcpu: 1 });
  const capture = registers([{ rip: 0xffffffff81000000n, cr3: CRASH_CR3 }]);
  const starting = { registersText: `${capture}\n${AT_RESET(1)}`, sampleBefore: `${capture}\n${second}` };
  t.match(resetCause({ ...end, ...starting }), unknown, 'the capture kernel starts its CPUs with INIT');
  t.match(resetCause({ ...end, ...starting, accel: 'tcg', kind: 'other reset' }), { saw: /no triple fault/ });
});
