import t from 'tap';
import { createOwnTime, suspensions } from './own-time.js';

const threads = (waited: Readonly<Record<string, number>>) =>
  Object.entries(waited).map(([thread, waitedMs]) => ({ thread, ranMs: 0, waitedMs }));

t.test("the time in which the thread that waits longest waited is not the guest's", async (t) => {
  const own = createOwnTime();
  own.hostTime(1_000, threads({ main: 100, vcpu0: 400 }));
  t.equal(own.at(1_000), 1_000, 'the first fact is no interval');
  own.hostTime(1_250, threads({ main: 110, vcpu0: 600 }));
  t.equal(own.at(1_250), 1_050);
  own.hostTime(1_500, threads({ main: 260, vcpu0: 650 }));
  t.equal(own.at(1_500), 1_150, 'another one waits longest now');
  own.hostTime(1_750, threads({ main: 260, vcpu0: 650, vcpu1: 900 }));
  t.equal(own.at(1_750), 1_400, 'a new thread has waited before it was known');
});

t.test(
  'what was not reported yet does not count, but a machine that reports no more does not stop time',
  async (t) => {
    const own = createOwnTime();
    t.equal(own.at(7_000), 7_000, "without facts the host's time is the guest's");
    own.hostTime(10_000, threads({ main: 0 }));
    t.equal(own.at(10_240), 10_000);
    own.hostTime(10_250, threads({ main: 0 }));
    t.equal(own.at(10_250), 10_250);
    t.equal(own.at(15_250), 10_250);
    t.equal(own.at(20_250), 15_250);
  },
);

t.test('never more is lost than has passed, whatever the numbers say', async (t) => {
  const own = createOwnTime();
  own.hostTime(1_000, threads({ main: 0 }));
  own.hostTime(1_100, threads({ main: 99_999 }));
  t.equal(own.at(1_100), 1_000);
  own.hostTime(1_200, threads({ main: 5 }));
  t.equal(own.at(1_200), 1_100, 'a counter that falls');
  own.hostTime(1_300, []);
  t.equal(own.at(1_300), 1_200);
});

t.test('a guest that was stopped to be examined had no time', async (t) => {
  const own = createOwnTime();
  own.stopped(300);
  t.equal(own.at(1_000), 700);
});

t.test("the time in which the host suspended the machine is not the guest's", async (t) => {
  const ran = (ranMs: number) => [
    { thread: 'main', ranMs, waitedMs: 0 },
    { thread: 'vcpu0', ranMs: 5, waitedMs: 0 },
  ];
  const still = (own: ReturnType<typeof createOwnTime>, untilMs: number) => {
    for (let atMs = 250; atMs <= untilMs; atMs += 250) own.hostTime(atMs, ran(7));
    return own.at(untilMs);
  };
  const unsampled = createOwnTime();
  t.equal(still(unsampled, 60_000), 60_000, 'an idle machine that nobody asks anything uses no CPU either');
  const short = createOwnTime();
  short.sampled();
  t.equal(still(short, 2_000), 2_000);
  const long = createOwnTime();
  long.sampled();
  t.equal(still(long, 60_000), 250);
  long.hostTime(60_250, ran(8));
  t.equal(long.at(60_250), 500, 'it runs again');
  long.hostTime(60_500, ran(8));
  t.equal(long.at(60_500), 750);
});

t.test("a time that crashpath did not see is not the guest's", async (t) => {
  const own = createOwnTime();
  own.hostTime(1_000, threads({ main: 0 }));
  own.hostTime(2_900, threads({ main: 0 }));
  t.equal(own.at(2_900), 2_900, 'late, as on a busy host');
  own.hostTime(122_900, threads({ main: 40 }));
  t.equal(own.at(122_900), 2_900);
});

t.test('how much of each interval was a suspension', async (t) => {
  const at = (atMs: number, ranMs: number) => ({ atMs, threads: [{ thread: 'main', ranMs, waitedMs: 0 }] });
  t.strictSame(suspensions([]), []);
  t.strictSame(suspensions([at(0, 1), at(900, 1), at(1_800, 1), at(2_000, 2)]), [0, 0, 0, 0], 'too short');
  t.strictSame(
    suspensions([at(0, 1), at(250, 2), at(1_250, 2), at(2_500, 2), at(2_750, 3), at(3_000, 3)]),
    [0, 0, 1_000, 1_250, 0, 0],
    'a long row counts from its beginning',
  );
  t.strictSame(suspensions([at(0, 1), at(9_000, 5)]), [0, 9_000], 'crashpath did not run');
});
