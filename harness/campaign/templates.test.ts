import { statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import t, { type Test } from 'tap';
import type { MemoryHost } from '../machine/qemu/host.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Start, Template } from '../run/template.js';
import { madePlan } from '../testing/builders/runs.js';
import { madeMachines } from '../testing/fakes/template-machine.js';
import { campaignTemplates, type TemplatesOptions } from './templates.js';

const GIB = 1024 ** 3;
const PLENTY = { available: 64 * GIB, inFiles: 64 * GIB };

const plansOf = (count: number, change: Partial<RunPlan> = {}): RunPlan[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ ...madePlan(), ...change, append: `console=ttyS0 crashkernel=192M ${change.append ?? ''}` },
    runId: `run-${index + 1}${change.append ?? ''}${change.scenario?.name ?? ''}`,
    nonce: `nonce-${index + 1}`,
  }));

/** A template's name, or why the run boots. */
const word = (start: Start): string => ('template' in start ? start.template.name : start.booted);

function templateIn(start: Start): Template {
  if ('template' in start) return start.template;
  throw new Error(`the run boots: ${start.booted}`);
}

function openedTemplates(
  t: Test,
  options: Partial<TemplatesOptions> & { machines?: ReturnType<typeof madeMachines> },
) {
  const { machines = madeMachines(), ...given } = options;
  const said: string[] = [];
  const directory = given.directory ?? t.testdir({});
  const templates = campaignTemplates({
    ...{ directory, plans: 'unknown', cacheDir: undefined, open: machines.open },
    ...{ onProgress: (text: string) => said.push(text), room: async () => PLENTY },
    ...given,
  });
  return { templates, said, machines, directory };
}

/** How each run begins, one after the other. */
async function begun(
  t: Test,
  plans: readonly RunPlan[],
  options: Parameters<typeof openedTemplates>[1] = {},
) {
  const { templates, ...rest } = openedTemplates(t, { plans, ...options });
  const starts: string[] = [];
  for (const plan of plans) {
    starts.push(word(await templates.of(plan)));
    templates.done(plan);
  }
  templates.close();
  return { starts, ...rest };
}

const times = (count: number, text: string) => Array.from({ length: count }, () => text);

t.test('the first run boots, those after it are clones of one template, and every tenth boots', async (t) => {
  const { starts, machines, directory } = await begun(t, plansOf(12));
  t.strictSame(starts, ['control', ...times(9, 'templates/001'), 'control', 'templates/001']);
  t.strictSame(machines.origins, ['template'], 'made once');
  t.strictSame(machines.requests, ['arm -'], 'with no nonce: each clone takes its own');
  t.ok((await readdir(join(directory, 'templates/001'))).includes('control.bin'), 'its recording is kept');
});

t.test('few runs of a guest boot: a template would cost more than it saves', async (t) => {
  const { starts, machines } = await begun(t, plansOf(3));
  t.strictSame(starts, times(3, 'few-runs'));
  t.strictSame(machines.origins, []);
  const four = await begun(t, plansOf(4));
  t.strictSame(four.starts, ['control', ...times(3, 'templates/001')]);
});

t.test('guests that boot in another way have templates of their own', async (t) => {
  const [one, other] = [plansOf(4), plansOf(4, { append: 'quiet' })];
  const { starts } = await begun(
    t,
    one.flatMap((plan, index) => [plan, other[index] ?? plan]),
  );
  t.strictSame(new Set(starts.slice(2)), new Set(['templates/001', 'templates/002']));
});

t.test('a guest that was armed by another system call has a template of its own', async (t) => {
  const [one, other] = [plansOf(4), plansOf(4, { loadSyscall: 'kexec_file_load' })];
  const { starts } = await begun(
    t,
    one.flatMap((plan, index) => [plan, other[index] ?? plan]),
  );
  t.strictSame(new Set(starts.slice(2)), new Set(['templates/001', 'templates/002']));
});

t.test('scenarios that take turns on one guest share a template, and each has controls', async (t) => {
  const made = madePlan();
  const named = (name: string) => plansOf(20, { scenario: { ...made.scenario, name } });
  const [one, other] = [named('one'), named('other')];
  const plans = one.flatMap((plan, index) => [plan, other[index] ?? plan]);
  const { starts, machines } = await begun(t, plans);
  t.strictSame(machines.origins, ['template']);
  const controls = plans.flatMap(({ scenario }, index) =>
    starts[index] === 'control' ? [scenario.name] : [],
  );
  t.strictSame(controls, ['one', 'other', 'one', 'other']);
});

