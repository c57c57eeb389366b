import { z } from 'zod';
import { HEXADECIMAL, integer } from './integer.js';
import { unsignedOf } from '../symbols/index.js';
import { type DataSeen, readData } from './kernel-data.js';
import { symbolsSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { MachineWitness } from './witness.js';

/** How the bytes of a variable are read, all little endian. A pointer is a u64. */
const TYPES = ['u8', 's8', 'u16', 's16', 'u32', 's32', 'u64', 's64'] as const;
type Type = (typeof TYPES)[number];
/** The type of `int` and `atomic_t`, the most common ones. */
const DEFAULT_TYPE: Type = 's32';

/** Larger than any structure with a symbol of its own. */
const MOST_OFFSET = 1024 * 1024;

/** The conditions, with the sign that states each. */
const CONDITIONS = [
  ['equals', '='],
  ['not', '!='],
  ['atLeast', '>='],
  ['atMost', '<='],
] as const;

const Schema = z
  .strictObject({
    variable: symbolsSchema,
    type: z.enum(TYPES).optional(),
    /** Bytes from the symbol: a member of a structure. */
    offset: z.number().int().min(0).max(MOST_OFFSET).optional(),
    equals: integer.optional(),
    not: integer.optional(),
    atLeast: integer.optional(),
    atMost: integer.optional(),
  })
  .superRefine((asked, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (conditionsOf(asked).length === 0) refuse('variable', 'must say one of equals, not, atLeast, atMost');
    const type = asked.type ?? DEFAULT_TYPE;
    for (const { key, wanted } of conditionsOf(asked)) {
      if (valueOf(wanted, type) !== undefined) continue;
      const hint = asked.type === undefined ? ', which it is without "type"' : '';
      refuse(key, `is no value of a ${type}${hint}`);
    }
  });
type Asked = z.infer<typeof Schema>;

const rule: Rule<Asked, DataSeen, MachineWitness> = {
  what(asked) {
    const { variable: wanted, offset = 0 } = asked;
    const name = `${[wanted].flat().join(' or ')}${offset === 0 ? '' : `+0x${offset.toString(16)}`}`;
    return `${name} ${conditionsOf(asked)
      .map(({ sign, wanted: value }) => `${sign} ${value}`)
      .join(' and ')}`;
  },
  ask: ({ variable: wanted, offset = 0, type = DEFAULT_TYPE }, witness) =>
    readData(wanted, { offset, length: bitsOf(type) / 8 }, witness),
  judge(asked, answer) {
    if ('saw' in answer) return { proved: false, ...answer };
    const { type = DEFAULT_TYPE } = asked;
    const bits = unsignedOf(answer.bytes);
    const value = read(bits, type);
    const proved = conditionsOf(asked).every(({ key, wanted }) => {
      const other = valueOf(wanted, type);
      return other !== undefined && holds(key, value, other);
    });
    return { proved, saw: `${value} (${type} 0x${bits.toString(16)})` };
  },
};

/**
 * `variable: panic_cpu, equals: -1`: the value of a variable of the kernel, or of a member of one, at its symbol.
 * Before firing the guest is stopped for the reading.
 */
export const variable = {
  name: 'variable',
  beforeFiring: ruled(Schema, rule),
  choreography: ruled(Schema, rule),
};

type ConditionKey = (typeof CONDITIONS)[number][0];
type Conditions = { readonly [key in ConditionKey]?: number | string | undefined };

function conditionsOf(
  asked: Conditions,
): { readonly key: ConditionKey; readonly sign: string; readonly wanted: number | string }[] {
  return CONDITIONS.flatMap(([key, sign]) => {
    const wanted = asked[key];
    return wanted === undefined ? [] : [{ key, sign, wanted }];
  });
}

function holds(key: ConditionKey, value: bigint, other: bigint): boolean {
  if (key === 'equals') return value === other;
  if (key === 'not') return value !== other;
  return key === 'atLeast' ? value >= other : value <= other;
}

/** The wanted value in the type; undefined when the type cannot hold it. */
function valueOf(wanted: number | string, type: Type): bigint | undefined {
  const width = bitsOf(type);
  if (typeof wanted === 'string') {
    if (!HEXADECIMAL.test(wanted)) return undefined;
    const bits = BigInt(wanted);
    return bits === BigInt.asUintN(width, bits) ? read(bits, type) : undefined;
  }
  const value = BigInt(wanted);
  return read(BigInt.asUintN(width, value), type) === value ? value : undefined;
}

function read(bits: bigint, type: Type): bigint {
  return type.startsWith('s') ? BigInt.asIntN(bitsOf(type), bits) : bits;
}

function bitsOf(type: Type): number {
  return Number(type.slice(1));
}
