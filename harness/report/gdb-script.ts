import type { SymbolFile } from '../model/record.js';

/** What a gdb script needs to know of a kept guest. */
export interface GdbTarget {
  /** QEMU's gdbstub, a Unix socket relative to the script's directory. */
  readonly socket: string;
  /** Symbols of its kernels, relative to it; those of the kernel in which the run ended come first. */
  readonly symbols: readonly SymbolFile[];
  /** A vmlinux in place of one of them, and how far KASLR moved its code. */
  readonly vmlinux?:
    | { readonly path: string; readonly offset: bigint; readonly replaces: string }
    | undefined;
}

/**
 * gdb would detach when it ends, and QEMU lets a machine run on from which gdb detaches (QEMU 7.2, gdbstub.c,
 * handle_detach()); a connection that is only closed leaves it as it is. A gdb without Python, or before version 12,
 * stops at this part of the script, and does not connect. Frames that an interrupt began have no name for gdb, because
 * they are marked as a signal's.
 */
const PYTHON = `python
from gdb.FrameDecorator import FrameDecorator

def leave(event):
    try:
        gdb.execute("disconnect", to_string=True)
    except gdb.error:
        pass

gdb.events.gdb_exiting.connect(leave)

class Named(FrameDecorator):
    def function(self):
        frame = self.inferior_frame()
        if frame.type() != gdb.SIGTRAMP_FRAME:
            return super().function() or "??"
        return frame.name() or "??"

class Names:
    def __init__(self):
        self.name = "crashpath"
        self.priority = 1
        self.enabled = True
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        return map(Named, frames)

Names()
end`;

/** The script with which gdb shows a dead guest. */
export function gdbScript({ socket, symbols, vmlinux }: GdbTarget): string {
  const [first, ...others] = symbols;
  const load = (command: string, { file }: SymbolFile) =>
    vmlinux?.replaces === file
      ? `${command} -o 0x${BigInt.asUintN(64, vmlinux.offset).toString(16)} ${escaped(vmlinux.path)}`
      : `${command} ${file}`;
  // One address has one symbol: without KASLR both kernels lie at the same ones.
  const apart = others.filter((other) => first !== undefined && !overlap(first, other));
  const left = others.filter((other) => !apart.includes(other));
  return [
    '# Made by crashpath attach. The guest stays stopped, also when gdb ends, until you continue it.',
    'set confirm off',
    'set pagination off',
    'set architecture i386:x86-64',
    ...(first === undefined ? [] : [load('symbol-file', first)]),
    ...apart.map((other) => load('add-symbol-file', other)),
    ...left.map((other) => `# The other kernel lies at the same addresses: ${load('symbol-file', other)}`),
    PYTHON,
    `target remote ${socket}`,
    'info threads',
    '',
  ].join('\n');
}

function overlap(one: SymbolFile, other: SymbolFile): boolean {
  return BigInt(one.text) < BigInt(other.end) && BigInt(other.text) < BigInt(one.end);
}

/** gdb splits arguments like a shell does (gdb_buildargv()). */
function escaped(path: string): string {
  return path.replace(/[^\w./+=:@-]/g, '\\$&');
}
