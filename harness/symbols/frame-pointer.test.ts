import t from 'tap';
import { finishReading, readFromRegions } from './guest-memory.js';
import { parseKallsyms } from './kallsyms.js';
import { functionsOf, walkStack } from './stack-walk.js';

/**
 * A made kernel with frame pointers: three functions of `push %rbp; mov %rsp,%rbp; call next; pop %rbp; ret`, and
 * a stack that a run of them leaves.
 */
const TEXT = 0xffffffff81000000n;
const STACK = 0xffffc90000004000n;
const kallsyms = parseKallsyms(
  ['outer', 'middle', 'inner', 'after']
    .map((name, i) => `${(TEXT + BigInt(i * 32)).toString(16)} T ${name}\n`)
    .join(''),
);

function made() {
  if (kallsyms.kind !== 'symbols') throw new Error(kallsyms.kind);
  const text = Buffer.alloc(4096, 0xcc);
  for (let i = 0; i < 3; i += 1) Buffer.from('554889e5e8170000005dc3', 'hex').copy(text, i * 32);
  const stack = Buffer.alloc(4096);
  const word = (offset: number, value: bigint) => stack.writeBigUInt64LE(value, offset);
  word(0xf00, STACK + 0xf10n);
  word(0xf08, TEXT + 32n + 9n);
  word(0xf10, STACK + 0xf20n);
  word(0xf18, TEXT + 9n);
  word(0xf20, 0n);
  word(0xf28, 0n);
  const regions = [
    { address: TEXT, bytes: text },
    { address: STACK, bytes: stack },
  ];
  const table = kallsyms.table;
  return {
    stack,
    word,
    walk: (rip: bigint, sp: number, bp: bigint) =>
      finishReading(walkStack({ rip, rsp: STACK + BigInt(sp), rbp: bp }, table), readFromRegions(regions)),
  };
}

t.test(
  'saved frame pointers lead to the callers, from the body and from the first instructions',
  async (t) => {
    const { walk } = made();
    const all = ['inner', 'middle', 'outer'];
    const body = walk(TEXT + 64n + 4n, 0xf00, STACK + 0xf00n);
    t.strictSame(functionsOf(body), all);
    t.match(body, { unwinder: 'frame-pointer', complete: true, ended: 'end-of-stack' });
    t.strictSame(functionsOf(walk(TEXT + 64n, 0xf08, STACK + 0xf10n)), all, 'before push %rbp');
    t.strictSame(functionsOf(walk(TEXT + 65n, 0xf00, STACK + 0xf10n)), all, 'before mov %rsp,%rbp');
  },
);

t.test('registers saved by an interrupt are found by their marked frame pointer', async (t) => {
  const { walk, word } = made();
  const regs = 0x800;
  word(regs + 32, STACK + 0xf00n);
  word(regs + 128, TEXT + 64n + 4n);
  word(regs + 136, 0x10n);
  word(regs + 152, STACK + 0xf00n);
  const trace = walk(TEXT + 96n, 0x700, STACK + BigInt(regs) + 1n);
  t.strictSame(functionsOf(trace), ['after', 'inner', 'middle', 'outer']);
  word(regs + 136, 0x33n);
  t.match(walk(TEXT + 96n, 0x700, STACK + BigInt(regs) + 1n), { complete: true, ended: 'user-mode' });
});

t.test(
  'a frame pointer that leads nowhere, round, or to a word that follows no call is not followed',
  async (t) => {
    const { walk, word } = made();
    t.match(walk(TEXT + 68n, 0xf00, 0x1234n), { complete: false, ended: /does not point into this stack/ });
    word(0xf08, TEXT + 32n + 8n);
    const trace = walk(TEXT + 68n, 0xf00, STACK + 0xf00n);
    t.match(trace.ended, /does not follow a call/);
    t.strictSame(functionsOf(trace), ['inner', '? outer']);
    word(0xf08, TEXT + 32n + 9n);
    word(0xf00, STACK + 0xf00n);
    t.equal(walk(TEXT + 68n, 0xf00, STACK + 0xf00n).complete, false, 'its own caller');
  },
);