t.test('a long campaign has several templates, for other addresses of the kernel', async (t) => {
  const { starts } = await begun(t, plansOf(150));
  t.strictSame(new Set(starts), new Set(['control', 'templates/001', 'templates/002', 'templates/003']));
  t.equal(starts.filter((start) => start === 'templates/001').length, 50);
});

t.test('runs on another host are clones of a template there, where it can keep one', async (t) => {
  const opened: string[] = [];
  const memoryOn = (path: string): MemoryHost => ({
    async openMemory() {
      opened.push(path);
      return { path, taken: () => 0, close: () => opened.push(`closed ${path}`) };
    },
    freeMemory: async () => PLENTY,
  });
  const { open } = madeMachines();
  const { templates, said } = openedTemplates(t, { plans: plansOf(5, { host: 'box' }), room: undefined });
  const starts: string[] = [];
  for (const host of ['box', 'hut', 'box', 'hut', 'hut']) {
    const [plan = madePlan()] = plansOf(1, { host });
    starts.push(word(await templates.of(plan, { open, memory: memoryOn(host) })));
    templates.done(plan);
  }
  t.strictSame(starts, ['control', 'control', 'templates/001', 'templates/002', 'templates/002']);
  t.match(said, [
    /booting .* once on box;/,
    /^templates\/001: saved after /,
    /once on hut;/,
    /: saved after /,
  ]);
  templates.close();
  t.strictSame(opened, ['box', 'hut', 'closed box', 'closed hut']);
});

t.test(
  'a run on another host boots without memory there; cards, disks, guests that stay up and unarmed ones are cloned',
  async (t) => {
    const made = madePlan();
    const scenario = { ...made.scenario, guest: { nic: { model: 'e1000', net: 'user' } as const } };
    const remote = await begun(t, plansOf(5, { host: 'box' }));
    t.strictSame(remote.starts, times(5, 'other-host'));
    for (const change of [
      { scenario },
      { scenario: { ...made.scenario, crashKernel: 'absent' as const } },
      { keepVmcore: { of: 'all' as const, diskMiB: 832 } },
      { keepFailed: { most: 1, minutes: 60 } },
    ]) {
      const { starts } = await begun(t, plansOf(5, change));
      t.strictSame(starts, ['control', ...times(4, 'templates/001')]);
    }
  },
);

t.test('a guest that cannot be saved, or does not boot, is tried twice, and its runs boot', async (t) => {
  const unsaved = await begun(t, plansOf(6), { machines: madeMachines({ saves: false }) });
  t.strictSame(unsaved.starts, ['control', ...times(5, 'no-template')]);
  t.strictSame(unsaved.machines.origins, ['template', 'template']);
  t.match(unsaved.said, [
    /booting/,
    /no clones of it: .*a made machine has none/,
    /booting/,
    /each run boots: /,
  ]);
  const other = await begun(t, plansOf(6), { machines: madeMachines({ release: '5.0' }) });
  t.match(other.said, [
    /booting/,
    /no clones of it: another kernel runs than was asked for/,
    /booting/,
    /boots/,
  ]);
});

t.test('without room for a template runs boot; a template that long was not used makes room', async (t) => {
  const full = await begun(t, plansOf(6), { room: async () => ({ ...PLENTY, inFiles: GIB / 2 }) });
  const boots = ['control', ...times(3, 'no-room'), ...times(2, 'few-runs')];
  t.strictSame(full.starts, boots);
  const poor = await begun(t, plansOf(6), { room: async () => ({ ...PLENTY, available: 1.4 * GIB }) });
  t.strictSame(poor.starts, boots, 'twice 768 MiB are not there');
  const none = await begun(t, plansOf(6), { room: async () => Promise.reject(new Error('no /dev/shm')) });
  t.strictSame(none.starts, ['control', ...times(5, 'no-template')]);

  // Room for one template of 768 MiB beside what it can still grow by, not for two.
  const room = async () => ({ ...PLENTY, inFiles: GIB });
  const { templates } = openedTemplates(t, { room });
  const [one, other] = [plansOf(2), plansOf(40, { append: 'quiet' })];
  const start = async (plan: RunPlan | undefined) => {
    const began = word(await templates.of(plan ?? madePlan()));
    templates.done(plan ?? madePlan());
    return began;
  };
  t.equal(await start(one[0]), 'control');
  t.equal(await start(one[1]), 'templates/001');
  t.equal(await start(other[0]), 'control');
  t.equal(await start(other[1]), 'no-room', 'guests that take turns do not throw each other out');
  const later = [];
  for (const plan of other.slice(2)) later.push(await start(plan));
  t.strictSame(new Set(later.slice(0, 30)), new Set(['no-room', 'control']), 'as long as it may be needed');
  t.equal(later.at(-1), 'templates/002');
  templates.close();
});

