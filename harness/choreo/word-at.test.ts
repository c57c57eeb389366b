import t from 'tap';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { ChoreographyContext } from './context.js';
import { wordAt } from './word-at.js';

const WORD = 0xffffffff82000000n;
const REGISTERS = madeRegisters({ rax: 0xffffffffn, rcx: 0xffff888000000001n, rdx: 70n, rsi: -2n & 0xffffn });

/** The word at an address, whose memory has these bytes from WORD on. */
function word(hex: string, { memory = 'ffffffff00000000', address = WORD } = {}) {
  const bytes = Buffer.from(memory, 'hex');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that reading uses
  const context = {
    gdb: {
      vcpus: [0],
      readRegisters: async () => REGISTERS,
      readMemory: async (from: bigint, length: number) => {
        const offset = Number(from - WORD);
        if (offset < 0 || offset + length > bytes.length)
          throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
        return bytes.subarray(offset, offset + length);
      },
    },
  } as unknown as ChoreographyContext;
  return wordAt(Buffer.from(hex, 'hex'), { address, registers: REGISTERS }, context);
}

t.test('what an instruction expects, and what it writes', async (t) => {
  t.strictSame(
    await word('f00fb10f'),
    {
      address: WORD,
      word: { instruction: 'cmpxchg', bytes: 4, was: '0xffffffff', expects: '0xffffffff', writes: '0x1' },
    },
    'of registers, what the width takes',
  );
  t.match(await word('870f', { memory: '00000000' }), {
    word: { instruction: 'xchg', was: '0x0', writes: '0x1' },
  });
  t.match(await word('f0480fba2f03', { memory: '0100000000000000' }), {
    word: { instruction: 'bts', bytes: 8, was: '0x1', bit: 3, writes: '0x9' },
  });
  t.strictSame((await word('f0ff0f'))?.word, { instruction: 'dec', bytes: 4, was: '0xffffffff' });
});

t.test('a bit number in a register reaches beyond the operand', async (t) => {
  const memory = '00'.repeat(16);
  t.match(await word('f0480fab17', { memory }), {
    address: WORD + 8n,
    word: { bytes: 8, bit: 6, writes: '0x40' },
  });
  // lock btsw %si,(%rdi), bit -2
  t.match(await word('f0660fab37', { memory, address: WORD + 2n }), {
    address: WORD,
    word: { bytes: 2, bit: 14, writes: '0x4000' },
  });
});

t.test('near misses: not locked, and memory that cannot be read', async (t) => {
  t.equal(await word('0fb10f'), undefined);
  t.equal(await word('f00fb10f', { memory: '' }), undefined);
});
