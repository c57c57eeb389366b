import { readFile } from 'node:fs/promises';
import type { AnyAuthMethod, BaseAgent, OpenSSHAgent, ParsedKey, PublicKeyEntry, utils as Utils } from 'ssh2';
import { errnoOf } from '../model/errno.js';
import type { SshSettings } from './config.js';

/** The ways to log in that there are, and what to say when none of them works. */
export interface Credentials {
  readonly methods: AnyAuthMethod[];
  /** What was offered, a clause for people. */
  readonly offered: string;
  /** Key files that need a passphrase. */
  readonly encrypted: readonly string[];
}

/** The parts of ssh2 that are used; the library is loaded late. */
export interface KeyLibrary {
  readonly utils: typeof Utils;
  readonly OpenSSHAgent: typeof OpenSSHAgent;
}

type Identities = (error?: Error | null, keys?: ParsedKey[]) => void;

/**
 * The keys to log in with: files of the configuration, the agent's. A key file with a passphrase is left to the agent: no
 * passphrase is asked for, and none is stored.
 */
export async function credentialsFor(
  { user: username, identityFiles, identitiesOnly, agent }: SshSettings,
  { utils, OpenSSHAgent: Agent }: KeyLibrary,
): Promise<Credentials> {
  const methods: AnyAuthMethod[] = [];
  const offered: string[] = [];
  const encrypted: string[] = [];
  const mine: Buffer[] = [];
  for (const file of identityFiles) {
    const publicKey = utils.parseKey((await textOf(`${file}.pub`)) ?? '');
    if (!(publicKey instanceof Error)) mine.push(publicKey.getPublicSSH());
    const text = await textOf(file);
    if (text === undefined) continue;
    const key = utils.parseKey(text);
    if (key instanceof Error) {
      if (/passphrase|encrypted/i.test(key.message)) encrypted.push(file);
      continue;
    }
    methods.push({ type: 'publickey', username, key: text });
    offered.push(file);
  }
  if (agent !== undefined) {
    methods.push({
      type: 'agent',
      username,
      agent: identitiesOnly ? only(new Agent(agent), mine) : new Agent(agent),
    });
    offered.push("the agent's keys");
  }
  return { methods, encrypted, offered: offered.length === 0 ? 'no key' : offered.join(', ') };
}

/** An agent that shows some of its keys only. */
function only(agent: OpenSSHAgent, shown: readonly Buffer[]): BaseAgent {
  const all = agent.getIdentities.bind(agent);
  agent.getIdentities = (callback: Identities) => {
    all((error, keys) => {
      const isShown = (key: ParsedKey | PublicKeyEntry): key is ParsedKey =>
        'getPublicSSH' in key && shown.some((wanted) => wanted.equals(key.getPublicSSH()));
      callback(error ?? null, keys?.filter(isShown));
    });
  };
  return agent;
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
