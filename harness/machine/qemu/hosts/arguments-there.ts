import { NIC_SOCKETS } from '../nic.js';

/** Where a file of this host is on another one, as QEMU's working directory names it. */
export type FilesThere = (path: string) => Promise<string>;

/**
 * QEMU's arguments on another host. Kernel and initramfs are files there. QEMU listens where it would connect here: nobody
 * listens on sockets there. Its vCPUs are held until somebody has connected (`-S`).
 */
export async function argumentsThere(args: readonly string[], fileThere: FilesThere): Promise<string[]> {
  const words: string[] = [];
  for (const [index, word] of args.entries()) {
    const option = args[index - 1];
    if (option === '-kernel' || option === '-initrd') words.push(await fileThere(word));
    else if (option === '-netdev') words.push(word.replace(/^(stream,.*)\bserver=off\b/, '$1server=on'));
    else if (option === '-chardev' && word.endsWith(`,path=${NIC_SOCKETS.ssh}`)) {
      words.push(`${word},server=on,wait=off`);
    } else words.push(word);
  }
  return [...words, '-S'];
}
