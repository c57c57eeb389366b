import t from 'tap';
import { gdbScript } from './gdb-script.js';

const FIRST = { file: 'first-kernel.elf', text: '0xffffffff83800000', end: '0xffffffff86c00000' };
const CAPTURE = { file: 'capture-kernel.elf', text: '0xffffffff95200000', end: '0xffffffff98600000' };

const lines = (target: Omit<Parameters<typeof gdbScript>[0], 'socket'>) =>
  gdbScript({ socket: 'gdb.sock', ...target }).split('\n');

void t.test('symbols first, the way out before the connection', async (t) => {
  const script = lines({ symbols: [CAPTURE, FIRST] });
  const connects = script.indexOf('target remote gdb.sock');
  t.ok(connects > script.indexOf('gdb.events.gdb_exiting.connect(leave)'));
  const main = script.indexOf('symbol-file capture-kernel.elf');
  t.ok(main > 0 && connects > main);
  t.ok(script.indexOf('add-symbol-file first-kernel.elf') > main, 'which drops what was added before');
});

void t.test('two kernels at the same addresses: one of them', async (t) => {
  const last = { ...CAPTURE, text: '0xffffffff86bfffff' };
  const script = lines({ symbols: [last, FIRST] });
  t.ok(script.includes('symbol-file capture-kernel.elf'));
  t.notOk(script.some((line) => line.startsWith('add-symbol-file')));
  t.ok(script.includes('# The other kernel lies at the same addresses: symbol-file first-kernel.elf'));
  const next = lines({ symbols: [{ ...CAPTURE, text: FIRST.end }, FIRST] });
  t.ok(next.includes('add-symbol-file first-kernel.elf'));
});

void t.test('a vmlinux that KASLR moved, up or down, at a path that gdb would split', async (t) => {
  const vmlinux = { path: "/a b/it's/vmlinux", offset: 0x280_0000n, replaces: FIRST.file };
  t.ok(lines({ symbols: [FIRST], vmlinux }).includes("symbol-file -o 0x2800000 /a\\ b/it\\'s/vmlinux"));
  const both = lines({ symbols: [CAPTURE, FIRST], vmlinux: { ...vmlinux, path: '/v', offset: -0x20_0000n } });
  t.ok(both.includes('symbol-file capture-kernel.elf'));
  t.ok(both.includes('add-symbol-file -o 0xffffffffffe00000 /v'));
});

void t.test('without symbols there are none to load', async (t) => {
  t.notMatch(gdbScript({ socket: 's', symbols: [] }), /symbol-file/);
});
