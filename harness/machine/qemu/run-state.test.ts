import t from 'tap';
import type { HostFact } from '../../model/record.js';
import { watchRunState } from './run-state.js';

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
      message: 'QEMU stopped the guest: internal-error; it said: KVM internal error. Suberror: 3',
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
