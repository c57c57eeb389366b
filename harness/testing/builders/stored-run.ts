/** A run directory made of a recorded run, with kernels and an image of its own: what a bundle is made of. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../../cache/sha256.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { readPlan } from '../../store/run-directory.js';
import { TESTDATA } from '../recordings/fixtures.js';
import { makeBzImage } from './kernels.js';

/** Options of {@link storedRun}. */
export interface StoredRunParts {
  /** The recorded run that it is a copy of. */
  readonly fixture?: string;
  /** A capture kernel of its own. */
  readonly captureRelease?: string;
  readonly bits?: 32 | 64;
  /** Changes the plan at last. */
  readonly plan?: (plan: RunPlan) => RunPlan;
}

/** Paths of a {@link storedRun}. */
export interface StoredRunPlace {
  readonly run: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly plan: RunPlan;
}

const KEY = '0123456789abcdef0123456789abcdef';

/** Makes the run below a directory, which may have any name. */
export async function storedRun(root: string, parts: StoredRunParts = {}): Promise<StoredRunPlace> {
  const {
    fixture = 'crash-path-hang-ioapic-lock',
    captureRelease,
    bits = 64,
    plan: change = (plan) => plan,
  } = parts;
  const run = join(root, 'runs', '20260101-000000-ab12', '001-made');
  await mkdir(join(root, 'runs', '20260101-000000-ab12'), { recursive: true });
  await cp(join(TESTDATA, fixture), run, { recursive: true });
  await rm(join(run, 'expect.yaml'));
  const recorded = await readPlan(run);
  const kernel = await writeKernel(join(root, 'kernels', 'first'), {
    release: recorded.kernel.release,
    bits,
  });
  const capture =
    captureRelease === undefined
      ? kernel
      : await writeKernel(join(root, 'kernels', 'capture'), { release: captureRelease, bits });
  const initrd = await writeImage(root, capture);
  const args = recorded.qemu.args.map((word, index) => {
    const option = recorded.qemu.args[index - 1];
    return option === '-kernel' ? kernel.bzImage : option === '-initrd' ? initrd : word;
  });
  const plan = change({
    ...recorded,
    kernel: { ...recorded.kernel, ...kernel },
    captureKernel: { ...recorded.captureKernel, ...capture },
    qemu: { ...recorded.qemu, args },
  });
  await writeFile(join(run, 'plan.json'), JSON.stringify(plan));
  return { run, kernel: kernel.bzImage, initrd, plan };
}

async function writeKernel(directory: string, { release, bits }: { release: string; bits: 32 | 64 }) {
  const bytes = makeBzImage({ release, bits });
  await mkdir(directory, { recursive: true });
  const bzImage = join(directory, `vmlinuz-${release}`);
  await writeFile(bzImage, bytes);
  return { spec: directory, bzImage, release, label: release, sha256: sha256Of(bytes), bits };
}

/** An image without anything in it but its manifest's claim of a library. */
async function writeImage(
  root: string,
  { release, sha256 }: { release: string; sha256: string },
): Promise<string> {
  const directory = join(root, 'cache', 'images', KEY);
  await mkdir(directory, { recursive: true });
  const bytes = Buffer.from('070701 made image');
  const library = {
    kind: 'file',
    path: 'lib/libmade.so.1',
    mode: '0755',
    size: 1,
    sha256: sha256Of('library'),
    source: 'library',
  };
  const image = (file: string) => ({
    file,
    bytes: bytes.length,
    sha256: sha256Of(bytes),
    entries: [library],
  });
  const manifest = {
    schema: 1,
    key: KEY,
    captureKernel: { release, sha256 },
    images: { production: image('production.cpio'), capture: image('capture.cpio') },
  };
  await writeFile(join(directory, 'production.cpio'), bytes);
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  return join(directory, 'production.cpio');
}
