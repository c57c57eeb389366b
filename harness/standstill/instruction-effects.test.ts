import t from 'tap';
import { madeRegisters } from '../testing/builders/registers.js';
import { effectsOf } from './instruction-effects.js';

const RIP = 0xffffffff81000000n;

const effects = (hex: string, registers: Parameters<typeof madeRegisters>[0] = {}) =>
  effectsOf(Buffer.from(hex, 'hex'), madeRegisters({ rip: RIP, rsp: 0x9000n, ...registers }));

void t.test('the memory that an instruction reads and writes', async (t) => {
  t.match(effects('8b07', { rdi: 0x1234n }), { reads: [{ address: 0x1234n, length: 4 }], writes: [] });
  t.match(effects('890487', { rdi: 0x1000n, rax: 3n }), { writes: [{ address: 0x100cn, length: 4 }] });
  t.match(
    effects('65488b0425a8000000', { gs_base: 0xffff888000000000n }),
    { reads: [{ address: 0xffff8880000000a8n, length: 8 }] },
    'relative to GS',
  );
  t.match(effects('8b05aa000000'), { reads: [{ address: RIP + 0xb0n, length: 4 }] }, 'relative to RIP');
  t.match(effects('50'), { reads: [], writes: [{ address: 0x8ff8n, length: 8 }] }, 'push');
  t.match(effects('8b87f8ffffff', { rdi: 0x10n }), { reads: [{ address: 8n }] }, 'a negative displacement');
  t.match(effects('488d0411'), { reads: [], writes: [] }, 'lea');
  const locked = effects('f00fb10f', { rdi: 0x2000n });
  t.match(locked, { reads: [{ address: 0x2000n }], writes: [{ address: 0x2000n }] }, 'lock cmpxchg');
  t.match(
    effects('f3a4', { rsi: 0x100n, rdi: 0x200n, rcx: 9n }),
    {
      reads: [{ address: 0x100n, length: 1 }],
      writes: [{ address: 0x200n, length: 1 }],
      next: [RIP + 2n, RIP],
    },
    'one iteration of rep movsb',
  );
});

void t.test('where the next instruction is', async (t) => {
  t.strictSame(effects('f390')?.next, [RIP + 2n]);
  t.strictSame(effects('ebfe')?.next, [RIP]);
  t.strictSame(effects('75fc')?.next, [RIP + 2n, RIP - 2n]);
  t.match(effects('c3'), { next: undefined, stackBytes: 8n });
  t.match(effects('e800000000'), { next: [RIP + 5n], writes: [{ address: 0x8ff8n, length: 8 }] });
});

void t.test('plain instructions', async (t) => {
  for (const [name, hex] of Object.entries({
    pause: 'f390',
    'jmp to itself': 'ebfe',
    'test and branch': '85c0',
    cmpxchg: 'f00fb10f',
    lfence: '0faee8',
    cli: 'fa',
    'mov from cr3': '0f20d8',
    endbr64: 'f30f1efa',
    'nop with an operand': '0f1f440000',
    'call through a pointer': 'ff1500000000',
    pushf: '9c',
    swapgs: '0f01f8',
    lea: '488d0411',
    leave: 'c9',
    monitor: '0f01c8',
    mwait: '0f01c9',
    clflush: '0fae3f',
    prefetchw: '0f0d0f',
    prefetchnta: '0f1807',
    movnti: '480fc307',
    cpuid: '0fa2',
    wbinvd: '0f09',
    invlpg: '0f013f',
    rdgsbase: 'f3480faec8',
  })) {
    t.match(effects(hex), { outside: undefined }, name);
  }
});

void t.test('what sees time or a device, acts, or is not judged', async (t) => {
  for (const [hex, kind] of Object.entries({
    '0f31': 'time',
    '0f01f9': 'time',
    '0f33': 'time',
    '0fc7f0': 'time',
    '0fc7f8': 'time',
    '0f32': 'time',
    ec: 'time',
    f4: 'time',
    ee: 'acts',
    '0f30': 'acts',
    fb: 'acts',
    '9d': 'acts',
    cf: 'unknown',
    '48cf': 'acts',
    '0f05': 'unknown',
    cc: 'acts',
    '0f0b': 'acts',
    '0f22d8': 'unknown',
    '0f011f': 'unknown',
    '660fefc0': 'acts',
    d9c0: 'acts',
    c5fdefc0: 'acts',
    '0f01c1': 'unknown',
    '0f08': 'unknown',
  })) {
    t.match(effects(hex)?.outside, { kind }, hex);
  }
});

void t.test('bytes that are no instruction', async (t) => {
  t.equal(effects('06'), undefined);
  t.equal(effects('48'), undefined, 'it ends inside one');
});
