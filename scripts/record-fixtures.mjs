#!/usr/bin/env node
/**
 * Records the fixtures of harness/testdata from real guests, one guest after another (build first):
 *
 *   node scripts/record-fixtures.mjs --kernel debian:6.1 --newer debian:6.12 --cache DIR [NAME...]
 *
 * Without names every recipe of scripts/fixture-recipes.mjs is recorded; a fixture that exists is replaced, and its
 * computed part is written by the tests (see harness/testdata/README.md). Machine paths become neutral ones and
 * adjacent chunks are merged, so that a fixture is small; bytes, order and meaning stay.
 *
 *   node scripts/record-fixtures.mjs --from RUN-DIR --about TEXT --verdict WORD/DETAIL NAME
 *
 * copies a run of `crashpath run`, for fixtures without a recipe (a built kernel, a choreography).
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { buildImages } from '../dist/image/build-images.js';
import { resolveKernel } from '../dist/kernel/index.js';
import { makePlan } from '../dist/plan/make-plan.js';
import { readScenario } from '../dist/plan/read-scenario.js';
import { chooseAccelerator } from '../dist/machine/qemu/accel/choose-accelerator.js';
import { qemuArguments } from '../dist/machine/qemu/arguments.js';
import { openQemu } from '../dist/machine/qemu/open.js';
import { executeRun } from '../dist/run/execute-run.js';
import { createRunDirectory } from '../dist/store/run-directory.js';
import { guestHand } from './fixture-hands.mjs';
import { RECIPES } from './fixture-recipes.mjs';

const TESTDATA = new URL('../harness/testdata/', import.meta.url).pathname;
/** Chunks of one channel that arrive within this time, with nothing else in between, become one. */
const MERGE_MS = 100;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: 'debian:6.1' },
    newer: { type: 'string', default: 'debian:6.12' },
    cache: { type: 'string' },
    from: { type: 'string' },
    about: { type: 'string' },
    verdict: { type: 'string' },
  },
});
if (values.from !== undefined) {
  await takeOver(values.from, positionals[0], { about: values.about, verdict: values.verdict });
  process.exit();
}
const cacheDir = values.cache ?? join(tmpdir(), 'crashpath-fixtures');
const unknown = positionals.filter((name) => !Object.hasOwn(RECIPES, name));
if (unknown.length > 0) throw new Error(`cannot record "${unknown.join(' ')}": no such recipe`);

