import t from 'tap';
import { guestWitness } from '../testing/fakes/witness.js';
import { checkCondition, output, read } from './guest-fact.js';
import { type MachineClaim, MachineClaimSchema as GuestFactSchema } from './proofs.js';

/** Real lines of /proc/interrupts: Debian 6.1 on QEMU's pc, with and without `noapic`. */
const IOAPIC = '  4:        712          0   IO-APIC   4-edge      ttyS0\nNMI:          0          0\n';
const PIC = '  4:        645          0    XT-PIC      ttyS0\nNMI:          0          0\n';

void t.test('a condition holds or does not, and says what decided', async (t) => {
  const withoutIoapic = { matches: 'XT-PIC', lacks: 'IO-APIC' };
  t.strictSame(checkCondition(withoutIoapic, PIC), {
    holds: true,
    saw: '4:        645          0    XT-PIC      ttyS0',
  });
  t.strictSame(checkCondition(withoutIoapic, IOAPIC), {
    holds: false,
    saw: '4:        712          0   IO-APIC   4-edge      ttyS0',
  });
  t.match(checkCondition({ matches: '^LOC:' }, PIC), { holds: false, saw: /^4:/ });
  t.strictSame(checkCondition({ equals: '0-7' }, '0-7\n'), { holds: true, saw: '0-7' });
  t.strictSame(checkCondition({ equals: '0-7' }, '0-71\n'), { holds: false, saw: '0-71' });
  t.strictSame(checkCondition({ equals: '' }, ' \n'), { holds: true, saw: '' });
});

void t.test('a flag is a word: x2apic is not apic', async (t) => {
  const flags = 'flags\t\t: fpu vme x2apic popcnt\n';
  t.equal(checkCondition({ matches: String.raw`\bapic\b` }, flags).holds, false);
  t.equal(checkCondition({ lacks: String.raw`\bx2apic\b` }, flags).holds, false);
  t.equal(checkCondition({ lacks: String.raw`\bx2apic\b` }, flags.replace('x2apic', 'apic')).holds, true);
});

void t.test('what was seen is short, and shows the match in a long line', async (t) => {
  const { saw } = checkCondition(
    { matches: 'needle' },
    `${'hay '.repeat(2000)}needle ${'hay '.repeat(2000)}`,
  );
  t.equal(saw.length, 200);
  t.match(saw, /needle/);
});

void t.test('the form: something must be asked, and a pattern must be one', async (t) => {
  t.equal(GuestFactSchema.safeParse({ read: { path: '/proc/cpuinfo' } }).success, false);
  t.equal(GuestFactSchema.safeParse({ output: { of: 'dmesg', matches: '(' } }).success, false);
  t.equal(GuestFactSchema.safeParse({ read: { path: '/proc/cpuinfo', matches: 'a' } }).success, true);
  t.equal(
    GuestFactSchema.safeParse({ read: { path: '/sys/bus/pci/devices/0000:00:00.0/device', equals: '' } })
      .success,
    true,
  );
});

/** Asks one fact of a guest that replies so. */
function prove(fact: MachineClaim, text: string, status = 0) {
  const proof = 'read' in fact ? read : output;
  return proof.beforeFiring.put(fact, guestWitness([{ status, output: text }]));
}

void t.test('the statement in words, and what was asked of the guest', async (t) => {
  t.strictSame(await prove({ read: { path: '/a', equals: '1' } }, '1\n'), {
    what: '/a = 1',
    proved: true,
    saw: '1',
  });
  t.match(await prove({ output: { of: 'cat a |\n  wc -l', matches: '1', lacks: '2' } }, '1'), {
    what: 'output of "cat a | wc -l" matches /1/ and lacks /2/',
    proved: true,
  });
  const witness = guestWitness([{ status: 0, output: '' }]);
  await read.machine.put({ read: { path: '/proc/cmdline', matches: 'x' } }, witness);
  t.strictSame(witness.scripts, ['cat /proc/cmdline']);
});

void t.test('a text that differs, and a script that fails, say what it means', async (t) => {
  const fact = { read: { path: '/a', equals: '1', otherwise: 'it is off' } };
  t.match(await prove(fact, '0\n'), { proved: false, saw: '0: it is off' });
  t.match(await prove(fact, '1\n', 1), { proved: false, saw: 'exit status 1: 1: it is off' });
});

void t.test('a reading after the watch is asked of a guest that survived it', async (t) => {
  const late = (text: string, more: readonly { status: number; output: string }[]) => {
    const asked = { output: { of: 'dmesg', matches: text, afterWatch: true } } as const;
    return output.beforeFiring.put(asked, guestWitness(more));
  };
  const question = await late('Oops', [{ status: 0, output: 'a\nOops: 0000\n' }]);
  t.ok(question !== undefined && 'lookAgain' in question, 'nothing is read before firing');
  const judged = question !== undefined && 'lookAgain' in question ? await question.lookAgain() : undefined;
  t.strictSame(judged, {
    what: 'output of "dmesg" matches /Oops/ after the watch',
    proved: true,
    saw: 'Oops: 0000',
  });
  const other = await late('Oops', [{ status: 0, output: 'quiet\n' }]);
  t.match(other !== undefined && 'lookAgain' in other && (await other.lookAgain()), { proved: false });
  t.equal(
    read.machine.put({ read: { path: '/a', equals: '1', afterWatch: true } }, guestWitness([])),
    undefined,
  );
});
