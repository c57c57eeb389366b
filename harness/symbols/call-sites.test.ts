import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { findCallSites } from './call-sites.js';
import { decodeFunction, instructionAt, instructionBefore, instructionsOf } from './function-code.js';

const pair = z.tuple([z.string(), z.string()]);
const Recorded = z.object({
  lock: z.string(),
  functions: z.array(
    z.object({
      name: z.string(),
      address: z.string(),
      size: z.number(),
      bytes: z.string(),
      starts: z.array(z.number()),
      calls: z.array(z.tuple([z.string(), z.string(), z.string()])),
      decoys: z.array(pair),
    }),
  ),
});

const file = join(import.meta.dirname, '../../harness/symbols/testdata/functions-6.1.0-56-amd64.json');
const recorded = Recorded.parse(JSON.parse(readFileSync(file, 'utf8')));
const BASE = 0xffffffff81000000n;

function code(hex: string) {
  return { bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'), address: BASE };
}

function functionOf(name: string) {
  const found = recorded.functions.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(name);
  return {
    ...found,
    code: { bytes: Buffer.from(found.bytes, 'hex'), address: BigInt(found.address), size: found.size },
  };
}

t.test('stock functions decode as objdump decodes them', async (t) => {
  for (const { name } of recorded.functions) {
    const stock = functionOf(name);
    const taken = decodeFunction(stock.code);
    t.strictSame(
      taken.instructions.map((instruction) => Number(instruction.address - stock.code.address)),
      stock.starts,
      name,
    );
    t.strictSame(taken.undecodable, []);
    const targets = stock.calls.map(([, , target]) => BigInt(target));
    t.strictSame(
      findCallSites(taken, targets).flatMap((site) =>
        site.kind === 'call' ? [[site.callAddress, site.returnAddress, site.target]] : [],
      ),
      stock.calls.map((call) => call.map(BigInt)),
      `${name}: calls`,
    );
  }
});

t.test('the lock of mask_ioapic_irq: one call, although a second follows in the next function', async (t) => {
  const stock = functionOf('mask_ioapic_irq');
  const lock = BigInt(recorded.lock);
  const [site, ...more] = findCallSites(stock.code, [lock]);
  t.strictSame(more, []);
  t.match(site, { kind: 'call', target: lock, found: 'flow' });
  t.equal((site?.callAddress ?? 0n) - stock.code.address, 0x11n);
  const unbounded = findCallSites({ bytes: stock.code.bytes, address: stock.code.address }, [lock]);
  t.equal(unbounded.length, 2, 'without the size, the next function s call is found too');
});

t.test('an E8 byte inside an immediate or displacement is no call', async (t) => {
  const withDecoys = recorded.functions.filter((stock) => stock.decoys.length > 0);
  t.ok(withDecoys.length >= 3);
  let refuted = 0;
  for (const { name, decoys } of withDecoys) {
    const stock = functionOf(name);
    for (const [address, target] of decoys) {
      const decoy = BigInt(address);
      t.equal(stock.code.bytes[Number(decoy - stock.code.address)], 0xe8);
      const sites = findCallSites(stock.code, [BigInt(target)]);
      t.notOk(
        sites.some((site) => site.callAddress === decoy),
        `${name}: ${address}`,
      );
      refuted += 1;
    }
  }
  t.ok(refuted >= 4);
});

t.test('all the ways to reach a target', async (t) => {
  // call; cs call; jne; call *slot(%rip); nops; jmp *slot(%rip)
  const target = BASE + 0x100n;
  const taken = decodeFunction(code('e8fb000000 2ee8f5000000 0f85ef000000 ff15fa000000 9090 ff25f2000000'));
  t.strictSame(
    findCallSites(taken, [target, BASE + 0x111n]).map(({ kind, callAddress }) => [
      kind,
      Number(callAddress - BASE),
    ]),
    [
      ['call', 0],
      ['call', 5],
      ['conditional-tail-jump', 11],
      ['call-through-slot', 17],
      ['tail-jump-through-slot', 25],
    ],
  );
  const [plain, prefixed] = findCallSites(taken, [target]);
  t.match(plain, { returnAddress: BASE + 5n });
  t.match(prefixed, { returnAddress: BASE + 11n }, 'a retpoline patched with a prefix has six bytes');
  t.match(findCallSites(code('c3cccccc e9f7000000'), [target]), [{ kind: 'tail-jump', found: 'sweep' }]);
  t.strictSame(findCallSites(code('0f05 c3'), [BASE + 2n]), [], 'syscall is no call');
  t.strictSame(findCallSites(taken, [target + 1n]), []);
});

t.test('how a function begins', async (t) => {
  const entries = {
    'f30f1efa 0f1f440000 53 c3': { endbr: true, ftrace: 'nop', bodyAddress: BASE + 9n },
    '0f1f440000 53 c3': { endbr: false, ftrace: 'nop', bodyAddress: BASE + 5n },
    'f30f1efa e8f7000000 c3': { endbr: true, ftrace: 'call', bodyAddress: BASE + 9n },
    '53 c3': { endbr: false, ftrace: 'none', bodyAddress: BASE },
    '0f1f00 c3': { endbr: false, ftrace: 'none', bodyAddress: BASE },
    '': { endbr: false, ftrace: 'none', bodyAddress: 0n },
  } as const;
  for (const [hex, entry] of Object.entries(entries)) t.match(decodeFunction(code(hex)).entry, entry, hex);
});

t.test('data that is jumped over, and bytes that are nothing', async (t) => {
  // jmp over two bytes that would swallow the call behind them (mov $imm32 to eax needs five)
  const jumped = decodeFunction(code('eb02 b8b8 e8f7000000 c3'));
  t.strictSame(
    jumped.instructions.map(({ address, found }) => [Number(address - BASE), found]),
    [
      [0, 'flow'],
      [4, 'flow'],
      [9, 'flow'],
    ],
  );
  t.strictSame(jumped.undecodable, [{ address: BASE + 2n, length: 2 }]);
  t.equal(instructionAt(jumped, BASE + 6n)?.address, BASE + 4n);
  t.equal(instructionAt(jumped, BASE + 2n), undefined);
  t.equal(instructionBefore(jumped, BASE + 9n)?.kind, 'call');
  t.equal(instructionBefore(jumped, BASE + 8n), undefined);
  t.equal(instructionsOf(jumped, BASE + 4n, BASE + 9n).length, 1);
  t.strictSame(
    decodeFunction(code('06 e8fa000000')).instructions,
    [],
    'push %es does not exist in 64-bit code',
  );
  t.strictSame(
    decodeFunction(code('90 e8fa00')).undecodable,
    [{ address: BASE + 1n, length: 3 }],
    'cut short',
  );
});
