/** A gdbstub in this process, on a Unix socket. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { PacketFraming } from '../../qemu/gdbstub/framing.js';
import { framePacket } from '../../qemu/gdbstub/packet.js';
import { REGISTER_NAMES } from '../../qemu/gdbstub/register-layout.js';
import { scratchDirectory } from '../files.js';

/** One connected client, seen from the stub. */
export interface FakePeer {
  /** Bytes as they are. */
  raw(bytes: string): void;
  /** A framed packet. */
  packet(payload: string): void;
  /** `+`, then a framed packet. */
  reply(payload: string): void;
  /** Closes the connection. */
  end(): void;
}

/** The stub's reaction to a packet. `true`: done; `false`: answer as QEMU would. */
export type FakeBehaviour = (packet: string, peer: FakePeer) => boolean;

export interface FakeStub extends AsyncDisposable {
  readonly path: string;
  /** Every packet that clients sent, `\x03` among them. */
  readonly received: string[];
  /** All bytes that clients sent. */
  bytes(): string;
  /** The connected client. */
  peer(): FakePeer;
}

/** Description of a target whose registers come in the order of REGISTER_NAMES, 8 bytes each; one is commented out. */
const TARGET = '<target><xi:include href="core.xml"/></target>';
const CORE = `<feature><!--reg name="cs_base" bitsize="64"/-->${REGISTER_NAMES.map(
  (name) => `<reg name="${name === 'rflags' ? 'eflags' : name}" bitsize="64" type="int64"/>`,
).join('')}</feature>`;

/** A stub with two vCPUs that is stopped; every register reads as its number. */
export async function fakeStub(behave: FakeBehaviour = () => false): Promise<FakeStub> {
  const directory = await scratchDirectory();
  const path = join(directory.path, 'gdb.sock');
  const received: string[] = [];
  let bytes = '';
  let socket: Socket | undefined;
  const server: Server = createServer((connected) => {
    socket = connected;
    const peer = peerOf(connected);
    const framing = new PacketFraming();
    connected.on('error', () => connected.destroy());
    connected.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      for (const byte of chunk) if (byte === 3) handle('\u0003', peer);
      framing.push(chunk, (item) => {
        if (item.kind === 'packet') handle(item.payload, peer);
      });
    });
  });
  const handle = (packet: string, peer: FakePeer): void => {
    received.push(packet);
    if (behave(packet, peer)) return;
    const answer = packet === '\u0003' ? undefined : answerOf(packet);
    if (answer === undefined) peer.raw('+');
    else peer.reply(answer);
  };
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    received,
    bytes: () => bytes,
    peer: () => {
      if (socket === undefined) throw new Error('no client is connected');
      return peerOf(socket);
    },
    [Symbol.asyncDispose]: async () => {
      socket?.destroy();
      server.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function peerOf(socket: Socket): FakePeer {
  const raw = (text: string): void => {
    if (!socket.destroyed) socket.write(Buffer.from(text, 'latin1'));
  };
  return {
    raw,
    packet: (payload) => raw(framePacket(payload)),
    reply: (payload) => raw(`+${framePacket(payload)}`),
    end: () => socket.destroy(),
  };
}

/** The answer of QEMU 7.2's stub; `undefined` for a resume. */
function answerOf(packet: string): string | undefined {
  if (packet.startsWith('qSupported')) {
    return 'PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+';
  }
  if (packet === '?') return 'T05thread:p01.01;';
  if (packet === 'vCont?') return 'vCont;c;C;s;S';
  if (packet === 'qfThreadInfo') return 'mp01.01,p01.02';
  if (packet === 'qsThreadInfo') return 'l';
  if (packet.startsWith('vCont;')) return undefined;
  if (packet === 'g') {
    return REGISTER_NAMES.map((_, number) => `${number.toString(16).padStart(2, '0')}00000000000000`).join(
      '',
    );
  }
  if (packet.startsWith('m')) return '5a'.repeat(Number.parseInt(packet.split(',')[1] ?? '0', 16));
  const part = /^qXfer:features:read:(target|core)\.xml:([0-9a-f]+),([0-9a-f]+)$/u.exec(packet);
  if (part === null) return 'OK';
  const text = part[1] === 'core' ? CORE : TARGET;
  const [from, count] = [Number.parseInt(part[2] ?? '', 16), Number.parseInt(part[3] ?? '', 16)];
  return `${from + count < text.length ? 'm' : 'l'}${text.slice(from, from + count)}`;
}
