/**
 * Loaded before a pure test (`node --import`): a test that starts a host's program or uses a network fails, with the
 * name that it must have instead. Unix sockets stay allowed, for fakes in the test's own process.
 */
import childProcess, { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Server, Socket } from 'node:net';
import { Socket as DatagramSocket } from 'node:dgram';
import { basename, delimiter, join } from 'node:path';

/** Programs that run guests or fetch from archives. */
const HOST_PROGRAM = /^(qemu-system-.*|apt|apt-get|apt-cache|curl|wget)$/;
/** Directories of the host's programs; one elsewhere is made by a test. */
const HOST_DIRECTORIES = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];

/** Throws, and fails the whole file: the tested code may catch the error as that of a missing program. */
function refuse(what: string): never {
  const why = `cannot ${what} in a pure test: it depends on the host; name the file *.host.test.ts or *.guest.test.ts`;
  process.once('exit', () => {
    process.stderr.write(`${why}\n`);
    process.exitCode = 1;
  });
  throw new Error(why);
}

/** Puts a check in front of a method; it throws when the call is not pure. */
function guard(prototype: object, method: string, check: (args: readonly unknown[]) => void): void {
  const original: unknown = Reflect.get(prototype, method);
  if (typeof original !== 'function') throw new Error(`Node has no ${method} here`);
  Reflect.set(prototype, method, function guarded(this: unknown, ...args: unknown[]): unknown {
    check(args);
    return Reflect.apply(original, this, args);
  });
}

/** The path of a Unix socket in what connect() and listen() are given; Node itself passes a normalized array. */
function isUnixSocket(args: readonly unknown[]): boolean {
  const [first] = args;
  const target: unknown = Array.isArray(first) ? first[0] : first;
  if (typeof target === 'string') return target.includes('/');
  return typeof target === 'object' && target !== null && typeof Reflect.get(target, 'path') === 'string';
}

function isHostProgram(word: unknown): word is string {
  if (typeof word !== 'string' || !HOST_PROGRAM.test(basename(word))) return false;
  if (word.includes('/')) return HOST_DIRECTORIES.some((directory) => word.startsWith(`${directory}/`));
  const found = (process.env['PATH'] ?? '').split(delimiter).find((directory) => {
    try {
      accessSync(join(directory, word), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found !== undefined && HOST_DIRECTORIES.includes(found);
}

guard(Socket.prototype, 'connect', (args) => {
  if (!isUnixSocket(args)) refuse('connect to a network address');
});
guard(Server.prototype, 'listen', (args) => {
  if (!isUnixSocket(args)) refuse('listen on a network address');
});
guard(DatagramSocket.prototype, 'bind', () => {
  refuse('bind a datagram socket');
});
/** Refuses a program of the host; it may also be an argument of another one, such as setpriv. */
function checkWords(words: readonly unknown[]): void {
  const program = words.find(isHostProgram);
  if (program !== undefined) refuse(`start ${program}`);
}

// spawn(), execFile() and fork() all end here.
guard(ChildProcess.prototype, 'spawn', ([options]) => {
  const { file, args }: { file?: unknown; args?: unknown } = options ?? {};
  checkWords([file, ...(Array.isArray(args) ? args : [])]);
});
for (const method of ['spawnSync', 'execFileSync']) {
  guard(childProcess, method, ([file, args]) => checkWords([file, ...(Array.isArray(args) ? args : [])]));
}
syncBuiltinESMExports();
