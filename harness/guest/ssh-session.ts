import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import type { Copy, SshSession, UserKey } from '../trigger/target.js';

/** Output of a command that is kept; the guest may send more. */
const MAX_OUTPUT_BYTES = 64 * 1024;
/** Bytes of one write of a copy. */
const PIECE_BYTES = 64 * 1024;

/** ssh2 takes 0.1 s to load, so it is loaded on demand. */
async function ssh2() {
  return (await import('ssh2')).default;
}

/** A fresh Ed25519 pair. */
export async function freshUserKey(): Promise<UserKey> {
  const pair = (await ssh2()).utils.generateKeyPairSync('ed25519');
  return { privateKey: pair.private, publicKey: pair.public };
}

/**
 * Logs in as root over a stream. The host key must be the one that the guest sent over the control channel
 * (`ssh-ed25519 AAAA...`). Rejects when the handshake fails or the key is another one; it has no deadline.
 */
export async function openSsh(
  stream: Duplex,
  options: { user: UserKey; hostKey: string },
): Promise<SshSession> {
  const expected = Buffer.from(options.hostKey.split(' ')[1] ?? '', 'base64');
  const { Client } = await ssh2();
  const client = new Client();
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', reject);
    client.once('close', () => reject(new Error('the connection was closed during the handshake')));
    client.connect({
      sock: stream,
      username: 'root',
      privateKey: options.user.privateKey,
      // The caller's deadline counts the guest's own time.
      readyTimeout: 0,
      hostVerifier: (key: Buffer) => key.equals(expected),
    });
  });
  // The guest is meant to die during the session; waits for a channel end with its close.
  client.on('error', () => undefined);
  const open = (command: string) =>
    new Promise<ClientChannel>((resolve, reject) => {
      const lost = () => reject(new Error('the ssh session ended'));
      client.once('close', lost);
      client.exec(command, (error, channel) => {
        client.off('close', lost);
        if (error === undefined) resolve(channel);
        else reject(error);
      });
    });
  const session: SshSession = {
    async run(command) {
      const channel = await open(command);
      let output = '';
      const keep = (bytes: Buffer) => {
        if (output.length < MAX_OUTPUT_BYTES) output += bytes.toString('latin1');
      };
      channel.on('data', keep);
      channel.stderr.on('data', keep);
      return new Promise((resolve) => {
        let status: number | null = null;
        channel.on('exit', (code: number | null) => {
          status = code;
        });
        channel.on('close', () => resolve({ status, output: output.slice(0, MAX_OUTPUT_BYTES) }));
      });
    },
    async arm(command) {
      const channel = await open(`read -r line && ${command}`);
      channel.resume();
      channel.stderr.resume();
      return () => channel.write('\n');
    },
    async copy(path, size) {
      return copyThrough(await open(`cat >${path}`), size);
    },
    close() {
      client.destroy();
    },
  };
  return session;
}

function copyThrough(channel: ClientChannel, size: number): Copy {
  const hash = createHash('sha256');
  let sentBytes = 0;
  channel.resume();
  channel.stderr.resume();
  const done = new Promise<string>((resolve, reject) => {
    let status: number | undefined;
    channel.on('exit', (code: number) => {
      status = code;
    });
    channel.on('close', () => {
      if (status === 0 && sentBytes === size) resolve(hash.digest('hex'));
      else reject(new Error(`the copy ended after ${sentBytes} of ${size} bytes`));
    });
    const more = () => {
      while (sentBytes < size) {
        const piece = randomBytes(Math.min(PIECE_BYTES, size - sentBytes));
        hash.update(piece);
        sentBytes += piece.length;
        if (!channel.write(piece)) {
          channel.once('drain', more);
          return;
        }
      }
      channel.end();
    };
    more();
  });
  // A copy that is not awaited ends with the guest.
  done.catch(() => undefined);
  return {
    get sentBytes() {
      return sentBytes;
    },
    done,
  };
}
