import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest } from '../../model/nearest.js';
import { errnoOf, messageOf } from '../../model/errno.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import { sha256Of } from '../../cache/sha256.js';
import { type PatchHeader, parsePatch } from './patch-text.js';

/** The package's images/ folder; compiled code and source lie at the same depth below the root. */
export const IMAGES_DIR = fileURLToPath(new URL('../../../images/', import.meta.url));
const PATCHES_DIR = join(IMAGES_DIR, 'patches');
const SUFFIX = /\.(patch|diff)$/;
/** With a version it must fit into the 64 characters of `uname -r`. */
const NAME_MAX = 24;

/** A kernel variant. */
export interface Variant extends PatchHeader {
  /** Name, as in `no-zap`. */
  readonly name: string;
  /** What is applied; absent for the kernel as it is. */
  readonly patch?:
    | {
        /** The files, in the order in which they are applied. */
        readonly paths: readonly [string, ...string[]];
        /** Of the diff, or of all of them in a row. */
        readonly sha256: string;
        readonly text: string;
      }
    | undefined;
}

/** The variants of crashpath (images/patches), by name. A harness Fault when they cannot be read. */
export async function listVariants(): Promise<Variant[]> {
  const variants = await Promise.all(
    (await shippedNames()).map((name) => readVariant(join(PATCHES_DIR, `${name}.patch`), { shipped: true })),
  );
  return variants.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a variant of that name is part of crashpath. */
export async function isVariantName(word: string): Promise<boolean> {
  return /^[\w.-]+$/.test(word) && (await shippedNames()).includes(word);
}

/**
 * The variant of that name, or the patch at that path (anything with a `/`, or a name that ends in .patch or
 * .diff). A usage Fault when there is none, or when the file holds no change.
 */
export async function findVariant(nameOrPath: string): Promise<Variant> {
  if (nameOrPath.includes('/') || SUFFIX.test(nameOrPath)) {
    return await readVariant(resolve(nameOrPath), { shipped: false });
  }
  const names = await shippedNames();
  if (names.includes(nameOrPath)) {
    return await readVariant(join(PATCHES_DIR, `${nameOrPath}.patch`), { shipped: true });
  }
  const near = nearest(nameOrPath, names, { howeverFar: true, count: names.length });
  throw usageFault(
    `cannot build kernel variant "${nameOrPath}": there is none of that name; write one of ${near.join(', ')}, or the path of a .patch file`,
  );
}

/**
 * Several variants and patches as one, applied in their order; none is the kernel as it is. Throws the faults of {@link
 * findVariant}.
 */
export async function findVariants(namesOrPaths: readonly string[]): Promise<Variant> {
  const [first, ...others] = await Promise.all(namesOrPaths.map(findVariant));
  if (first === undefined) return await findVariant('stock');
  if (others.length === 0) return first;
  const all = [first, ...others];
  const diffs = all.flatMap(({ patch }) => (patch === undefined ? [] : [patch]));
  const [path, ...paths] = diffs.flatMap(({ paths: files }) => files);
  return {
    name: joinedName(all.map(({ name }) => name)),
    description: all.map(({ description }) => description).join('; '),
    appliesTo: [],
    ...(path === undefined
      ? {}
      : {
          patch: {
            paths: [path, ...paths],
            sha256: sha256Of(diffs.map(({ sha256 }) => sha256).join('\n')),
            text: diffs.map(({ text }) => text).join('\n'),
          },
        }),
  };
}

/** The first name, and how many follow it: `fix-lock+2`. */
function joinedName([first = '', ...others]: readonly string[]): string {
  const more = `+${others.length}`;
  return `${first.slice(0, NAME_MAX - more.length)}${more}`;
}

async function shippedNames(): Promise<string[]> {
  try {
    const names = await readdir(PATCHES_DIR);
    return names.filter((name) => name.endsWith('.patch')).map((name) => name.replace(SUFFIX, ''));
  } catch (error) {
    throw harnessFault(
      `cannot read the kernel variants "${PATCHES_DIR}": ${messageOf(error)}; install crashpath again`,
      error,
    );
  }
}

async function readVariant(path: string, { shipped }: { shipped: boolean }): Promise<Variant> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const why = errnoOf(error) === 'ENOENT' ? 'no such file' : messageOf(error);
    throw usageFault(`cannot read patch "${path}": ${why}; give the path of a unified diff`, error);
  });
  const { hunks, diff, ...header } = parsePatch(text);
  const name = shortName(path);
  const described = { ...header, name, description: header.description || name };
  if (hunks > 0) {
    return { ...described, patch: { paths: [path], text, sha256: sha256Of(diff) } };
  }
  if (shipped) return described;
  throw usageFault(
    `cannot use patch "${path}": it holds no hunk (no line that begins with "@@ "); give a unified diff, as git diff and git format-patch write it`,
  );
}

/** A file name as a part of a kernel release. */
function shortName(path: string): string {
  const plain = basename(path)
    .replace(SUFFIX, '')
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, NAME_MAX)
    .replace(/[-.]+$/, '');
  return plain === '' ? 'patched' : plain;
}
