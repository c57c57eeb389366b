import { readdir, readFile } from 'node:fs/promises';
import { homedir, hostname, userInfo } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { glob, parse } from 'ssh-config';
import { errnoOf, messageOf } from '../model/errno.js';
import { foldLine } from '../model/escape.js';
import { Fault, usageFault } from '../model/fault.js';
import { fitsGlob } from '../model/glob.js';
import type { HostAddress } from './address.js';

/** How to reach a server, after the user's ssh configuration. */
export interface SshSettings {
  /** The name by which the user knows it, for messages. */
  readonly given: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** The name under which its key is looked up. */
  readonly hostKeyName: string;
  /** The port with it: an alias (HostKeyAlias) stands for the usual one. */
  readonly hostKeyPort: number;
  /** Files of private keys, absolute; those of the configuration, or the usual ones. */
  readonly identityFiles: readonly string[];
  /** Only the keys in {@link identityFiles} are offered, also of those that the agent has. */
  readonly identitiesOnly: boolean;
  /** Socket of the ssh agent. */
  readonly agent: string | undefined;
  readonly knownHostsFiles: readonly string[];
  /** Hosts to go through, the first one first; names of the same configuration, or `[user@]host[:port]`. */
  readonly jumps: readonly string[];
  /** A connection on which nothing comes for so many of these intervals is lost (ServerAliveInterval, -CountMax). */
  readonly serverAlive: { readonly intervalMs: number; readonly count: number };
  /** Connecting, the handshake and logging in (ConnectTimeout). */
  readonly connectMs: number;
}

/** Where the configuration is; tests have their own. */
export interface ConfigPlaces {
  /** `~` in the configuration. */
  readonly home: string;
  readonly userConfig: string;
  /** The user's file was named, and must be there. */
  readonly isNamed?: boolean;
  readonly systemConfig: string;
  /** `SSH_AUTH_SOCK`. */
  readonly agent: string | undefined;
}

/** The places of this user. `$CRASHPATH_SSH_CONFIG` replaces `~/.ssh/config`, as `ssh -F` does. */
export function configPlaces(): ConfigPlaces {
  const home = homedir();
  const { CRASHPATH_SSH_CONFIG: own, SSH_AUTH_SOCK: agent } = process.env;
  const isOwn = own !== undefined && own !== '';
  return {
    home,
    userConfig: isOwn ? own : join(home, '.ssh', 'config'),
    isNamed: isOwn,
    // ssh -F ignores the system-wide file as well.
    systemConfig: isOwn ? '/dev/null' : '/etc/ssh/ssh_config',
    agent: agent === '' ? undefined : agent,
  };
}

const SERVER_ALIVE = { intervalS: 5, count: 3 };
const CONNECT_S = 20;
const MOST_S = 3_600;
const USUAL_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const LONGEST_FILE_BYTES = 1024 * 1024;
const DEEPEST_INCLUDE = 8;

/**
 * Applies the user's and the system's ssh configuration (ssh_config(5)) to an address. The address itself has precedence.
 * Throws a usage fault for what is not supported there: ProxyCommand, and tokens other than %d, %h, %n, %p, %r, %u and %%.
 */