const accel = await chooseAccelerator('tcg', { qemuBinary: 'qemu-system-x86_64', cacheDir });
for (const [name, recipe] of Object.entries(RECIPES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  await record(name, recipe);
}

async function record(name, recipe) {
  const kernel = await resolveKernel(recipe.newer ? values.newer : values.kernel, { cacheDir });
  // Scenario names have no dots.
  const plainName = name.replaceAll('.', '-');
  const work = await mkdtemp(join(tmpdir(), 'crashpath-fixture-'));
  const captureKernel = recipe.capturePatch
    ? await patchedKernel(kernel, join(work, 'vmlinuz-patched'), recipe.capturePatch)
    : kernel;
  const images = await buildImages({ captureKernel, modules: [], captureModules: [] }, { cacheDir });
  const scenario = readScenario(
    stringify({
      version: 1,
      name: plainName,
      summary: recipe.about.slice(0, 160),
      trigger: { kind: 'sysrq', key: 'c' },
      expect: { verdict: recipe.verdict.split('/')[0] },
      ...recipe.scenario,
    }),
    name,
  );
  const qemu = { binary: 'qemu-system-x86_64', version: accel.qemuVersion, argumentsFor: qemuArguments };
  let plan = makePlan(
    scenario,
    { kernel, captureKernel, accel, qemu, initrd: images.production.path },
    { identity: { campaign: 'fixtures', runId: plainName, trial: 1, nonce: `cp-${plainName}` }, choices: {} },
  );
  plan = recipe.changePlan?.(plan) ?? plan;
  const directory = await createRunDirectory(work, plan);
  const hand = guestHand(directory);
  const result = await executeRun(plan, directory, {
    open: openQemu,
    signal: hand.signal,
    onEvent: (event) => recipe.onEvent?.(event, hand),
  });
  const verdict = `${result.verdict}/${result.detail}`;
  console.log(`${verdict === recipe.verdict ? 'ok    ' : 'DIFFER'} ${name}: ${verdict} (${directory})`);
  const made = `recorded from a real guest: scripts/record-fixtures.mjs ${name}`;
  await save(directory, name, { plan, recipe, kernel, made });
}

async function takeOver(directory, name, { about, verdict }) {
  if (name === undefined || about === undefined || verdict === undefined) {
    throw new Error('cannot take over a run: give --about, --verdict and a name');
  }
  const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8'));
  const made = `recorded from a real guest: crashpath run ${plan.scenario.name} --kernel ${plan.kernel.spec}`;
  await save(directory, name, { plan, recipe: { about, verdict }, kernel: plan.kernel, made });
}

/** A copy of a bzImage with some bytes of its 64-bit entry replaced (Documentation/arch/x86/boot.rst: +0x200). */
async function patchedKernel(kernel, path, bytes) {
  const image = await readFile(kernel.bzImage);
  const entry = (image.readUInt8(0x1f1) + 1) * 512 + 0x200;
  bytes.copy(image, entry);
  await writeFile(path, image);
  return resolveKernel(path, { cacheDir });
}

async function save(directory, name, { plan, recipe, kernel, made }) {
  const target = join(TESTDATA, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const read = (file) => readFile(join(directory, file));
  const write = (file, content) => writeFile(join(target, file), content, { mode: 0o644 });
  for (const file of ['console.bin', 'control.bin', 'qmp.jsonl', 'samples.jsonl', 'host.jsonl']) {
    await write(file, await read(file));
  }
  const others = ['qmp.jsonl', 'samples.jsonl', 'host.jsonl'];
  const barriers = (await Promise.all(others.map(read))).flatMap((text) =>
    jsonLines(text).map(({ seq }) => seq),
  );
  await write('chunks.jsonl', mergeChunks(jsonLines(await read('chunks.jsonl')), new Set(barriers)));
  await write('plan.json', `${JSON.stringify(neutral(plan), null, 1)}\n`);
  const header = {
    about: recipe.about,
    kernel: kernel.release,
    made,
    verdict: recipe.verdict,
  };
  await write('expect.yaml', stringify(header, { lineWidth: 100 }));
}

function jsonLines(text) {
  return text
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function mergeChunks(chunks, barriers) {
  const merged = [];
  let firstMs = 0;
  for (const chunk of chunks) {
    const last = merged.at(-1);
    let joins = last?.channel === chunk.channel && chunk.atMs - firstMs < MERGE_MS;
    for (let seq = last?.seq ?? 0; joins && seq < chunk.seq; seq++) joins = !barriers.has(seq);
    if (joins) {
      last.length += chunk.length;
      last.atMs = chunk.atMs;
      last.seq = chunk.seq;
    } else {
      merged.push({ ...chunk });
      firstMs = chunk.atMs;
    }
  }
  return merged.map((chunk) => `${JSON.stringify(chunk)}\n`).join('');
}

/** The plan with the paths of this machine replaced. */
function neutral(plan) {
  const kernelOf = ({ release, label, sha256 }) => ({
    spec: `/kernels/${release}`,
    release,
    label,
    sha256,
    bzImage: `/kernels/${release}/vmlinuz`,
  });
  const replaced = {
    '-kernel': `/kernels/${plan.kernel.release}/vmlinuz`,
    '-initrd': '/images/production.cpio',
  };
  const args = plan.qemu.args.map((word, index, words) => replaced[words[index - 1]] ?? word);
  return {
    ...plan,
    accel: { accel: plan.accel.accel, reason: 'asked for' },
    kernel: kernelOf(plan.kernel),
    captureKernel: kernelOf(plan.captureKernel),
    qemu: { ...plan.qemu, args },
  };
}
