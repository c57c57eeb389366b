/**
 * Archives of Debian kernels: the host's own apt sources, reduced to the Debian archive and its security archive.
 * Formats: sources.list(5). Pure.
 */

import type { DebianArch } from '../spec.js';
import { isDebianSuite } from './suites.js';

/** One suite of one archive. */
export interface Source {
  readonly uri: string;
  readonly suite: string;
  /** Value of Signed-By as written: key file names, fingerprints, or an embedded key block (several lines). */
  readonly signedBy?: string | undefined;
  /** True when the source may be missing: not every suite has a security archive. */
  readonly optional: boolean;
}

const SCHEME = /^(?:mirror\+|tor\+)?(?:https?|file|copy|ftp|mirror):/;
/** Suites which are updated in place and never have a security archive. */
const WITHOUT_SECURITY = new Set(['sid', 'unstable', 'experimental']);

/** All enabled binary sources in a `.sources` file (deb822). */
export function parseDeb822Sources(text: string): Source[] {
  return text.split(/^[ \t\r]*$/m).flatMap((stanza) => {
    const fields = parseStanza(stanza);
    const types = words(fields.get('types'));
    if (!types.includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) return [];
    if (!words(fields.get('components')).includes('main')) return [];
    const signedBy = fields.get('signed-by');
    return words(fields.get('uris')).flatMap((uri) =>
      words(fields.get('suites')).map((suite) => ({ uri, suite, signedBy, optional: false })),
    );
  });
}

/** All binary sources in a one-line-style `.list` file. */
export function parseListSources(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    const [, options, uri, suite, components] = match ?? [];
    if (uri === undefined || suite === undefined || !words(components).includes('main')) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options ?? '')?.[1]?.replaceAll(',', ' ');
    return [{ uri, suite, signedBy, optional: false }];
  });
}

/**
 * Only the sources of the Debian archive or its security archive, by suite name, path (`debian...`) and key: others
 * publish suites of the same names, below other paths or signed with their own keys.
 */
export function debianSources(sources: readonly Source[]): Source[] {
  return sources.filter(
    ({ uri, suite, signedBy }) =>
      SCHEME.test(uri) &&
      isDebianSuite(suite) &&
      (isSecuritySuite(suite) || hasDebianPath(uri)) &&
      isDebianKey(signedBy),
  );
}

/** The same archives with another suite, and that suite's security archive where it may exist. */
export function sourcesForSuite(sources: readonly Source[], suite: string): Source[] {
  const archives = sources.filter((source) => !isSecuritySuite(source.suite));
  const security = sources.filter((source) => isSecuritySuite(source.suite));
  if (isSecuritySuite(suite)) return distinct(security.map((source) => ({ ...source, suite })));
  const wanted = archives.map((source) => ({ ...source, suite, optional: false }));
  if (suite.includes('-') || WITHOUT_SECURITY.has(suite)) return distinct(wanted);
  const fixes = security.map((source) => ({ ...source, suite: `${suite}-security`, optional: true }));
  return distinct([...wanted, ...fixes]);
}

/**
 * The configured suites (else `stable`) taken from `mirror`, signed with `keyring` where the host names no key. The
 * security archive stays as configured, but may be missing: a private mirror often has none.
 */
export function sourcesFromMirror(sources: readonly Source[], mirror: string, keyring: string): Source[] {
  const archives = sources.filter((source) => !isSecuritySuite(source.suite));
  const security = sources.filter((source) => isSecuritySuite(source.suite));
  const suites = archives.length > 0 ? archives : [{ suite: 'stable', signedBy: undefined }];
  return distinct([
    ...suites.map(({ suite, signedBy }) => ({
      uri: mirror,
      suite,
      signedBy: signedBy ?? keyring,
      optional: false,
    })),
    ...security.map((source) => ({ ...source, optional: true })),
  ]);
}

/** The same sources; those of the security archive may be missing. */
export function withOptionalSecurity(sources: readonly Source[]): Source[] {
  return sources.map((source) => ({ ...source, optional: source.optional || isSecuritySuite(source.suite) }));
}

/** True when `text` is a possible URI of a Debian mirror: http, https or file, on one line. */
export function isMirrorUri(text: string): boolean {
  if (/[\s[\]]/.test(text)) return false;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return false;
  if (url.protocol === 'file:') return url.pathname.startsWith('/');
  return ['http:', 'https:'].includes(url.protocol) && url.hostname !== '';
}

/** Sources as a deb822 file for a private apt directory: only the package lists of `main`, for one architecture. */
export function formatSources(sources: readonly Source[], arch: DebianArch = 'amd64'): string {
  return sources
    .map(({ uri, suite, signedBy }) =>
      [
        'Types: deb',
        `URIs: ${uri}`,
        `Suites: ${suite}`,
        'Components: main',
        `Architectures: ${arch}`,
        'Targets: Packages',
        ...(signedBy === undefined ? [] : [`Signed-By: ${signedBy}`]),
        '',
      ].join('\n'),
    )
    .join('\n');
}

function isSecuritySuite(suite: string): boolean {
  return suite.endsWith('-security') || suite.endsWith('/updates');
}

/** `.../debian`, `.../debian-archive/debian/`, a mirror list `.../debian.list`, a snapshot `.../debian/20250101T000000Z`. */
function hasDebianPath(uri: string): boolean {
  const segments = uri.replace(/\/+$/, '').split('/');
  const last = segments.at(-1) ?? '';
  const name = /^\d{8}T\d{6}Z$/.test(last) ? segments.at(-2) : last;
  return /^debian([-_.].*)?$/.test(name ?? '');
}

/** No key named (apt's trusted keys decide), an embedded key, fingerprints, or Debian's own key files. */
function isDebianKey(signedBy: string | undefined): boolean {
  if (signedBy?.includes('-----BEGIN PGP')) return true;
  return words(signedBy).every((word) => !word.startsWith('/') || /\/debian-[^/]*$/.test(word));
}

/** Fields by lower-case name; continuation lines stay in the value, with their leading space. */
function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const field = /^([^\s:]+):\s*(.*?)\s*$/.exec(line);
    if (field?.[1] !== undefined) {
      last = field[1].toLowerCase();
      fields.set(last, field[2] ?? '');
    } else if (last !== undefined && /^[ \t]+\S/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line.trimEnd()}`);
    }
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}

function distinct(sources: readonly Source[]): Source[] {
  const byPlace = new Map(
    sources.map((source) => [`${source.uri.replace(/\/+$/, '')} ${source.suite}`, source]),
  );
  return [...byPlace.values()];
}
