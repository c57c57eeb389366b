import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { KernelOptions } from '../options.js';
import {
  debianSources,
  isMirrorUri,
  parseDeb822Sources,
  parseListSources,
  type Source,
  sourcesForSuite,
  sourcesFromMirror,
} from './sources.js';

/** Names a mirror to use instead of the host's archive, in particular on hosts that are not Debian. */
const MIRROR_VARIABLE = 'CRASHPATH_DEBIAN_MIRROR';
/** Installed by the package debian-archive-keyring, on Debian and its derivatives. */
const DEFAULT_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The archives with kernels: those of the host's apt configuration, or `suite` of the same archives. Faults: usage for
 * a bad mirror in the environment, harness when the host names no Debian archive.
 */
export async function hostSources(suite: string | undefined, options: KernelOptions): Promise<Source[]> {
  const configured = debianSources(await readSources(options.aptEtcDir ?? '/etc/apt'));
  const mirror = process.env[MIRROR_VARIABLE];
  if (mirror !== undefined && mirror !== '' && !isMirrorUri(mirror)) {
    throw usageFault(
      `cannot use ${MIRROR_VARIABLE} "${mirror}": it is not an http, https or file URI; give the URI that holds dists/ and pool/`,
    );
  }
  const sources = mirror ? sourcesFromMirror(configured, mirror, DEFAULT_KEYRING) : configured;
  const wanted = suite === undefined ? sources : sourcesForSuite(sources, suite);
  if (wanted.length > 0) return wanted;
  throw harnessFault(
    `cannot look for Debian kernels in "${suite ?? 'the configured suites'}": the apt sources of this host name no such Debian archive; set ${MIRROR_VARIABLE} to the URI of a Debian mirror, or give the path of a kernel`,
  );
}

async function readSources(etcDir: string): Promise<Source[]> {
  const inParts = (await readdir(join(etcDir, 'sources.list.d')).catch(() => [])).toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  const files = [
    join(etcDir, 'sources.list'),
    ...inParts.map((name) => join(etcDir, 'sources.list.d', name)),
  ];
  const found = await Promise.all(
    files.map(async (file) => {
      if (!/\.(list|sources)$/.test(file)) return [];
      const text = await readFile(file, 'utf8').catch(() => '');
      return file.endsWith('.sources') ? parseDeb822Sources(text) : parseListSources(text);
    }),
  );
  return found.flat();
}
