/** A QMP monitor in this process, on a Unix socket or behind a WebSocket. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { MessageFraming } from '../../qemu/qmp/framing.js';
import type { QmpMessage } from '../../qemu/qmp/message.js';
import { scratchDirectory } from '../files.js';

/** The greeting of a QEMU 9.9.1, a version that does not exist. */
export const GREETING = {
  QMP: { version: { qemu: { major: 9, minor: 9, micro: 1 }, package: 'fake' }, capabilities: ['oob'] },
};

/** One connected client, seen from the monitor. */
export interface FakePeer {
  /** Sends objects as JSON lines; text and bytes as they are. */
  send(message: object | string | Uint8Array): void;
  /** Closes the connection. */
  end(): void;
}

/** The monitor's reaction to a command; without a return value, `peer.send` answers. */
export type FakeBehaviour = (message: QmpMessage, peer: FakePeer) => void;

/** A monitor that listens on a Unix socket in a private directory, removed on dispose. */
export interface FakeMonitor extends AsyncDisposable {
  readonly path: string;
  /** Every message that clients sent. */
  readonly received: QmpMessage[];
}

/** Greets with `greeting`, answers qmp_capabilities itself and passes every other command to `behave`. */
export async function fakeMonitor(
  behave: FakeBehaviour,
  greeting: object | string = GREETING,
): Promise<FakeMonitor> {
  const directory = await scratchDirectory();
  const path = join(directory.path, 'qmp.sock');
  const received: QmpMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const peer: FakePeer = { send: (message) => socket.write(encode(message)), end: () => socket.end() };
    const framing = new MessageFraming();
    socket.on('data', (bytes) => framing.push(bytes, (message) => react(message, peer, received, behave)));
    peer.send(greeting);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    received,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await closeServer(server);
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** The same over WebSocket on a Unix socket; like QEMU it refuses text frames with 1003. */
export async function fakeWebSocketMonitor(
  behave: FakeBehaviour,
): Promise<FakeMonitor & { readonly url: string }> {
  const directory = await scratchDirectory();
  const path = join(directory.path, 'qmp.sock');
  const received: QmpMessage[] = [];
  const http = createHttpServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', (socket) => {
    const peer: FakePeer = { send: (message) => socket.send(encode(message)), end: () => socket.close() };
    const framing = new MessageFraming();
    socket.on('message', (data, isBinary) => {
      if (!isBinary) socket.close(1003, 'only binary');
      else if (Buffer.isBuffer(data)) framing.push(data, (message) => react(message, peer, received, behave));
    });
    peer.send(GREETING);
  });
  http.listen(path);
  await once(http, 'listening');
  return {
    path,
    url: `ws+unix:${path}:/`,
    received,
    [Symbol.asyncDispose]: async () => {
      for (const client of server.clients) client.terminate();
      server.close();
      await closeServer(http);
      await directory[Symbol.asyncDispose]();
    },
  };
}

function react(message: QmpMessage, peer: FakePeer, received: QmpMessage[], behave: FakeBehaviour): void {
  received.push(message);
  if (message['execute'] === 'qmp_capabilities') peer.send({ return: {}, id: message['id'] });
  else behave(message, peer);
}

function encode(message: object | string | Uint8Array): Uint8Array {
  if (message instanceof Uint8Array) return message;
  return Buffer.from(typeof message === 'string' ? message : `${JSON.stringify(message)}\r\n`);
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
