import { createHmac } from 'node:crypto';

/** A file of known hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHostsFile {
  readonly path: string;
  readonly text: string;
}

/** A server as its host key is looked up. */
export interface NamedServer {
  /** Name or address as it was connected to; not the user's alias, unless that is configured. */
  readonly name: string;
  readonly port: number;
}

/** What the files say about a key. `where` is `path:line`. */
export type HostKeyFinding =
  | { readonly kind: 'known' }
  | { readonly kind: 'revoked'; readonly where: string }
  | { readonly kind: 'changed'; readonly where: string }
  | { readonly kind: 'other-type'; readonly where: string; readonly types: readonly string[] }
  | { readonly kind: 'unknown' };

interface Entry {
  readonly where: string;
  readonly marker: string | undefined;
  readonly type: string;
  readonly blob: Buffer;
}

const DEFAULT_PORT = 22;

/**
 * Whether a host key is the known one: a revoked key is never, then any line with this key is enough. Lines of certificate
 * authorities are not used. Pure.
 */
export function judgeHostKey(
  files: readonly KnownHostsFile[],
  server: NamedServer,
  key: Buffer,
): HostKeyFinding {
  const entries = entriesOf(files, server);
  const same = entries.filter(({ blob }) => blob.equals(key));
  const revoked = same.find(({ marker }) => marker === '@revoked');
  if (revoked !== undefined) return { kind: 'revoked', where: revoked.where };
  const plain = entries.filter(({ marker }) => marker === undefined);
  if (same.some(({ marker }) => marker === undefined)) return { kind: 'known' };
  const type = typeOf(key);
  const changed = plain.find((entry) => entry.type === type);
  if (changed !== undefined) return { kind: 'changed', where: changed.where };
  const [other] = plain;
  if (other === undefined) return { kind: 'unknown' };
  return {
    kind: 'other-type',
    where: other.where,
    types: [...new Set(plain.map((entry) => entry.type))],
  };
}

/** Types of the keys that are known for a server: it is asked for one of them first. Pure. */
export function knownKeyTypes(files: readonly KnownHostsFile[], server: NamedServer): string[] {
  const plain = entriesOf(files, server).filter(({ marker }) => marker === undefined);
  return [...new Set(plain.map(({ type }) => type))];
}

/** The type of a key, from its blob (RFC 4253, section 6.6): a length, 32 bits, big endian, then the name. Pure. */
export function typeOf(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 64 ? '' : key.toString('latin1', 4, 4 + length);
}

/** The name under which a server's key is stored: with the port, unless it is the usual one. Pure. */
export function lookupName({ name, port }: NamedServer): string {
  const lower = name.toLowerCase();
  return port === DEFAULT_PORT ? lower : `[${lower}]:${port}`;
}

function entriesOf(files: readonly KnownHostsFile[], server: NamedServer): Entry[] {
  const name = lookupName(server);
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const words = line.trim().split(/\s+/);
      const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
      const [hosts = '', type = '', base64 = ''] = words;
      if (hosts === '' || hosts.startsWith('#') || base64 === '' || !matches(hosts, name)) return [];
      const blob = Buffer.from(base64, 'base64');
      // A line whose parts contradict each other is damaged.
      return typeOf(blob) === type ? [{ where: `${path}:${index + 1}`, marker, type, blob }] : [];
    }),
  );
}

/** One hashed name, or patterns separated by commas; a negated pattern that fits excludes the line. */
function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  const fits = (pattern: string) => globMatches(pattern, name);
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
}

/** `|1|salt|hash`: HMAC-SHA1 of the name with the salt as its key (OpenSSH 9.2, hostfile.c, host_hash()). */
function matchesHash(hosts: string, name: string): boolean {
  const found = /^\|1\|([^|]+)\|([^|]+)$/.exec(hosts);
  if (found === null) return false;
  const [, salt = '', hash = ''] = found;
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return made.equals(Buffer.from(hash, 'base64'));
}

/** `*` is any text, `?` one character; in time that grows with the product of the lengths. */
function globMatches(pattern: string, text: string): boolean {
  let [at, from, star, restart] = [0, 0, -1, 0];
  while (from < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at;
      at += 1;
      restart = from;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[from])) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      at = star + 1;
      restart += 1;
      from = restart;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
