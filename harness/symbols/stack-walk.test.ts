import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { z } from 'zod';
import { finishReading, finishReadingAsync, type MemoryRegion, readFromRegions } from './guest-memory.js';
import { parseKallsyms, type SymbolTable } from './kallsyms.js';
import type { WalkRegisters } from './pt-regs.js';
import { functionsOf, walkStack } from './stack-walk.js';

const words = z.record(z.string(), z.string());
const Saved = z.object({
  stops: z.record(z.string(), z.object({ registers: words, stack: words })),
  image: z.array(z.object({ address: z.string(), bytes: z.string() })),
});

const K61 = '6.1.0-56-amd64';
const K612 = '6.12.117+deb12-amd64';
const testdata = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, '../../harness/symbols/testdata', name));

function tableFrom(text: string): SymbolTable {
  const result = parseKallsyms(text);
  if (result.kind !== 'symbols') throw new Error(result.kind);
  return result.table;
}

function stopped(release: string, stop: string) {
  const saved = Saved.parse(JSON.parse(gunzipSync(testdata(`stops-${release}.json.gz`)).toString('utf8')));
  const at = saved.stops[stop];
  if (at === undefined) throw new Error(stop);
  const region = (address: string, bytes: string): MemoryRegion => ({
    address: BigInt(address),
    bytes: Buffer.from(bytes, 'base64'),
  });
  const stack = Object.entries(at.stack).map(([address, bytes]) => region(address, bytes));
  const image = saved.image.map(({ address, bytes }) => region(address, bytes));
  const named = Object.fromEntries(
    Object.entries(at.registers).map(([name, value]) => [name, BigInt(value)]),
  );
  const registers = { rip: 0n, rsp: 0n, rbp: 0n, ...named } satisfies WalkRegisters;
  return { registers, stack, image, kallsyms: testdata(`kallsyms-${release}.txt`).toString('latin1') };
}

const walk = (from: ReturnType<typeof stopped>, table = tableFrom(from.kallsyms)) =>
  finishReading(walkStack(from.registers, table), readFromRegions([...from.stack, ...from.image]));

/** What the kernel itself printed in the same panic, from sysrq_handle_crash() down; its `?` lines left out. */
const PRINTED = {
  [K61]: [
    'sysrq_handle_crash+0x16/0x20',
    '__handle_sysrq.cold+0x44/0x11c',
    'write_sysrq_trigger+0x24/0x40',
    'proc_reg_write+0x56/0xa0',
    'vfs_write+0xc7/0x3f0',
    'ksys_write+0x6b/0xf0',
    'do_syscall_64+0x5d/0xb0',
    'entry_SYSCALL_64_after_hwframe+0x6e/0xd8',
  ],
  [K612]: [
    'sysrq_handle_crash+0x1a/0x20',
    '__handle_sysrq+0xa7/0x1a0',
    'write_sysrq_trigger+0x59/0x80',
    'proc_reg_write+0x5a/0xa0',
    'vfs_write+0xf8/0x450',
    'ksys_write+0x6f/0xf0',
    'do_syscall_64+0x87/0x1b0',
    'entry_SYSCALL_64_after_hwframe+0x76/0x7e',
  ],
} as const;

t.test('the deadlock of 2012 on stock kernels: the crasher spins on ioapic_lock', async (t) => {
  for (const release of [K61, K612] as const) {
    const trace = walk(stopped(release, 'deadlock'));
    t.strictSame(functionsOf(trace).slice(0, 7), [
      'native_queued_spin_lock_slowpath',
      '_raw_spin_lock_irqsave',
      'clear_IO_APIC_pin',
      'clear_IO_APIC',
      'native_machine_crash_shutdown',
      '__crash_kexec',
      'panic',
    ]);
    t.strictSame(
      trace.frames.slice(7).map((frame) => frame.label),
      PRINTED[release],
      'as the kernel printed it',
    );
    t.match(trace, { unwinder: 'orc', complete: true, ended: 'user-mode' });
    t.ok(trace.frames.every((frame) => frame.reliable));
    t.strictSame(
      trace.frames
        .filter((frame) => frame.source === 'call-match')
        .map((frame) => frame.symbolized?.symbol.name),
      ['panic'],
      'only over __crash_kexec, which has no ORC data',
    );
  }
});