t.test('memory is given back when the last run has ended, and by close', async (t) => {
  const plans = plansOf(6);
  const { templates } = openedTemplates(t, { plans });
  const memories = new Set<string>();
  for (const plan of plans) {
    const start = await templates.of(plan);
    if (!('template' in start)) continue;
    memories.add(start.template.memory);
    t.ok(statSync(start.template.memory).isFile(), 'a run under way has it');
    templates.done(plan);
  }
  const [memory = '', ...others] = memories;
  t.strictSame(others, []);
  t.throws(() => statSync(memory), { code: 'ENOENT' });

  const again = openedTemplates(t, { plans });
  await again.templates.of(plans[0] ?? madePlan());
  const template = templateIn(await again.templates.of(plans[1] ?? madePlan()));
  again.templates.close();
  t.throws(() => statSync(template.memory), { code: 'ENOENT' });
});

t.test('after a clone that could not begin another template is made; after two in a row none', async (t) => {
  const { templates, said } = openedTemplates(t, {});
  const plans = plansOf(6);
  const run = (number: number) => plans[number - 1] ?? madePlan();
  t.equal(word(await templates.of(run(1))), 'control');
  // Two runs of one template fail: that is one failure.
  const { memory } = templateIn(await templates.of(run(2)));
  await templates.of(run(3));
  t.match(templates.failed(run(2), 'refused'), /\/templates\/failed-run-2$/);
  t.ok(statSync(memory).isFile(), 'the other clone may still have to open it');
  templates.failed(run(3), 'refused');
  t.throws(() => statSync(memory), { code: 'ENOENT' });
  templates.done(run(2));
  t.match(said.slice(2), [/^run-2: cannot begin as a clone and boots: refused$/, /^run-3: /]);

  t.equal(word(await templates.of(run(4))), 'templates/002');
  templates.done(run(4));
  // The clone that began was a success: the count begins again.
  await templates.of(run(5));
  templates.failed(run(5), 'refused');
  t.equal(word(await templates.of(run(6))), 'templates/003');
  templates.failed(run(6), 'QEMU has no such device');
  t.strictSame(await templates.of(run(1)), { booted: 'no-template', saw: 'QEMU has no such device' });
  templates.close();
});

t.test('templates of an earlier part of the campaign stay', async (t) => {
  const directory = t.testdir({ templates: { '001': { 'plan.json': '{}' } } });
  const { templates } = openedTemplates(t, { directory });
  const [first, second] = plansOf(2);
  await templates.of(first ?? madePlan());
  t.equal(word(await templates.of(second ?? madePlan())), 'templates/002');
  templates.close();
});

t.test('the recording of a failed clone never takes the place of an earlier one', async (t) => {
  const { templates, directory } = openedTemplates(t, {});
  const [plan = madePlan()] = plansOf(1);
  const names: string[] = [];
  for (let time = 1; time <= 3; time += 1) {
    const path = templates.failed(plan, 'made');
    await mkdir(path, { recursive: true });
    names.push(relative(directory, path));
  }
  const first = `templates/failed-${plan.runId}`;
  t.strictSame(names, [first, `${first}.2`, `${first}.3`]);
  templates.close();
});

t.test('a campaign directory that cannot be written is a fault of the harness', async (t) => {
  const directory = join(t.testdir({ campaign: 'no directory' }), 'campaign');
  const { templates } = openedTemplates(t, { directory });
  await t.rejects(
    templates.of(madePlan()).then(() => templates.of(madePlan())),
    {
      kind: 'harness',
      message: /^cannot create ".*campaign\/templates": a part of the path is not a directory/,
    },
  );
  templates.close();
});

t.test('a machine with a disk, parts of its own or plugged ones is not cloned, another one is', async (t) => {
  const made = madePlan();
  const changes: Partial<RunPlan>[] = [
    { machine: { ...made.machine, hardware: { numaNodes: 2 } } },
    { scenario: { ...made.scenario, guest: { disk: { kind: 'ahci', sizeMiB: 64 } } } },
    { scenario: { ...made.scenario, beforeLoading: [{ plugCpus: 1 }] } },
  ];
  for (const change of changes) {
    const { starts, machines } = await begun(t, plansOf(4, change));
    t.strictSame(starts, times(4, 'uncloneable'));
    t.strictSame(machines.origins, []);
  }
  const usual = await begun(t, plansOf(4));
  t.strictSame(usual.starts, ['control', ...times(3, 'templates/001')]);
});
