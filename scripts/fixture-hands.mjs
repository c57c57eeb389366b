/** Actions of a recipe on a running guest, from outside: kill its QEMU, interrupt the run, write its memory. */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, relative } from 'node:path';

/** QEMU arguments for a qtest socket in the run directory: it writes guest memory without the guest's involvement. */
export const QTEST_ARGS = ['-qtest', 'unix:qtest.sock,server=on,wait=off', '-qtest-log', 'none'];

/** Actions on the guest whose run directory is `directory`. */
export function guestHand(directory) {
  const abort = new AbortController();
  let pid;
  return {
    signal: abort.signal,
    interrupt: () => abort.abort('SIGINT'),
    note(event) {
      if (event.type === 'host' && event.fact.fact === 'qemu-started') pid = event.fact.pid;
    },
    kill(signal) {
      if (pid !== undefined) process.kill(pid, signal);
    },
    /** Address at which kexec enters purgatory, from the guest's own report. */
    purgatoryEntry() {
      const frame = /"ev":"armed","id":\d+,"out":"([^"]*)"/.exec(
        readFileSync(join(directory, 'control.bin'), 'latin1'),
      );
      const report = Buffer.from(frame?.[1] ?? '', 'base64').toString('latin1');
      return BigInt(`0x${/^kexec_load: entry = 0x([0-9a-f]+)/m.exec(report)?.[1]}`);
    },
    /** Writes bytes at a guest physical address. */
    writeMemory(address, bytes) {
      const socket = createConnection(relative(process.cwd(), join(directory, 'qtest.sock')));
      socket.on('error', (error) => console.error(`qtest: ${error.message}`));
      socket.on('data', (data) => {
        if (!data.toString().startsWith('OK')) console.error(`qtest said: ${data}`);
        socket.end();
      });
      socket.write(`write 0x${address.toString(16)} ${bytes.length} 0x${bytes.toString('hex')}\n`);
    },
  };
}
