import t from 'tap';
import type { HostFact, RunRecord } from '../model/record.js';
import { fixtureNames, readFixture, verdictOf } from '../testing/recordings/fixtures.js';
import { createRedactor } from './host-names.js';
import { bundledPlan } from './rewrite-plan.js';
import { rewriteFact, withoutHost } from './rewrite-recording.js';

const redactor = createRedactor({ hosts: ['acme-lab7'], users: ['jdoe'], directories: ['/srv/acme'] });

t.test('every recorded run keeps its verdict without its host', async (t) => {
  for (const name of await fixtureNames()) {
    const { plan, records } = await readFixture(name);
    // Runs of a distribution are not bundled: its disk would have to come along.
    if (plan.distribution !== undefined) continue;
    const stripped = withoutHost(records, redactor);
    const [before, after] = [
      verdictOf(records, plan),
      verdictOf(stripped, bundledPlan(plan, { redactor, exactSpec: () => undefined })),
    ];
    const telling = ({ word, detail, phases, lastPhase }: typeof before) => ({
      word,
      detail,
      phases,
      lastPhase,
    });
    t.strictSame(telling(after), telling(before), name);
    const text = JSON.stringify(stripped.filter(({ kind }) => kind === 'host' || kind === 'qmp'));
    t.notMatch(text, /"pid":[1-9]|from pid [1-9]|"timestamp"/, `${name}: no process number, no date`);
  }
});

t.test('what the host wrote is rewritten, what the guest wrote stays', (t) => {
  const rewritten = (fact: HostFact) => rewriteFact(fact, redactor);
  t.strictSame(rewritten({ fact: 'qemu-started', pid: 12, host: 'ssh://jdoe@acme-lab7' }), {
    fact: 'qemu-started',
    pid: 0,
  });
  t.strictSame(rewritten({ fact: 'harness-fault', message: 'cannot open "/srv/acme/x"', stack: 'at /srv' }), {
    fact: 'harness-fault',
    message: 'cannot open "<directory>"',
  });
  t.match(rewritten({ fact: 'host-lost', host: 'acme-lab7', why: 'jdoe was refused' }), {
    host: '<host>',
    why: /left out/,
  });
  t.match(rewritten({ fact: 'proof', what: 'of acme-lab7', proved: true, saw: '/dev/x jdoe' }), {
    what: 'of <host>',
    saw: '/dev/x <user>',
  });
  const kept: HostFact = { fact: 'guest-kept', pid: 4711, forMinutes: 60, symbols: [] };
  t.strictSame(rewritten(kept), { fact: 'guest-not-kept', why: "only on the sender's host" });
  const dump = {
    fact: 'vmcore-kept',
    source: 'outside',
    file: 'vmcore',
    format: 'kdump-compressed',
  } as const;
  t.strictSame(rewritten({ ...dump, bytes: 1, pages: 1, level: 1, vmcoreinfo: true }), {
    fact: 'vmcore-not-kept',
    why: 'it is left out of the bundle',
  });
  t.strictSame(rewritten({ fact: 'vmcore-not-kept', why: "Could not open '/home/x/vmcore.part'" }), {
    fact: 'vmcore-not-kept',
    why: "Could not open '<path>'",
  });
  const log: HostFact = { fact: 'kernel-log', side: 'capture', text: 'Run /init as jdoe' };
  t.strictSame(rewritten(log), log);
  t.end();
});

t.test('QMP: threads and dates go, and commands that crashpath does not use lose their arguments', (t) => {
  const qmp = (direction: 'in' | 'out', message: Record<string, unknown>, line: number): RunRecord => ({
    kind: 'qmp',
    line,
    record: { seq: line, atMs: line, direction, message },
  });
  const cpu = { 'thread-id': 4711, 'cpu-index': 0, props: { 'thread-id': 0 }, 'qom-path': '/machine/x' };
  const stripped = withoutHost(
    [
      qmp('out', { execute: 'query-cpus-fast', id: 1 }, 0),
      qmp('in', { return: [cpu], id: 1 }, 1),
      qmp('out', { execute: 'dump-guest-memory', arguments: { protocol: 'file:/srv/acme/d' }, id: 2 }, 2),
      qmp('in', { error: { class: 'GenericError', desc: "no '/srv/acme/d' of jdoe" }, id: 2 }, 3),
      qmp('out', { execute: 'query-name', id: 3 }, 4),
      qmp('in', { return: { name: 'customer' }, id: 3 }, 5),
      qmp(
        'in',
        { event: 'SHUTDOWN', data: { guest: true, reason: 'guest-reset' }, timestamp: { seconds: 1 } },
        6,
      ),
    ],
    redactor,
  );
  t.strictSame(
    stripped.map((record) => record.kind === 'qmp' && record.record.message),
    [
      { execute: 'query-cpus-fast', id: 1 },
      { return: [{ ...cpu, 'thread-id': 0 }], id: 1 },
      { execute: 'dump-guest-memory', id: 2 },
      { error: { class: 'GenericError', desc: "no '<directory>' of <user>" }, id: 2 },
      { execute: 'query-name', id: 3 },
      { return: {}, id: 3 },
      { event: 'SHUTDOWN', data: { guest: true, reason: 'guest-reset' } },
    ],
  );
  t.end();
});
