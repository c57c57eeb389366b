/** What a gdb script needs to know of a kept guest. */
export interface GdbTarget {
  /** QEMU's gdbstub, a Unix socket relative to the script's directory. */
  readonly socket: string;
  /** ELF files whose addresses are those of this boot, relative to it. */
  readonly symbols: readonly string[];
  /** A vmlinux, and how far KASLR moved its code. */
  readonly vmlinux?: { readonly path: string; readonly offset: bigint } | undefined;
}

/**
 * The script with which gdb shows a dead guest. When gdb ends it would detach, and QEMU lets a machine run on from which
 * gdb detaches (QEMU 7.2, gdbstub.c, handle_detach()); a connection that is only closed leaves it as it is. A gdb without
 * Python, or before version 12, stops at that part of the script, and does not connect.
 */
export function gdbScript({ socket, symbols, vmlinux }: GdbTarget): string {
  const [first, ...others] = symbols;
  const files =
    vmlinux === undefined
      ? [
          ...(first === undefined ? [] : [`symbol-file ${first}`]),
          ...others.map((file) => `# The other kernel's symbols: symbol-file ${file}`),
        ]
      : [`symbol-file -o 0x${BigInt.asUintN(64, vmlinux.offset).toString(16)} ${escaped(vmlinux.path)}`];
  return [
    '# Made by crashpath attach. The guest stays stopped, also when gdb ends, until you continue it.',
    'set confirm off',
    'set pagination off',
    'set architecture i386:x86-64',
    ...files,
    'python',
    'def leave(event):',
    '    try:',
    '        gdb.execute("disconnect", to_string=True)',
    '    except gdb.error:',
    '        pass',
    'gdb.events.gdb_exiting.connect(leave)',
    'end',
    `target remote ${socket}`,
    'info threads',
    '',
  ].join('\n');
}

/** gdb splits arguments like a shell does (gdb_buildargv()). */
function escaped(path: string): string {
  return path.replace(/[^\w./+=:@-]/g, '\\$&');
}
