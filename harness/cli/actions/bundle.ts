import { homedir, hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { HostNames } from '../../bundle/host-names.js';
import { packRun } from '../../bundle/pack.js';
import { type Bundle, withBundle } from '../../bundle/read-bundle.js';
import { MANIFEST } from '../../bundle/form.js';
import { escapeHostText } from '../../model/escape.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { writesVmcore } from '../../plan/kept-vmcore.js';
import { imageFor } from '../../prepare/guest-images.js';
import { findRun } from '../../store/campaign-directory.js';
import { cacheOptions, complain, PACKAGE_ROOT, say, version } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import { type BundleOptions, bundleRequest } from '../words/bundle.js';
import { interruptible } from './interruptible.js';

type Arguments = BundleOptions & { hashesOnly: boolean };

/** Packs a run, or lists what a bundle holds. */
export async function bundle(argv: Arguments): Promise<void> {
  const request = bundleRequest(argv);
  const stop = interruptible();
  try {
    if ('list' in request) await list(request.list, argv, stop.signal);
    else await pack(request.pack, argv, stop.signal);
  } catch (error) {
    if (stop.caught === undefined) throw error;
    complain(`crashpath: stopped by ${stop.caught.name}`);
    process.exitCode = 128 + stop.caught.number;
  } finally {
    stop.release();
  }
}

async function pack(
  { run, output }: { run: string; output: string },
  { out, hashesOnly, json }: Arguments,
  signal: AbortSignal,
): Promise<void> {
  const directory = await findRun(run, outDirectory(out));
  const { bytes, manifest, result } = await packRun(directory, resolve(output), {
    ...cacheOptions(),
    hashesOnly,
    signal,
    names: namesOfThisHost(out),
    crashpathVersion: version(),
    imageAgain: (plan: RunPlan) =>
      imageFor(plan.scenario, plan, {
        ...cacheOptions(),
        keepsVmcore: writesVmcore(plan),
        repacked: plan.repacked?.capture,
      }),
  });
  const { verdict, detail } = result;
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...manifest, file: output, bytes, verdict, detail })}\n`
      : `${output}: ${sizeText(bytes)}, ${verdict}: ${escapeHostText(detail)}\n`,
  );
  for (const { member, what, times } of manifest.remaining)
    say(`${member} holds a ${what} of this host, ${times} times, and is packed as it is`);
  say(`crashpath bundle --list ${output} prints everything in it about this host`);
}

/** What is taken out of a bundle wherever crashpath or QEMU wrote it. */
function namesOfThisHost(out: string): HostNames {
  const host = hostname();
  return {
    hosts: [host, host.split('.')[0] ?? host],
    users: [userInfo().username],
    directories: [
      homedir(),
      process.cwd(),
      outDirectory(out),
      cacheDirectory(),
      PACKAGE_ROOT.replace(/\/$/, ''),
    ],
  };
}

async function list(file: string, { json }: Arguments, signal: AbortSignal): Promise<void> {
  say(`reading ${file}`);
  const text = await withBundle(file, { ...cacheOptions(), signal }, async (read) =>
    json ? `${JSON.stringify(listObject(read))}\n` : listText(read),
  );
  process.stdout.write(text);
}

function listObject({ manifest, plan, result, senderSaid, statements }: Bundle) {
  const { verdict, detail, explanation } = result;
  return {
    ...manifest,
    runId: plan.runId,
    scenario: plan.scenario.name,
    verdict,
    detail,
    explanation,
    ...(senderSaid === undefined ? {} : { senderSaid }),
    host: statements,
  };
}

function listText({ manifest, plan, result, senderSaid, statements }: Bundle): string {
  const said = senderSaid === undefined ? '' : `; the sender's crashpath said ${escapeHostText(senderSaid)}`;
  const members = [
    { name: MANIFEST, size: undefined, sha256: 'names the others' },
    ...manifest.members.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
  ];
  const width = Math.max(...members.map(({ name }) => name.length));
  return [
    `run       ${escapeHostText(plan.runId)}`,
    `scenario  ${plan.scenario.name}: ${escapeHostText(plan.scenario.summary)}`,
    `verdict   ${result.verdict}: ${escapeHostText(result.detail)}${said}`,
    ...(manifest.contents === 'whole' ? [] : ['kernels   not in it, only their hashes']),
    'members',
    ...members.map(
      ({ name, size, sha256 }) => `  ${name.padEnd(width)}  ${String(size ?? '').padStart(10)}  ${sha256}`,
    ),
    "what it says about the sender's host",
    ...statements.map(({ what, says }) => `  ${what}: ${says}`),
    '',
  ].join('\n');
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
