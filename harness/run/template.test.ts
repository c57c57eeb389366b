import t from 'tap';
import { executeRun } from './execute-run.js';
import { failedAsClone, makeTemplate } from './template.js';
import { HOST_CLOCK } from '../host/clock.js';
import { type Machine, MachineFailure, type MachineLog } from '../machine/machine.js';
import type { RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { readRecording } from '../store/read-recording.js';
import { madePlan } from '../testing/builders/runs.js';
import { madeMachines } from '../testing/fakes/template-machine.js';

const BOOT_MS = 5_000;

/** A clock on which each question takes a second. */
function slowClock(stepMs: number) {
  let nowMs = 0;
  return {
    nowMs: () => {
      nowMs += stepMs;
      return nowMs;
    },
    after: (forMs: number, act: () => void) => HOST_CLOCK.after(forMs, act),
  };
}

t.test('a recording of a clone begins with its template, and its own part follows in time', async (t) => {
  const plan = { ...madePlan(), append: 'console=ttyS0 crashkernel=192M', nonce: 'cp-clone' };
  const machines = madeMachines();
  const directories = t.testdir({ template: {}, run: {} });
  const template = await makeTemplate(plan, {
    ...{
      name: 'templates/001',
      directory: `${directories}/template`,
      memory: '/proc/1/fd/99',
      cacheDir: undefined,
    },
    open: machines.open,
    clock: slowClock(BOOT_MS / 10),
  });
  if ('why' in template) throw new Error(template.why);
  t.equal(template.lastId, 1);
  t.ok(template.tookMs > 1_000, `the template took ${template.tookMs} ms`);

  const result = await executeRun(plan, `${directories}/run`, {
    open: machines.open,
    cacheDir: undefined,
    start: { template },
  });
  t.strictSame(machines.origins, ['template', 'clone']);
  t.strictSame(machines.requests.slice(0, 2), ['arm -', 'mark cp-clone']);
  t.match(result.clone, { template: 'templates/001', tookMs: Math.round(template.tookMs) });
  t.ok(result.durationMs < BOOT_MS, 'without the boot');

  const records = await readRecording(`${directories}/run`);
  const times = records.map((record) => ('atMs' in record ? record.atMs : record.record.atMs));
  t.strictSame(
    times,
    times.toSorted((one, other) => one - other),
  );
  const control = records.flatMap((record) =>
    record.kind === 'chunk' ? [record.bytes.toString('latin1')] : [],
  );
  t.match(control, [/"ev":"hello"/, /"ev":"armed","id":1/, /"ev":"armed","id":2/]);
  const cloned = records.findIndex((record) => record.kind === 'host' && record.record.fact === 'cloned');
  t.ok(cloned > 1 && cloned < records.length - 1, 'the border between both parts');
});

t.test('a run that booted says why, also when it is judged again', async (t) => {
  const plan = { ...madePlan(), append: 'console=ttyS0 crashkernel=192M' };
  const options = { open: madeMachines().open, cacheDir: undefined };
  const saw = 'x'.repeat(2000);
  const start = { booted: 'clone-failed', saw } as const;
  const result = await executeRun(plan, t.testdir({}), { ...options, start });
  t.strictSame(result.clone, { booted: 'clone-failed', saw: 'x'.repeat(1000) });
  const control = await executeRun(plan, t.testdir({}), { ...options, start: { booted: 'control' } });
  t.strictSame(control.clone, { booted: 'control' });
  t.notOk('clone' in (await executeRun(plan, t.testdir({}), options)), 'nothing is known');
});

t.test('a clone that does not answer is none, one that was stopped or has answered is', async (t) => {
  const plan = { ...madePlan(), append: 'console=ttyS0 crashkernel=192M' };
  const directory = t.testdir({});
  const options = { name: 'templates/001', directory, memory: '/proc/1/fd/99', cacheDir: undefined };
  const template = await makeTemplate(plan, { ...options, open: madeMachines().open });
  if ('why' in template) throw new Error(template.why);
  const refuses = async () => {
    throw new MachineFailure('cannot load the state: it is of another machine', { gone: false });
  };
  const clone = { cacheDir: undefined, start: { template } };
  await t.rejects(executeRun(plan, t.testdir({}), { ...clone, open: refuses }), {
    name: 'CloneFailed',
    why: /it is of another machine/,
  });
  const stopped = AbortSignal.abort('SIGINT');
  const cut = await executeRun(plan, t.testdir({}), { ...clone, open: refuses, signal: stopped });
  t.equal(cut.detail, 'interrupted');

  const at = { source: 'host', line: 1 } as const;
  const event = (fact: HostFact): RunEvent => ({ type: 'host', fact, atMs: 1, at });
  const cloned = event({ fact: 'cloned', template: 'templates/001', tookMs: 1 });
  const died = (signal: string) => event({ fact: 'qemu-exit', code: null, signal, asked: false, stderr: '' });
  const answer: RunEvent = { type: 'reply', id: 2, status: 0, output: '', atMs: 2, at };
  t.ok(failedAsClone([answer, cloned]), 'the answer was its template');
  t.notOk(failedAsClone([cloned, answer]));
  t.notOk(failedAsClone([answer]), 'no clone');
  t.ok(failedAsClone([cloned, answer, died('SIGBUS')]), 'the host had no memory');
  const lost = event({ fact: 'host-lost', host: 'box', why: 'the connection was closed' });
  t.notOk(failedAsClone([cloned, lost]), 'its host is lost');
  t.notOk(failedAsClone([cloned, answer, died('SIGSEGV')]), 'QEMU failed: that is the result');
  t.notOk(failedAsClone([answer, died('SIGBUS')]), 'a boot');
});

t.test('a template that does not come up says why', async (t) => {
  const plan = { ...madePlan(), append: 'console=ttyS0 crashkernel=192M' };
  const options = { name: 'x', directory: t.testdir({}), memory: '/proc/1/fd/99', cacheDir: undefined };
  const open = async () => {
    throw new Error('there is no QEMU');
  };
  t.strictSame(await makeTemplate(plan, { ...options, open }), { why: 'there is no QEMU' });
  const dies = async (_plan: unknown, { log }: { readonly log: MachineLog }): Promise<Machine> => {
    log.fact({ fact: 'qemu-exit', code: null, signal: 'SIGBUS', asked: false, stderr: 'a\nb\n' });
    throw new Error('QEMU has ended');
  };
  const died = await makeTemplate(plan, { ...options, directory: t.testdir({}), open: dies });
  t.strictSame(died, { why: 'QEMU ended by SIGBUS, for want of memory: a b' });
  const stopped = new AbortController();
  stopped.abort();
  const early = { ...options, directory: t.testdir({}), signal: stopped.signal };
  t.strictSame(await makeTemplate(plan, { ...early, open: madeMachines().open }), { why: 'interrupted' });
});
