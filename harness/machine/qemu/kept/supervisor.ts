import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { signalGroup } from '../../../host/process-group.js';
import { KEEP_SOCKET } from '../../../kept/socket.js';
import { type Command, CommandSchema, type Report } from './protocol.js';

/**
 * The process that owns one QEMU whose guest may stay up after its run. It leads a process group of its own, in the run
 * directory. QEMU is its child, and the kernel kills QEMU when it dies. It ends QEMU when crashpath says so, when
 * crashpath ends without a word, when the time is over for which the guest is kept, when the run directory is removed, and
 * when `end` comes on its socket.
 */

const KILL_GRACE_MS = 1_000;
const STDERR_TAIL_CHARACTERS = 4_096;
const LONGEST_REQUEST = 64;
const LOOK_MS = 2_000;

let qemu: number | undefined;
let kept: { readonly files: readonly string[]; readonly untilMs: number } | undefined;
let ending = false;
/** Where `ended` goes. */
const askers = new Set<{ end(text: string): void }>();

function report(message: Report): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** SIGTERM, then SIGKILL; the end of QEMU ends this process. */
function end(): void {
  if (ending) return;
  ending = true;
  if (qemu === undefined) return leave();
  signalGroup(qemu, 'SIGTERM');
  setTimeout(() => signalGroup(qemu, 'SIGKILL'), KILL_GRACE_MS);
}

function leave(): void {
  for (const file of kept?.files ?? []) rmSync(file, { force: true });
  for (const asker of askers) asker.end('ended\n');
  // What is written is on its way: the sockets are closed by the exit only when they are empty.
  setTimeout(() => process.exit(0), askers.size === 0 ? 0 : 100);
}

function start(command: readonly string[]): void {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr = (stderr + bytes.toString('latin1')).slice(-STDERR_TAIL_CHARACTERS);
    if (kept === undefined) report({ report: 'stderr', tail: stderr });
  });
  child.once('error', (error) => {
    report({ report: 'failed', why: error.message });
    leave();
  });
  child.once('close', (code, signal) => {
    if (kept === undefined) report({ report: 'exit', code, signal, stderr });
    leave();
  });
  qemu = child.pid;
  if (qemu !== undefined) report({ report: 'started', pid: qemu });
}

function keep({ minutes, files }: { readonly minutes: number; readonly files: readonly string[] }): void {
  const server = createServer((socket) => {
    let request = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      request = (request + bytes.toString('latin1')).slice(0, LONGEST_REQUEST);
      if (!request.includes('\n')) return;
      const word = request.slice(0, request.indexOf('\n'));
      request = '';
      if (word === 'end') {
        askers.add(socket);
        end();
      } else if (word === 'status') {
        const leftMs = Math.max(0, (kept?.untilMs ?? 0) - performance.now());
        socket.end(`${JSON.stringify({ pid: qemu, supervisor: process.pid, leftMs: Math.round(leftMs) })}\n`);
      } else socket.destroy();
    });
  });
  server.once('error', (error) => report({ report: 'failed', why: error.message }));
  server.listen(KEEP_SOCKET, () => {
    kept = { files: [...files, KEEP_SOCKET], untilMs: performance.now() + minutes * 60_000 };
    setTimeout(end, minutes * 60_000);
    // Without its run directory nobody finds the guest.
    setInterval(() => existsSync(KEEP_SOCKET) || end(), LOOK_MS);
    report({ report: 'kept' });
  });
}

function obey(command: Command): void {
  if (command.do === 'start') start(command.command);
  else if (command.do === 'end') end();
  else keep(command);
}

// crashpath may be gone: what is said to it then is lost.
process.stdout.on('error', () => undefined);
process.umask(0o077);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => obey(CommandSchema.parse(JSON.parse(line))));
lines.once('close', () => {
  if (kept === undefined) end();
});
