import t from 'tap';
import type { HostFact } from '../model/record.js';
import type { Step } from '../trigger/choreography-steps.js';
import { obstacleIn } from './obstacle.js';

const STEPS: Step[] = [
  { stimulate: { script: 'true' } },
  { hold: { as: 'holder', at: { after: '_raw_spin_lock_irqsave', in: ['a', 'b'] } } },
  { prove: { lock: 'x_lock', held: true } },
  { prove: { role: 'holder', interrupts: 'off' } },
  { run: { as: 'crasher', to: 'nmi_shootdown_cpus' } },
  { prove: { role: 'crasher', stackHas: 'nmi_shootdown_cpus' } },
];

const failed = (what: string, saw: string): HostFact[] => [
  { fact: 'proof', what: 'symbols', proved: true, saw: '9 symbols' },
  { fact: 'proof', what, proved: false, saw },
];

t.test('what kept a run from its state', async (t) => {
  const of = (what: string, saw: string) => obstacleIn(failed(what, saw), STEPS).obstacle;
  t.strictSame(
    of(
      'the kernel has the functions and variables that the scenario names',
      'a or b: this kernel has none (inlined or renamed); nearest: aa, bb; x_lock: this kernel has none (inlined or renamed); nearest: none',
    ),
    {
      kind: 'no-symbol',
      missing: [
        { names: ['a', 'b'], nearest: ['aa', 'bb'] },
        { names: ['x_lock'], nearest: [] },
      ],
    },
  );
  t.strictSame(
    of('step 2: find the function a or b', 'this kernel has none (inlined or renamed); nearest: aa'),
    {
      kind: 'no-symbol',
      missing: [{ names: ['a', 'b'], nearest: ['aa'] }],
    },
  );
  t.strictSame(
    of(
      'step 3: find the variable x_lock',
      'x_lock is per-CPU: its symbol is an offset, not the address of a value',
    ),
    {
      kind: 'no-symbol',
      missing: [{ names: ['x_lock'], nearest: [] }],
    },
  );
  t.strictSame(
    of(
      'step 2: find the call of _raw_spin_lock_irqsave in a',
      'it is not called there; calls: _raw_spin_lock, foo.part.0',
    ),
    {
      kind: 'not-called',
      calls: ['_raw_spin_lock', 'foo.part.0'],
    },
  );
  t.strictSame(of('step 2: find the call of x in a', 'it is not called there; calls: none'), {
    kind: 'not-called',
    calls: [],
  });
  t.strictSame(
    of(
      'step 2: reach after _raw_spin_lock_irqsave in a within 30000 ms',
      'cpu0 native_safe_halt+0xb/0x10 IF=1',
    ),
    {
      kind: 'not-reached',
      role: 'holder',
    },
  );
  t.strictSame(of('step 5: reach nmi_shootdown_cpus within 30000 ms', 'cpu1 x+0x1/0x2 IF=0'), {
    kind: 'not-reached',
    role: 'crasher',
  });
  t.strictSame(of('step 3: x_lock is held', 'lock word 0x0'), { kind: 'not-proved', about: 'lock' });
  t.strictSame(of('step 4: holder has interrupts off', 'cpu0 a+0x1/0x2 IF=1'), {
    kind: 'not-proved',
    about: 'interrupts',
  });
  t.strictSame(of("step 6: crasher's stack has nmi_shootdown_cpus", '__const_udelay < x'), {
    kind: 'not-proved',
    about: 'crasher',
  });
  t.strictSame(of('the capture kernel is loaded', 'kexec_load failed'), { kind: 'other' });
  t.strictSame(obstacleIn([], STEPS), { obstacle: { kind: 'other' }, text: 'no proof failed' });
});
