import { NIC_SOCKETS } from '../nic.js';

/** Where a file of this host is on another one, as QEMU's working directory names it. */
export type FilesThere = (path: string) => Promise<string>;

/** Chardevs that are sockets here and FIFOs there, by their ids: the names of the FIFOs. */
export const PIPES_THERE = ['qmp', 'gdb', 'qtest', 'ssh'] as const;

/**
 * Commands for HMP that attach the gdbstub to its FIFOs, which stops the machine (QEMU 7.2, gdbstub.c); the last one
 * answers that it waits. A second `gdbserver` on one chardev frees it first, and QEMU dies of SIGSEGV (gdbserver_start(),
 * seen with 7.2): so `times`, counted from 1, gives each its own.
 */
export function startGdbstub(times: number): readonly string[] {
  if (times === 1) return ['gdbserver chardev:gdb'];
  // Without the stub, its chardev is freed: two would read from one FIFO.
  const id = `gdb${times}`;
  return ['gdbserver none', `chardev-add pipe,id=${id},path=gdb`, `gdbserver chardev:${id}`];
}

const SOCKET = /^socket,id=(\w+),path=[\w.]+(?:,server=on,wait=off)?$/;

/**
 * QEMU's arguments on another host. Kernel and initramfs are files there. Sockets become FIFOs, which every ssh server
 * reaches; the gdbstub, which stops the machine when its chardev opens, is attached when it is needed. Raw frames need a
 * socket: QEMU listens where it would connect here. The vCPUs are held until everything is connected (`-S`).
 */
export async function argumentsThere(args: readonly string[], fileThere: FilesThere): Promise<string[]> {
  const words: string[] = [];
  for (const [index, word] of args.entries()) {
    const option = args[index - 1];
    const id = option === '-chardev' ? SOCKET.exec(word)?.[1] : undefined;
    if (id !== undefined && PIPES_THERE.some((pipe) => pipe === id)) words.push(`pipe,id=${id},path=${id}`);
    else if (option === '-kernel' || option === '-initrd') words.push(await fileThere(word));
    else if (option === '-netdev' && word.endsWith(`addr.path=${NIC_SOCKETS.frames}`)) {
      words.push(word.replace('server=off', 'server=on'));
    } else if (word !== '-gdb' && option !== '-gdb') words.push(word);
  }
  return [...words, '-S'];
}
