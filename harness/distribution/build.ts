import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import which from 'which';
import { z } from 'zod';
import { discard, namesIn, publish, withTempDir } from '../cache/cache-directory.js';
import type { CachePlace } from '../cache/cache-fault.js';
import { readJsonFile } from '../cache/kept-file.js';
import { sha256Of } from '../cache/sha256.js';
import { withFileLock } from '../host/file-lock.js';
import { hostSources } from '../kernel/debian/host-sources.js';
import { formatSources } from '../kernel/debian/sources.js';
import type { KernelOptions } from '../kernel/options.js';
import { runTool } from '../kernel/tool.js';
import type { Distribution } from '../model/distribution.js';
import { harnessFault, usageFault } from '../model/fault.js';
import { KDUMP_PACKAGES, type Recipe, recipeOf } from './recipe.js';

/** Raised when the same recipe gives another disk. */
const FORM = 1;
const BUILD_DEADLINE_MS = 60 * 60_000;
const WAIT_MS = 60 * 60_000;
const FOLDER = 'distributions';
/** Two systems of 700 MB and an archive of them, for a while. */
const ROOM_NAMES = { disk: 'disk.ext4', boot: 'boot', manifest: 'manifest.json' } as const;

const ManifestSchema = z.object({
  spec: z.string(),
  suite: z.string(),
  builtAt: z.string(),
  release: z.string().regex(/^[\w.+~-]{1,64}$/),
  packages: z.record(z.string(), z.string()),
});

/** A distribution in the cache. */
export interface BuiltDistribution extends Distribution {
  /** Holds the disk, and `boot/` with its kernel, config and initramfs: a kernel spec. */
  readonly directory: string;
  readonly release: string;
  readonly builtAt: string;
}

type BuildOptions = Pick<KernelOptions, 'cacheDir' | 'onProgress' | 'signal'>;

/**
 * The distribution of a recipe: built by mmdebstrap, or from the cache. Faults: usage for an unknown one and for a
 * missing program, harness when the build or the cache fails. Nothing half-made stays.
 */
export async function buildDistribution(spec: string, options: BuildOptions): Promise<BuiltDistribution> {
  const recipe = recipeOf(spec);
  const sources = formatSources(await hostSources(recipe.suite, options));
  const key = sha256Of(JSON.stringify([FORM, recipe, sources])).slice(0, 16);
  const found = await inCache(key, options.cacheDir);
  if (found !== undefined) return found;
  const privileged = await requireBuilders();
  const parent = join(resolve(options.cacheDir), FOLDER);
  await mkdir(parent, { recursive: true });
  const lock = {
    signal: options.signal,
    waitMs: WAIT_MS,
    onWaiting: () => options.onProgress?.('waiting for another build of a distribution in the same cache'),
    held: `another build holds it for ${WAIT_MS / 60_000} min; end that build`,
  };
  return withFileLock(join(parent, 'lock'), lock, async () => {
    const made = await inCache(key, options.cacheDir);
    return made ?? (await make(recipe, { key, sources, privileged, ...options }));
  });
}

