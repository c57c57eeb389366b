import t from 'tap';
import { disassemble, type Disassembled } from './disassemble.js';

const AT = 0xffffffff81000000n;

function read(hex: string, bits: 64 | 32 = 64): Disassembled | undefined {
  const nameOf = (address: bigint) => `at_${address.toString(16)}`;
  return disassemble(Buffer.from(hex, 'hex'), { address: AT, bits, nameOf });
}

void t.test('what a trace must know of an instruction', async (t) => {
  t.match(read('0f011c24'), { text: 'lidt (%rsp)', mnemonic: 'lidt', flow: 'other', length: 4 });
  t.match(read('e80b000000'), { text: 'call at_ffffffff81000010', flow: 'call', target: AT + 16n });
  t.match(read('ffd0'), { flow: 'call', register: 'rax' });
  t.match(read('ff1500010000'), { flow: 'call', slot: AT + 6n + 0x100n });
  t.match(read('f348a5'), { flow: 'repeat', mnemonic: 'movsq' });
  t.match(read('f3aa'), { flow: 'repeat', mnemonic: 'stosb' });
});

void t.test('near misses: no call that comes back, no repetition', async (t) => {
  t.match(read('e90b000000'), { flow: 'other', target: AT + 16n }, 'a jump');
  t.match(read('f390'), { mnemonic: 'pause', flow: 'other' }, 'a prefix that is part of the opcode');
  t.match(read('f30f1efa'), { mnemonic: 'endbr64', flow: 'other' });
  t.match(read('a4'), { mnemonic: 'movsb', flow: 'other' }, 'one round');
  t.match(read('0f011424'), { mnemonic: 'lgdt' }, 'the table next to it');
});

void t.test('the same bytes are other instructions in 32-bit code', async (t) => {
  t.match(read('4889c3'), { text: 'mov %rax,%rbx' });
  t.match(read('4889c3', 32), { mnemonic: 'dec', length: 1 });
});

void t.test('bytes that are cut off are no instruction', async (t) => {
  t.equal(read('e80b'), undefined);
  t.equal(read(''), undefined);
});
