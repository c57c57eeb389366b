import t from 'tap';
import { gdbScript } from './gdb-script.js';

const lines = (target: Parameters<typeof gdbScript>[0]) => gdbScript(target).split('\n');

void t.test('symbols first, the way out before the connection', async (t) => {
  const script = lines({ socket: 'gdb.sock', symbols: ['first-kernel.elf', 'capture-kernel.elf'] });
  t.ok(script.includes('symbol-file first-kernel.elf'));
  t.ok(script.includes("# The other kernel's symbols: symbol-file capture-kernel.elf"));
  const connects = script.indexOf('target remote gdb.sock');
  t.ok(connects > script.indexOf('gdb.events.gdb_exiting.connect(leave)'));
  t.ok(connects > script.indexOf('symbol-file first-kernel.elf'));
});

void t.test('a vmlinux that KASLR moved, up or down, at a path that gdb would split', async (t) => {
  const vmlinux = { path: "/a b/it's/vmlinux", offset: 0x1e00_0000n };
  t.ok(
    lines({ socket: 's', symbols: ['x.elf'], vmlinux }).includes(
      "symbol-file -o 0x1e000000 /a\\ b/it\\'s/vmlinux",
    ),
  );
  t.notOk(lines({ socket: 's', symbols: ['x.elf'], vmlinux }).includes('symbol-file x.elf'));
  const down = lines({ socket: 's', symbols: [], vmlinux: { path: '/v', offset: -0x20_0000n } });
  t.ok(down.includes('symbol-file -o 0xffffffffffe00000 /v'));
});

void t.test('without symbols there are none to load', async (t) => {
  t.notOk(gdbScript({ socket: 's', symbols: [] }).includes('symbol-file'));
});
