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

const KEY_MAGIC = 'openssh-key-v1\0';

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
      const inside = publicPartOf(text);
      if (inside !== undefined) mine.push(inside);
      continue;
    }
    // The agent has the private half of a key of which only the public one is named.
    if (!key.isPrivateKey()) {
      mine.push(key.getPublicSSH());
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

/** Of a locked private key in OpenSSH's format its public key, which is not encrypted (PROTOCOL.key). */
function publicPartOf(text: string): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, 'base64');
  if (bytes.toString('latin1', 0, KEY_MAGIC.length) !== KEY_MAGIC) return undefined;
  let at = KEY_MAGIC.length;
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at);
    const value = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  try {
    // Cipher, key derivation and its options; then the number of keys, which is 1.
    for (let field = 0; field < 3; field += 1) next();
    at += 4;
    return next();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
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
