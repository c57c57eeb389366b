import t from 'tap';
import { disassemble } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { operandAddress } from './operand-address.js';

const AT = 0xffffffff81000000n;
const REGISTERS = madeRegisters({ rdi: 0x1000n, rax: 0x20n, rsp: 0x5000n, gs_base: 0xffff888000000000n });

function addressIn(hex: string): bigint | undefined {
  const read = disassemble(Buffer.from(hex, 'hex'), { address: AT, bits: 64, nameOf: String });
  if (read === undefined) throw new Error(`cannot decode ${hex}`);
  return operandAddress(read, REGISTERS);
}

t.test('the forms of an operand in memory', async (t) => {
  t.equal(addressIn('f00fb10f'), 0x1000n, 'lock cmpxchg %ecx,(%rdi)');
  t.equal(addressIn('f00fb10d00010000'), AT + 8n + 0x100n, 'lock cmpxchg %ecx,0x100(%rip)');
  t.equal(addressIn('f0ff4c8708'), 0x1088n, 'lock decl 0x8(%rdi,%rax,4)');
  t.equal(addressIn('65ff0c2540000000'), 0xffff888000000040n, 'decl %gs:0x40');
  t.equal(addressIn('8747f8'), 0xff8n, 'xchg %eax,-0x8(%rdi)');
  t.equal(addressIn('f0ff0c2500000082'), 0xffffffff82000000n, 'lock decl 0xffffffff82000000');
});

t.test('near misses: no operand in memory', async (t) => {
  t.equal(addressIn('87c8'), undefined, 'xchg %ecx,%eax');
  t.equal(addressIn('f390'), undefined, 'pause');
  t.equal(addressIn('e800000000'), undefined, 'a call');
});
