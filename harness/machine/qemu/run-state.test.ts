import t from 'tap';
import type { HostFact } from '../../model/record.js';
import { watchRunState, whoseFault } from './run-state.js';

/** A QMP client that reports these states, one for each query, with the log of the watch. */
function made(...states: (string | Error)[]) {
  const facts: HostFact[] = [];
  let listener: (event: { name: string }) => void = () => undefined;
  let asked = 0;
  const end = watchRunState(
    {
      onEvent(wanted) {
        listener = wanted;
        return () => {
          listener = () => undefined;
        };
      },
      async execute() {
        const state = states[asked] ?? 'running';
        asked += 1;
        if (state instanceof Error) throw state;
        return { status: state };
      },
    },
    { log: { fact: (fact) => facts.push(fact) }, stderrTail: () => 'KVM internal error. Suberror: 3\n' },
  );
  const send = async (...names: string[]) => {
    for (const name of names) listener({ name });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { facts, send, end, asked: () => asked };
}

void t.test('a guest that QEMU gave up is a fault of the harness', async (t) => {
  const guest = made('internal-error');
  await guest.send('STOP');
  t.strictSame(guest.facts, [
    {
      fact: 'harness-fault',
      message:
        'QEMU stopped the guest: internal-error; KVM internal error, suberror 3: an exit while it delivered an event',
    },
  ]);
});

void t.test('one that stops while the state is asked for is asked for again', async (t) => {
  const guest = made('debug', 'internal-error');
  await guest.send('STOP', 'STOP', 'STOP');
  t.equal(guest.asked(), 2);
  t.match(guest.facts, [{ fact: 'harness-fault' }]);
});

void t.test('a stop by a debugger, a pause and a shutdown are none', async (t) => {
  const guest = made('debug', 'paused', 'shutdown', new Error('QEMU is gone'));
  for (let i = 0; i < 4; i++) await guest.send('STOP');
  await guest.send('RESUME', 'RESET', 'SHUTDOWN');
  t.equal(guest.asked(), 4, 'only a STOP is followed by a query');
  t.strictSame(guest.facts, []);
  guest.end();
  await guest.send('STOP');
  t.equal(guest.asked(), 4, 'the watch has ended');
});

/** What QEMU 7.2 prints, by its source: kvm_handle_internal_error(), then the registers of the vCPU. */
const REPORT = (suberror: number, code: string) =>
  [
    `KVM internal error. Suberror: ${suberror}`,
    ...(suberror === 1 ? ['emulation failure'] : ['extra data[0]: 0x00000000000000ec']),
    'RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000',
    'RIP=00000000deadbee0 RFL=00010046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0',
    `Code=${code}`,
    '',
  ].join('\n');

void t.test('whose fault it is that QEMU gave a guest up', async (t) => {
  t.match(whoseFault(REPORT(1, '?? ?? ?? <??> ?? ??')), {
    whose: 'guest',
    why: 'KVM internal error, suberror 1: an instruction that it cannot emulate at 0xdeadbee0, where no memory is',
  });
  t.match(whoseFault(REPORT(1, '90 90 <c5> f8 ??')), {
    whose: 'unknown',
    why: /cannot emulate at 0xdeadbee0$/,
  });
  for (const suberror of [2, 3, 4])
    t.match(whoseFault(REPORT(suberror, '?? <??>')), { whose: 'host' }, `suberror ${suberror}`);
  t.match(whoseFault(REPORT(9, '90')), { whose: 'unknown', why: /not known/ });
  t.match(
    whoseFault('KVM: entry failed, hardware error 0x80000021\n\nIf you are running a guest on an Intel\n'),
    {
      whose: 'host',
      why: 'it said: KVM: entry failed, hardware error 0x80000021',
    },
  );
  t.match(whoseFault('error: kvm run failed Bad address\n'), { whose: 'host' });
  t.strictSame(whoseFault(''), { whose: 'unknown', why: 'it said nothing' });
  t.strictSame(whoseFault('warning: x\n'), { whose: 'unknown', why: 'it said: warning: x' });
});

void t.test('a guest that was given up without proof is no fault of the harness', async (t) => {
  const facts: HostFact[] = [];
  let listener: (event: { name: string }) => void = () => undefined;
  watchRunState(
    {
      onEvent(wanted) {
        listener = wanted;
        return () => undefined;
      },
      execute: async () => ({ status: 'internal-error' }),
    },
    { log: { fact: (fact) => facts.push(fact) }, stderrTail: () => REPORT(1, '<??>') },
  );
  listener({ name: 'STOP' });
  await new Promise((resolve) => setImmediate(resolve));
  t.match(facts, [{ fact: 'given-up', state: 'internal-error', whose: 'guest' }]);
});
