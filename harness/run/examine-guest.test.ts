import t from 'tap';
import { SteppedClock } from '../machine/recorded/clock.js';
import type { Debugger } from '../machine/debugger.js';
import { harnessFault } from '../model/fault.js';
import {
  CAPTURE_START_RIP,
  CRASH_CR3,
  MadeRun,
  madePlan,
  type MadeVcpu,
  PARKED,
  PURGATORY_RIP,
  registers,
} from '../testing/builders/runs.js';
import { memoryRecorder } from '../testing/fakes/recorder.js';
import { stillDebugger } from '../testing/fakes/still-debugger.js';
import { stillMachine } from '../testing/fakes/still-machine.js';
import { examineSuspicions } from './examine-guest.js';
import { Guest } from './guest.js';
import { RunWatch } from './run-watch.js';

// What a run loads late is there: an examination is given 50 ms below.
await import('../autopsy/examine.js');

const SPINNING: MadeVcpu = { rip: 0xffffffff81234000n };
const PANIC = '[    4.624082] Kernel panic - not syncing: sysrq triggered crash\n';

/** A guest that has panicked, on a machine whose vCPU 0 executes `code` for ever. */
function panicked(
  code: string,
  connect?: (gdb: Debugger) => Promise<Debugger>,
  held: readonly number[] = [],
  runs: MadeVcpu = SPINNING,
) {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits: madePlan().limits, clock });
  const vcpus = [runs, PARKED] as const;
  const { gdb, did } = stillDebugger(vcpus, code);
  const machine = stillMachine(vcpus, { connect: () => connect?.(gdb) ?? Promise.resolve(gdb) });
  // Where the crash kernel lies.
  for (const record of new MadeRun().arm().records)
    if (record.kind === 'chunk') watch.bytes(record.channel, record.bytes);
  watch.bytes('control', Buffer.from('CP1 {"ev":"firing","id":3}\n'));
  watch.bytes('console', Buffer.from(PANIC));
  const guest = new Guest(machine, watch);
  guest.held = new Set(held);
  const stop = examineSuspicions(guest, {
    memory: { memoryMiB: 768, type: 'pc' },
    hasBusMaster: false,
    accel: 'tcg',
    known: { prepare: async () => undefined, of: async () => undefined, sameImage: true },
    session: undefined,
  });
  const stand = async (samples: number) => {
    for (let count = 0; count < samples; count += 1) {
      clock.forwardTo(clock.nowMs() + 150);
      watch.sample(registers(vcpus));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // An examination takes many turns of the event loop. On a busy host a few of them take 50 ms.
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let turn = 0; turn < 500; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const examinations = () =>
    watch.events.flatMap((event) =>
      event.type === 'host' && event.fact.fact === 'examination' ? [event.fact.finding] : [],
    );
  return { watch, did, stop, stand, examinations, clock };
}

void t.test('a proof ends the run, and the machine is left stopped', async (t) => {
  const { watch, did, stop, stand, examinations } = panicked('ebfe');
  await stand(16);
  t.strictSame(examinations(), ['hung']);
  t.match(watch.events.at(-1), { type: 'hang', shape: 'spin' });
  t.notOk(did.includes('continue'));
  await stand(8);
  t.equal(watch.ended, 'hang');
  await stop();
});

void t.test(
  'a vCPU in the decompressor or the digest is given five seconds before it is examined',
  async (t) => {
    for (const rip of [CAPTURE_START_RIP, PURGATORY_RIP]) {
      const { stop, stand, examinations, watch } = panicked('ebfe', undefined, [], { rip, cr3: CRASH_CR3 });
      await stand(16);
      t.ok(
        watch.events.some(({ type }) => type === 'suspected-hang'),
        'suspected after 2 s',
      );
      t.strictSame(examinations(), []);
      await stand(28);
      t.strictSame(examinations(), ['hung'], 'and after 6 s');
      await stop();
    }
  },
);

void t.test('a guest that is alive continues, and is examined again later', async (t) => {
  const { watch, did, stop, stand, examinations } = panicked('0f31ebfc');
  await stand(16);
  t.strictSame(examinations(), ['waiting']);
  t.equal(did.at(-1), 'continue');
  await stand(32);
  t.strictSame(examinations(), ['waiting', 'waiting']);
  t.equal(watch.ended, undefined);
  await stop();
  await stand(64);
  t.equal(examinations().length, 2, 'stopped');
});

void t.test('the guest runs for as long as an examination took before the next one', async (t) => {
  const slow = { forMs: 0, clock: undefined as SteppedClock | undefined };
  const { stop, stand, examinations, clock } = panicked('0f31ebfc', async (gdb) => ({
    ...gdb,
    interrupt: async () => {
      slow.clock?.forwardTo(slow.clock.nowMs() + slow.forMs);
      slow.forMs = 0;
      return gdb.interrupt();
    },
  }));
  slow.clock = clock;
  slow.forMs = 20_000;
  await stand(16);
  t.equal(examinations().length, 1);
  await stand(100);
  t.equal(examinations().length, 1, 'suspected again after 4 s');
  await stand(200);
  t.equal(examinations().length, 2);
  await stop();
});

void t.test('a vCPU that a choreography holds stays so after an examination', async (t) => {
  const { did, stop, stand, examinations } = panicked('0f31ebfc', undefined, [1]);
  await stand(16);
  t.strictSame(examinations(), ['waiting']);
  t.equal(did.at(-1), 'continue 0');
  t.notOk(did.includes('continue'));
  await stop();
});

void t.test('a debugger that does not answer in time is tried again', async (t) => {
  let tries = 0;
  const { stop, stand, examinations, watch } = panicked('ebfe', async (gdb) => {
    tries += 1;
    if (tries === 1) throw harnessFault('cannot connect to gdbstub: late');
    return gdb;
  });
  await stand(16);
  t.strictSame(examinations(), []);
  t.equal(watch.ended, undefined, 'that is no fault of the run');
  await stand(32);
  t.strictSame(examinations(), ['hung']);
  await stop();
});

void t.test(
  'a guest that does not continue is tried again, and is a fault of the harness then',
  async (t) => {
    const failing = (times: number) => {
      let left = times;
      return panicked('0f31ebfc', async (gdb) => ({
        ...gdb,
        continueAll: async () => {
          left -= 1;
          if (left >= 0) throw harnessFault('continue did not end in time');
          await gdb.continueAll();
        },
      }));
    };
    const once = failing(1);
    await once.stand(16);
    t.equal(once.did.at(-1), 'continue');
    t.equal(once.watch.ended, undefined);
    await once.stop();
    const always = failing(9);
    await always.stand(16);
    t.equal(always.watch.ended, 'harness-fault');
    t.match(always.watch.events.at(-1), {
      fact: { message: /^cannot let the guest continue: continue did/ },
    });
    await always.stop();
  },
);

void t.test('samples and stops of a machine under examination are not recorded', async (t) => {
  const { watch, stop } = panicked('ebfe');
  const before = watch.events.length;
  const release = watch.holdSamples();
  for (let count = 0; count < 100; count += 1) watch.sample(registers([PARKED, PARKED]));
  release();
  t.equal(watch.events.length, before);
  watch.end('done');
  await stop();
});