t.test(
  'the other vCPU, parked by the shootdown NMI: through the NMI stack to what it interrupted',
  async (t) => {
    for (const [release, halt] of [
      [K61, 'native_safe_halt'],
      [K612, 'pv_native_safe_halt'],
    ] as const) {
      const trace = walk(stopped(release, 'nmi'));
      const functions = functionsOf(trace);
      t.strictSame(functions.slice(0, 6), [
        'native_halt',
        'crash_nmi_callback',
        'default_do_nmi',
        'exc_nmi',
        'end_repeat_nmi',
        halt,
      ]);
      t.match(trace, { complete: true, ended: 'end-of-stack' });
      t.strictSame(
        trace.frames.filter((frame) => frame.interrupted).map((frame) => frame.symbolized?.symbol.name),
        ['native_halt', halt],
      );
      t.ok(functions.includes('start_kernel'));
    }
  },
);

t.test('a timer interrupt: from the interrupt stack back to the idle task', async (t) => {
  for (const release of [K61, K612]) {
    const functions = functionsOf(walk(stopped(release, 'timer')));
    t.strictSame(functions.slice(0, 4), [
      'hrtimer_interrupt',
      '__sysvec_apic_timer_interrupt',
      'sysvec_apic_timer_interrupt',
      'asm_sysvec_apic_timer_interrupt',
    ]);
    t.strictSame(functions.slice(-3, -1), ['cpu_startup_entry', 'start_secondary']);
  }
});

t.test('without ORC and frame pointers, the same callers are found by scanning, and marked', async (t) => {
  const from = stopped(K61, 'deadlock');
  const table = tableFrom(from.kallsyms.replaceAll(/^.*orc_unwind.*\n/gm, ''));
  const trace = walk(from, table);
  t.match(trace, { unwinder: 'none', complete: false });
  const functions = functionsOf(trace);
  t.equal(functions[0], 'native_queued_spin_lock_slowpath');
  for (const caller of [
    '_raw_spin_lock_irqsave',
    'clear_IO_APIC',
    'native_machine_crash_shutdown',
    'panic',
  ]) {
    t.ok(functions.includes(`? ${caller}`), caller);
  }
  t.ok(trace.frames.slice(1).every((frame) => !frame.reliable && frame.label.startsWith('? ')));
  // The kernel found these leftovers by scanning, too.
  for (const leftover of ['_printk', 'handle_mm_fault']) t.ok(functions.includes(`? ${leftover}`), leftover);
});

t.test('a caller that is not the only candidate is not believed', async (t) => {
  const from = stopped(K61, 'deadlock');
  const panic = walk(from).frames.find((frame) => frame.source === 'call-match')?.address ?? 0n;
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(panic);
  const stack = from.stack.map((region) => {
    const bytes = Buffer.from(region.bytes);
    const at = bytes.indexOf(word);
    if (at >= 0) word.copy(bytes, at + 16);
    return { ...region, bytes };
  });
  const trace = walk({ ...from, stack });
  t.match(trace, { unwinder: 'orc', complete: false, ended: /ORC says nothing/ });
  t.strictSame(functionsOf(trace).slice(5, 8), ['__crash_kexec', '? panic', '? panic']);
});

t.test('unreadable or damaged memory ends the walk, it does not invent frames', async (t) => {
  const from = stopped(K61, 'deadlock');
  const noStack = walk({ ...from, stack: [] });
  t.equal(noStack.frames.length, 1);
  t.match(noStack, { complete: false, ended: /not readable/ });
  const zeroed = from.stack.map((region) => ({ ...region, bytes: new Uint8Array(region.bytes.length) }));
  const noWords = walk({ ...from, stack: zeroed });
  t.equal(noWords.complete, false);
  t.ok(noWords.frames.length <= 2);
  const nothing = finishReading(
    walkStack({ rip: 0n, rsp: 0n, rbp: 0n }, tableFrom(from.kallsyms)),
    () => undefined,
  );
  t.equal(nothing.frames.length, 1);
});

t.test('memory is asked for once, in whole pages, and may come slowly', async (t) => {
  const from = stopped(K612, 'timer');
  const read = readFromRegions([...from.stack, ...from.image]);
  const asked = new Set<bigint>();
  const trace = await finishReadingAsync(
    walkStack(from.registers, tableFrom(from.kallsyms)),
    async (request) => {
      t.notOk(asked.has(request.address));
      asked.add(request.address);
      t.match(request, { length: 4096 });
      t.equal(request.address & 0xfffn, 0n);
      return read(request);
    },
  );
  t.equal(trace.complete, true);
  t.ok(asked.size < 60, `${asked.size} pages`);
});
