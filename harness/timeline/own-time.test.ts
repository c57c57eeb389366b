import t from 'tap';
import { createOwnTime } from './own-time.js';

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
