import { fstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RunPlan } from '../plan/run-plan.js';
import { madePlan } from '../testing/builders/runs.js';
import { madeMachines } from '../testing/fakes/template-machine.js';
import { campaignTemplates } from './templates.js';

const plansOf = (count: number, change: Partial<RunPlan> = {}): RunPlan[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ ...madePlan(), ...change, append: `console=ttyS0 crashkernel=192M ${change.append ?? ''}` },
    runId: `run-${index + 1}`,
    nonce: `nonce-${index + 1}`,
  }));

/** The template of each run, one after the other. */
async function begun(t: Test, plans: readonly RunPlan[], machines = madeMachines()) {
  const said: string[] = [];
  const directory = t.testdir({});
  const options = {
    directory,
    cacheDir: undefined,
    open: machines.open,
    onProgress: (text: string) => said.push(text),
  };
  const templates = campaignTemplates({ ...options, plans });
  const starts: (string | undefined)[] = [];
  for (const plan of plans) {
    starts.push((await templates.of(plan))?.name);
    templates.done(plan);
  }
  templates.close();
  return { starts, said, machines, directory };
}

t.test('the first run boots, those after it are clones of one template, and every tenth boots', async (t) => {
  const { starts, machines, directory } = await begun(t, plansOf(12));
  const clones = (count: number) => Array.from({ length: count }, () => 'templates/001');
  t.strictSame(starts, [undefined, ...clones(9), undefined, ...clones(1)]);
  t.strictSame(machines.origins, ['template'], 'made once');
  t.strictSame(machines.requests, ['arm -'], 'with no nonce: each clone takes its own');
  t.ok((await readdir(join(directory, 'templates/001'))).includes('control.bin'), 'its recording is kept');
});

t.test('few runs of a guest boot: a template would cost more than it saves', async (t) => {
  const { starts, machines } = await begun(t, plansOf(3));
  t.strictSame(starts, [undefined, undefined, undefined]);
  t.strictSame(machines.origins, []);
  const four = await begun(t, plansOf(4));
  t.strictSame(four.starts.slice(1), ['templates/001', 'templates/001', 'templates/001']);
});

t.test('guests that boot in another way have templates of their own', async (t) => {
  const one = plansOf(4);
  const other = plansOf(4, { append: 'quiet' });
  const { starts } = await begun(
    t,
    one.flatMap((plan, index) => [plan, other[index] ?? plan]),
  );
  t.strictSame(new Set(starts.slice(2)), new Set(['templates/001', 'templates/002']));
});

t.test('what cannot be a clone boots', async (t) => {
  const made = madePlan();
  const scenario = { ...made.scenario, guest: { nic: { model: 'e1000', net: 'user' } as const } };
  for (const change of [
    { scenario },
    { scenario: { ...made.scenario, crashKernel: 'absent' as const } },
    { host: 'box' },
    { keepVmcore: { of: 'all' as const, diskMiB: 832 } },
  ]) {
    const { starts } = await begun(t, plansOf(5, change));
    t.strictSame(new Set(starts), new Set([undefined]));
  }
});

t.test('a guest that cannot be saved, or does not boot, is said once, and its runs boot', async (t) => {
  const unsaved = await begun(t, plansOf(6), madeMachines({ saves: false }));
  t.strictSame(new Set(unsaved.starts), new Set([undefined]));
  t.strictSame(unsaved.machines.origins, ['template']);
  t.match(unsaved.said, [/booting/, /each run boots: .*a made machine has none/]);
  const other = await begun(t, plansOf(6), madeMachines({ release: '5.0' }));
  t.match(other.said, [/booting/, /each run boots: another kernel runs than was asked for/]);
});

t.test('memory is given back when the last run has ended, and by close', async (t) => {
  const plans = plansOf(6);
  const machines = madeMachines();
  const options = { directory: t.testdir({}), cacheDir: undefined, open: machines.open };
  const templates = campaignTemplates({ ...options, plans });
  const memories: number[] = [];
  for (const plan of plans) {
    const template = await templates.of(plan);
    if (template === undefined) continue;
    memories.push(template.memory);
    t.ok(fstatSync(template.memory).isFile(), 'a run under way has it');
    templates.done(plan);
  }
  t.equal(new Set(memories).size, 1);
  templates.done(plans[0] ?? madePlan());
  t.throws(() => fstatSync(memories[0] ?? -1), { code: 'EBADF' });

  const again = campaignTemplates({ ...options, directory: t.testdir({}), plans });
  await again.of(plans[0] ?? madePlan());
  const template = await again.of(plans[1] ?? madePlan());
  again.close();
  t.throws(() => fstatSync(template?.memory ?? -1), { code: 'EBADF' });
});

t.test('templates of an earlier part of the campaign stay', async (t) => {
  const directory = t.testdir({ templates: { '001': { 'plan.json': '{}' } } });
  const templates = campaignTemplates({
    ...{ directory, cacheDir: undefined, open: madeMachines().open },
    plans: 'unknown',
  });
  const [first, second] = plansOf(2);
  await templates.of(first ?? madePlan());
  t.equal((await templates.of(second ?? madePlan()))?.name, 'templates/002');
  templates.close();
});
