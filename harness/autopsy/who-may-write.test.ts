import t from 'tap';
import { armedReport } from '../testing/builders/runs.js';
import { parseArmed } from '../timeline/armed.js';
import { cannotChange } from './who-may-write.js';

const RIP = 0xffffffff81234000n;

void t.test('what a vCPU that runs cannot change', async (t) => {
  const armed = parseArmed(armedReport());
  const inside = armed?.ranges[0]?.first ?? 0n;
  const read = { address: RIP, length: 4, physical: 0x1000n };
  const lock = { place: 'first-kernel', stack: ['native_queued_spin_lock_slowpath', 'panic'] } as const;
  const idle = {
    vcpu: 1,
    state: 'asleep',
    place: 'first-kernel',
    stack: ['native_safe_halt', 'default_idle', 'do_idle', 'cpu_startup_entry'],
  } as const;
  t.match(cannotChange(read, lock, { by: idle, armed }), /vCPU 1 is idle, and holds no spin lock/);
  t.match(cannotChange(read, lock, { by: { ...idle, place: 'user', stack: [] }, armed }), /runs a program/);
  for (const stack of [['mutex_spin_on_owner', 'panic'], ['csd_lock_wait'], []])
    t.equal(cannotChange(read, { ...lock, stack }, { by: idle, armed }), undefined, String(stack));
  const handler = ['serial8250_interrupt', 'asm_common_interrupt', ...idle.stack];
  t.equal(cannotChange(read, lock, { by: { ...idle, stack: handler }, armed }), undefined, 'it may hold it');
  t.equal(cannotChange(read, lock, { by: { ...idle, state: 'running' }, armed }), undefined);
  const polls = { ...idle, state: 'running' as const, stack: ['cpu_idle_poll', 'do_idle'] };
  t.match(cannotChange(read, lock, { by: polls, armed }), /is idle/, 'idle=poll');
  const capture = { place: 'capture-kernel', stack: [] } as const;
  t.match(cannotChange({ ...read, physical: inside }, capture, { by: idle, armed }), /the crashed kernel/);
  t.equal(cannotChange(read, capture, { by: idle, armed }), undefined, 'outside of the reservation');
  const second = { ...idle, place: 'capture-kernel' } as const;
  t.equal(cannotChange({ ...read, physical: inside }, capture, { by: second, armed }), undefined);
  const boot = { ...lock, place: 'capture-kernel' } as const;
  t.match(cannotChange(read, boot, { by: second, armed }), /vCPU 1 is idle/, 'both in the capture kernel');
  t.equal(cannotChange(read, boot, { by: idle, armed }), undefined, 'one in the crashed kernel');
  t.equal(
    cannotChange(read, boot, { by: { ...second, place: 'user', stack: [] }, armed }),
    undefined,
    "a program of the crashed kernel's",
  );
});
