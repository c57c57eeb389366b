import t from 'tap';
import { EventLog, type QmpEvent } from './event-log.js';

function put(log: EventLog, name: string, data: unknown = {}): QmpEvent {
  return log.append({ name, data, timestamp: undefined, receivedAtMs: 0 });
}

void t.test('an event before the call counts only with since', async (t) => {
  const log = new EventLog(10);
  const mark = log.mark;
  const first = put(log, 'STOP');
  t.equal(await log.waitFor('STOP', 1000, { since: mark }), first);
  t.equal(await log.waitFor('STOP', 1000, { since: 0 }), first);
  await t.rejects(log.waitFor('STOP', 20, {}), { name: 'QmpTimeoutError' });
  await t.rejects(log.waitFor('STOP', 20, { since: log.mark }), { name: 'QmpTimeoutError' });
  const waiting = log.waitFor('STOP', 1000, {});
  put(log, 'RESUME');
  const second = put(log, 'STOP');
  t.equal(await waiting, second);
});

void t.test('the predicate chooses; when it throws, its wait fails alone', async (t) => {
  const log = new EventLog(10);
  const even = log.waitFor('E', 1000, { predicate: ({ data }) => Number(data) % 2 === 0 });
  const broken = log.waitFor('E', 1000, {
    predicate: () => {
      throw new Error('broken predicate');
    },
  });
  put(log, 'E', 1);
  const chosen = put(log, 'E', 2);
  await t.rejects(broken, { message: 'broken predicate' });
  t.equal(await even, chosen);
});

void t.test('bounded, counted, numbered on', async (t) => {
  const log = new EventLog(3);
  for (let count = 0; count < 5; count += 1) put(log, `E${count}`);
  t.strictSame(
    log.events.map(({ seq, name }) => [seq, name]),
    [
      [2, 'E2'],
      [3, 'E3'],
      [4, 'E4'],
    ],
  );
  t.equal(log.dropped, 2);
  t.equal(log.mark, 5);
  await t.rejects(log.waitFor('E0', 20, { since: 0 }), { message: /older events had been dropped/u });
});

void t.test('a deadline that no timer can keep is refused', async (t) => {
  const log = new EventLog(3);
  for (const deadlineMs of [0, -1, Number.NaN, Infinity, 2 ** 31]) {
    t.throws(() => void log.waitFor('E', deadlineMs, {}), { name: 'RangeError' });
  }
});