/** The distributions in the cache. */
export async function listDistributions(cacheDir: string): Promise<BuiltDistribution[]> {
  const names = (await namesIn(placeOf(cacheDir), FOLDER)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const all = await Promise.all(names.sort().map((name) => inCache(name, cacheDir)));
  return all.filter((one) => one !== undefined);
}

/** Removes a distribution from the cache, by its spec or the first digits of its key. Throws a usage fault for none. */
export async function removeDistribution(name: string, cacheDir: string): Promise<BuiltDistribution[]> {
  const all = await listDistributions(cacheDir);
  const meant = all.filter(({ spec, key }) => spec === name || (name.length >= 8 && key.startsWith(name)));
  if (meant.length === 0) {
    const known = all.map(({ spec, key }) => `${spec} (${key})`).join(', ');
    throw usageFault(
      `cannot remove distribution "${name}": it is not in the cache; there ${known === '' ? 'is none' : `is ${known}`}`,
    );
  }
  for (const { directory } of meant) await discard(placeOf(cacheDir), directory);
  return meant;
}

function placeOf(cacheDir: string): CachePlace {
  return { kind: 'distribution', cacheDir };
}

async function inCache(key: string, cacheDir: string): Promise<BuiltDistribution | undefined> {
  const directory = join(resolve(cacheDir), FOLDER, key);
  const manifest = await readJsonFile(join(directory, ROOM_NAMES.manifest), ManifestSchema);
  const disk = join(directory, ROOM_NAMES.disk);
  const size = (await stat(disk).catch(() => undefined))?.size;
  if (manifest === undefined || size === undefined) return undefined;
  const { spec, packages, release, builtAt } = manifest;
  const initrd = join(directory, ROOM_NAMES.boot, `initrd.img-${release}`);
  return { spec, key, disk, diskBytes: size, initrd, packages, directory, release, builtAt };
}

/** Programs of a build, with their Debian packages. */
const BUILDERS = { mmdebstrap: 'mmdebstrap', tar: 'tar', mke2fs: 'e2fsprogs' } as const;

/** Whether this is root; else files get their owners from fakeroot. Throws a usage fault for a program that is missing. */
async function requireBuilders(): Promise<boolean> {
  const isRoot = process.getuid?.() === 0;
  const needed = { ...BUILDERS, ...(isRoot ? {} : { fakeroot: 'fakeroot' }) };
  await requirePrograms(needed, 'build a distribution');
  return isRoot;
}

/** Throws a usage fault unless this host has what opens a distribution's disk and its dump. */
export async function requireOpeners(): Promise<void> {
  await requirePrograms(
    { debugfs: 'e2fsprogs', e2fsck: 'e2fsprogs', makedumpfile: 'makedumpfile' },
    'open the dump of a distribution',
  );
}

/** Throws a usage fault that names the packages of the programs that this host lacks. */
async function requirePrograms(needed: Readonly<Record<string, string>>, what: string): Promise<void> {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const missing: [string, string][] = [];
  for (const [program, named] of Object.entries(needed)) {
    if ((await which(program, { nothrow: true, path })) === null) missing.push([program, named]);
  }
  if (missing.length === 0) return;
  const programs = missing.map(([program]) => program).join(', ');
  const packages = [...new Set(missing.map(([, named]) => named))].join(' ');
  throw usageFault(
    `cannot ${what}: ${programs} ${missing.length === 1 ? 'is' : 'are'} not installed; apt-get install ${packages}`,
  );
}

/** kdump-tools makes its initramfs anew at the first boot unless its copy of the sysctls is there (kdump-config 1:1.8.1). */
const KDUMP_INITRAMFS = `for image in /boot/vmlinuz-*; do
release=\${image#/boot/vmlinuz-}
[ -e "/var/lib/kdump/initrd.img-$release" ] || /etc/kernel/postinst.d/kdump-tools "$release" || exit 1
cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$release" || exit 1
done`;

/** Unpacks the system, makes the disk of it, and keeps what boots it. */
const MAKE_DISK = `set -e
mkdir root
tar -xf root.tar -C root --numeric-owner
rm root.tar
rm -f root/etc/hostname root/etc/resolv.conf
echo debian >root/etc/hostname
mke2fs -q -t ext4 -d root out/disk.ext4 "$1M"
cp root/boot/vmlinuz-* root/boot/config-* root/boot/initrd.img-* out/boot/
chmod a+r out/boot/*
cp root/var/lib/dpkg/status status`;

async function make(
  recipe: Recipe,
  {
    key,
    sources,
    privileged,
    ...options
  }: BuildOptions & { readonly key: string; readonly sources: string; readonly privileged: boolean },
): Promise<BuiltDistribution> {
  const { cacheDir, onProgress, signal } = options;
  const refuse = (why: string) =>
    harnessFault(
      `cannot build distribution "${recipe.spec}": ${why}; look at the archive, or set CRASHPATH_DEBIAN_MIRROR`,
    );
  await withTempDir(placeOf(cacheDir), async (dir) => {
    onProgress?.(`building ${recipe.spec} by mmdebstrap: some 150 MB of packages, 3 GB of room for a while`);
    await writeFile(join(dir, 'debian.sources'), sources);
    await writeFile(join(dir, 'answers'), `${recipe.answers.join('\n')}\n`);
    await writeFile(join(dir, 'kdump-initramfs'), KDUMP_INITRAMFS);
    // mmdebstrap does not promise a working directory to its hooks.
    const file = (name: string) => `'${join(dir, name).replaceAll("'", String.raw`'\''`)}'`;
    const hooks = [`--essential-hook=chroot "$1" debconf-set-selections <${file('answers')}`];
    for (const [path, content] of Object.entries(recipe.files)) {
      const name = sha256Of(path).slice(0, 16);
      await writeFile(join(dir, name), content);
      hooks.push(
        `--essential-hook=mkdir -p "$1${dirname(path)}"`,
        `--essential-hook=cp ${file(name)} "$1${path}"`,
      );
    }
    const each = (line: string) => {
      if (line.startsWith('I: ')) onProgress?.(`${recipe.spec}: ${line.slice(3)}`);
    };
    // mmdebstrap reports on stderr.
    const built = await runTool(
      [
        'sh',
        ...['-c', 'exec "$@" 2>&1 1>&3 3>&-', 'sh'],
        'mmdebstrap',
        ...['--variant=minbase', '--architectures=amd64', '--format=tar'],
        `--include=${recipe.packages.join(',')}`,
        '--aptopt=APT::Install-Recommends "false"',
        ...hooks,
        `--customize-hook=chroot "$1" sh -s <${file('kdump-initramfs')}`,
        ...[recipe.suite, join(dir, 'root.tar'), join(dir, 'debian.sources')],
      ],
      {
        deadlineMs: BUILD_DEADLINE_MS,
        signal,
        cwd: dir,
        name: 'mmdebstrap',
        lines: { from: 'stdout', each },
      },
    );
    if (!built.ok) {
      const errors = built.stdout.split('\n').filter((line) => line.startsWith('E: '));
      throw refuse(errors.at(0)?.slice(3) ?? built.why);
    }
    onProgress?.(`${recipe.spec}: making its disk`);
    await mkdir(join(dir, 'out', ROOM_NAMES.boot), { recursive: true });
    const script = ['sh', '-c', MAKE_DISK, 'sh', String(recipe.diskMiB)] as const;
    const disk = await runTool(privileged ? script : ['fakeroot', ...script], {
      deadlineMs: BUILD_DEADLINE_MS,
      signal,
      cwd: dir,
      name: 'mke2fs',
    });
    if (!disk.ok) throw refuse(disk.why);
    const kernels = (await readdir(join(dir, 'out', ROOM_NAMES.boot))).filter((name) =>
      name.startsWith('vmlinuz-'),
    );
    const [kernel] = kernels;
    if (kernel === undefined || kernels.length > 1) throw refuse(`it has ${kernels.length} kernels`);
    const manifest = {
      spec: recipe.spec,
      suite: recipe.suite,
      builtAt: new Date().toISOString(),
      release: kernel.slice('vmlinuz-'.length),
      packages: versionsIn(await readFile(join(dir, 'status'), 'utf8')),
    };
    await writeFile(join(dir, 'out', ROOM_NAMES.manifest), `${JSON.stringify(manifest, null, 2)}\n`);
    await publish(placeOf(cacheDir), {
      from: join(dir, 'out'),
      to: join(resolve(cacheDir), FOLDER, key),
      isIntact: async () => (await inCache(key, cacheDir)) !== undefined,
    });
  });
  const made = await inCache(key, cacheDir);
  if (made === undefined) throw refuse('its directory in the cache was removed meanwhile');
  return made;
}

/** Versions of the packages that decide the dump, from dpkg's status file. */
function versionsIn(status: string): Record<string, string> {
  const wanted = new Set<string>(KDUMP_PACKAGES);
  const versions: Record<string, string> = {};
  for (const stanza of status.split('\n\n')) {
    const name = /^Package: (.*)$/m.exec(stanza)?.[1];
    const version = /^Version: (.*)$/m.exec(stanza)?.[1];
    if (name !== undefined && version !== undefined && wanted.has(name)) versions[name] = version;
  }
  return versions;
}