export async function sshSettings(
  address: HostAddress,
  places: ConfigPlaces = configPlaces(),
): Promise<SshSettings> {
  const texts = [
    await readConfig(places.userConfig, {
      home: places.home,
      folder: join(places.home, '.ssh'),
      depth: 0,
      isNeeded: places.isNamed,
    }),
    await readConfig(places.systemConfig, { home: places.home, folder: '/etc/ssh', depth: 0 }),
  ];
  const found = compute(texts, address);
  const text = (key: string) => found.get(key)?.at(-1);
  const refuse = (why: string, remedy: string) =>
    usageFault(`cannot use host "${address.given}": ${why} in the ssh configuration; ${remedy}`);

  const proxyCommand = text('proxycommand');
  if (proxyCommand !== undefined && proxyCommand.toLowerCase() !== 'none') {
    throw refuse('a ProxyCommand is set', 'use ProxyJump, or ProxyCommand none');
  }
  const hostName = (text('hostname') ?? address.host).replaceAll('%h', address.host).replaceAll('%%', '%');
  const port = address.port ?? Number(text('port') ?? 22);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refuse('Port is no port', 'correct it');
  const number = (key: string, { standard, least }: { standard: number; least: number }): number => {
    const given = text(key.toLowerCase());
    if (given === undefined) return standard;
    if (/^\d{1,6}$/.test(given) && Number(given) >= least && Number(given) <= MOST_S) return Number(given);
    throw refuse(`"${given}" is no ${key} that can be used`, `use ${least} to ${MOST_S}, without a unit`);
  };
  const user = address.user ?? text('user') ?? userInfo().username;
  const tokens: Readonly<Record<string, string>> = {
    d: places.home,
    h: hostName,
    n: address.host,
    p: String(port),
    r: user,
    u: userInfo().username,
    l: hostname(),
    '%': '%',
  };
  const path = (given: string): string => {
    const whole = given.replace(/%(.)/gs, (token, letter: string) => {
      const value = tokens[letter];
      if (value === undefined) throw refuse(`"${token}" in "${given}" is not supported`, 'write it out');
      return value;
    });
    return whole.startsWith('~/') ? join(places.home, whole.slice(2)) : whole;
  };
  const named = (found.get('identityfile') ?? []).filter((file) => file.toLowerCase() !== 'none');
  const agent = text('identityagent');
  const jump = text('proxyjump');
  const usual = USUAL_KEYS.map((name) => join(places.home, '.ssh', name));
  return {
    given: address.given,
    hostName,
    port,
    user,
    hostKeyName: text('hostkeyalias') ?? hostName,
    hostKeyPort: text('hostkeyalias') === undefined ? port : 22,
    identityFiles: named.length > 0 ? named.map(path) : usual,
    identitiesOnly: text('identitiesonly')?.toLowerCase() === 'yes',
    agent: agentOf(agent, { path, standard: places.agent }),
    knownHostsFiles: [
      ...(found.get('userknownhostsfile') ?? ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
      ...(found.get('globalknownhostsfile') ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
    ].map(path),
    jumps: jump === undefined || jump.toLowerCase() === 'none' ? [] : jump.split(','),
    serverAlive: {
      intervalMs: 1_000 * number('ServerAliveInterval', { standard: SERVER_ALIVE.intervalS, least: 1 }),
      count: number('ServerAliveCountMax', { standard: SERVER_ALIVE.count, least: 1 }),
    },
    connectMs: 1_000 * number('ConnectTimeout', { standard: CONNECT_S, least: 1 }),
  };
}

/** `none`, `SSH_AUTH_SOCK`, `$VARIABLE`, or a path. */
function agentOf(
  given: string | undefined,
  { path, standard }: { path: (given: string) => string; standard: string | undefined },
): string | undefined {
  if (given === undefined || given === 'SSH_AUTH_SOCK') return standard;
  if (given.toLowerCase() === 'none') return undefined;
  return given.startsWith('$') ? process.env[given.slice(1).replace(/^\{(.*)\}$/, '$1')] : path(given);
}

/** Values by lower-case keyword; of one value the first counts, and it is the only one here. */
function compute(texts: readonly string[], address: HostAddress): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of texts) {
    let values: Record<string, unknown>;
    try {
      const wanted = { Host: address.host, ...(address.user === undefined ? {} : { User: address.user }) };
      const config = parse(text);
      const command = commandOfMatch(config, address);
      if (command !== undefined) {
        throw usageFault(
          `cannot use host "${address.given}": whether "Match exec ${command}" of the ssh configuration holds is not asked; name the host in a Host block before it, or with CRASHPATH_SSH_CONFIG a file without it`,
        );
      }
      values = config.compute(wanted, { ignoreCase: true, matchExec: false });
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw usageFault(
        `cannot use host "${address.given}": the ssh configuration cannot be read (${messageOf(error)}); correct it`,
        error,
      );
    }
    for (const [key, value] of Object.entries(values)) {
      const list = (Array.isArray(value) ? value : [value]).map(String);
      if (!found.has(key) || key === 'identityfile') found.set(key, [...(found.get(key) ?? []), ...list]);
    }
  }
  return found;
}

/** The command of the first `Match ... exec` that may concern this host; no command of a configuration is run. */
function commandOfMatch(config: ReturnType<typeof parse>, { host }: HostAddress): string | undefined {
  for (const line of config) {
    if (!('criteria' in line)) continue;
    const criteria = Object.entries(line.criteria).map(([key, value]) => {
      const words = typeof value === 'string' ? value : value.map(({ val }) => val);
      return { key: key.toLowerCase(), words };
    });
    const command = criteria.find(({ key }) => key === 'exec');
    const hosts = criteria.filter(({ key }) => key === 'host' || key === 'originalhost');
    if (command === undefined || !hosts.every(({ words }) => glob(words, host))) continue;
    return foldLine([command.words].flat().join(' '), 80);
  }
  return undefined;
}

interface Reading {
  readonly home: string;
  /** Relative names of Include are below it. */
  readonly folder: string;
  readonly depth: number;
  /** A file that is not there is a fault, not an empty one. */
  readonly isNeeded?: boolean | undefined;
}

/** A configuration with the files that it includes in place; '' when there is none. */
async function readConfig(path: string, reading: Reading): Promise<string> {
  if (path === '/dev/null') return '';
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && reading.isNeeded !== true) return '';
    throw usageFault(`cannot read ssh configuration "${path}": ${messageOf(error)}; repair it`, error);
  }
  if (text.length > LONGEST_FILE_BYTES) {
    throw usageFault(`cannot read ssh configuration "${path}": it has ${text.length} characters; shorten it`);
  }
  const lines: string[] = [];
  let inBlock = false;
  for (const line of text.split('\n')) {
    if (/^\s*(?:host|match)[\s=]/i.test(line)) inBlock = true;
    const include = /^\s*include(?:\s+|\s*=\s*)(.+)$/i.exec(line)?.[1];
    if (include === undefined) {
      lines.push(line);
      continue;
    }
    if (inBlock) {
      throw usageFault(
        `cannot read ssh configuration "${path}": it has an Include inside a Host or Match block; move it to the top`,
      );
    }
    if (reading.depth >= DEEPEST_INCLUDE) {
      throw usageFault(`cannot read ssh configuration "${path}": files include each other; correct it`);
    }
    for (const word of include.trim().split(/\s+/)) {
      for (const file of await filesOf(word.replaceAll('"', ''), reading)) {
        lines.push(
          await readConfig(file, { ...reading, depth: reading.depth + 1, isNeeded: false }),
          'Match all',
        );
      }
    }
  }
  return lines.join('\n');
}

/** The files of an Include; its last part may have wildcards. */
async function filesOf(given: string, { home, folder }: Reading): Promise<string[]> {
  const expanded = given.startsWith('~/') ? join(home, given.slice(2)) : given;
  const path = isAbsolute(expanded) ? expanded : join(folder, expanded);
  const pattern = basename(path);
  if (!/[*?]/.test(pattern)) return [path];
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => fitsGlob(name, pattern))
    .sort()
    .map((name) => join(dirname(path), name));
}
