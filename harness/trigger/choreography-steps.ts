import { z } from 'zod';
import { MOST_FUNCTIONS } from '../model/locked-instructions.js';
import { integer } from '../proof/integer.js';
import { roleSchema as role, symbolSchema as symbol, symbolsSchema } from '../proof/names.js';
import { StateProofSchema } from '../proof/proofs.js';

const withinMs = z.number().int().min(100).max(600_000);

/** Offset into a function, bytes; the limit is above any kernel's longest function (symbols/symbolize.ts). */
const offset = z
  .number()
  .int()
  .min(0)
  .max(256 * 1024);
const linear = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'must be an address in quotes, such as "0x1d000200"');

/**
 * A location in the kernel's code: a function's first instruction, the return address of a call inside another, the
 * instruction at an offset in a function, or its first one with a mnemonic. Or a linear address, for code without
 * symbols, which runs after the jump.
 */
export const LocationSchema = z.union([
  symbolsSchema,
  z.strictObject({ after: symbolsSchema, in: symbolsSchema }),
  z.strictObject({ in: symbolsSchema, offset }),
  z.strictObject({
    in: symbolsSchema,
    instruction: z.string().regex(/^[a-z][a-z0-9]{1,15}$/, 'must be a mnemonic, such as lidt'),
  }),
  z.strictObject({ linear }),
]);

/** An IDT as `info registers` shows it: linear base and limit in bytes. */
const idt = z.string().regex(/^0x[0-9a-f]{1,16}\/0x[0-9a-f]{1,4}$/, 'must be BASE/LIMIT, such as "0x0/0x0"');

/** The vCPU to which a step binds a role; `turn` is vCPU (trial - 1) modulo vCPUs. */
const on = z.union([z.number().int().min(0).max(63), z.literal('turn')]);

const Stimulate = z.strictObject({
  /** Shell text that runs in the guest, in the background, until the guest dies. */
  stimulate: z.strictObject({ script: z.string().min(1).max(4096) }),
});
const Hold = z.strictObject({
  /** Let all vCPUs that are not held run until one reaches the location; it becomes `as` and is held there. */
  hold: z.strictObject({ as: role, at: LocationSchema, on: on.optional(), withinMs: withinMs.optional() }),
});
const Run = z.strictObject({
  /**
   * Let one vCPU run alone. With `to`, until it reaches the location, where it is held; if it does not within
   * `withinMs`, it is stopped where it is when `orElse: stay`, else the run is void. With `forMs`, for that long.
   * `thenOver` steps over the call at `to`, by watching for its return; `thenStep` executes single instructions.
   */
  run: z.strictObject({
    as: role,
    on: on.optional(),
    to: LocationSchema.optional(),
    forMs: z.number().int().min(1).max(60_000).optional(),
    withinMs: withinMs.optional(),
    orElse: z.literal('stay').optional(),
    thenStep: z.number().int().min(1).max(4096).optional(),
    thenOver: z.literal('call').optional(),
    idt: idt.optional(),
  }),
});
const Trace = z.strictObject({
  /**
   * Trace one vCPU, alone, instruction by instruction from where it is, and record the instruction trace. Calls and
   * repeated string instructions are stepped over, except calls of the functions `into` and the calls at the linear
   * addresses `from`. The trace ends when the capture kernel has loaded an IDT of its own, with a gate for the NMI.
   */
  trace: z.strictObject({
    role,
    into: z.array(symbol).max(64).default([]),
    from: z.array(linear).max(64).default([]),
    most: z.number().int().min(1).max(20_000).default(8000),
    withinMs: withinMs.optional(),
  }),
});
/** Of a recording: a breakpoint is one of the four that x86 has, and the end needs one as well. */
export const MOST_PLACES = 3;
const Record = z.strictObject({
  /**
   * Let one vCPU run alone to a location, and record each time that it comes by at one of the places `at`: the first
   * argument of a function, or the address of an instruction's operand in memory, with the caller, the stack and the
   * interrupt flag. More than `most` stops make the run void.
   */
  record: z.strictObject({
    role,
    at: z.array(LocationSchema).min(1).max(MOST_PLACES, `takes ${MOST_PLACES} places at most (breakpoints)`),
    to: LocationSchema,
    /** Places that the kernel does not have are left out, and named; otherwise they make the run void. */
    missing: z.literal('skip').optional(),
    most: z.number().int().min(1).max(20_000).default(5000),
    withinMs: withinMs.optional(),
  }),
});
const Takers = z.strictObject({
  /**
   * Find the calls in the kernel's text that take each of some locks: the variable's, or at an offset in it, by one of the
   * functions `by`. All vCPUs are stopped; nothing runs.
   */
  takers: z
    .array(
      z.strictObject({
        of: symbolsSchema,
        offset: offset.optional(),
        by: z.array(symbol).min(1).max(16),
      }),
    )
    .min(1)
    .max(64),
});
const Find = z.strictObject({
  /**
   * Find the locked instructions of functions of the running kernel: all that reads and writes memory in one step.
   * Nothing runs. With `calledToo`, of the functions that they call by name as well. A function that the kernel does not
   * have is named, and does not make the run void.
   */
  find: z.strictObject({
    lockedIn: z.array(symbol).min(1).max(MOST_FUNCTIONS),
    calledToo: z.literal(true).optional(),
  }),
});
const Prove = z.strictObject({ prove: StateProofSchema });
/** Integer arguments of the System V ABI for x86-64, in their order. */
export const ARGUMENT_REGISTERS = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'] as const;
/** An argument of a call. */
export const CallArgumentSchema = z.union([
  integer,
  /** The address of a variable; with `of`, of the copy of a per-CPU variable that the role's CPU has. */
  z.strictObject({ addressOf: symbolsSchema, offset: offset.optional(), of: role.optional() }),
  /** What a stopped role's vCPU has in an argument register, such as the lock that it is about to take. */
  z.strictObject({ register: z.enum(ARGUMENT_REGISTERS), of: role }),
]);
const called = {
  function: symbolsSchema,
  args: z.array(CallArgumentSchema).max(6, 'takes six arguments at most (those in registers)').default([]),
};
const Call = z.strictObject({
  /**
   * Directed call: the role's vCPU calls a kernel function from where it is. It runs alone until the function has
   * returned (within `withinMs`), and is then held where it was, with its registers restored. With `returns: never`
   * nothing runs yet: the vCPU enters the function when it runs next, in a later step. With a number, another result
   * (32 bits, signed: an int) makes the run void.
   */
  call: z.strictObject({
    role,
    ...called,
    returns: z
      .union([
        z.literal('never'),
        z
          .number()
          .int()
          .min(-(2 ** 31))
          .max(2 ** 31 - 1),
      ])
      .optional(),
    withinMs: withinMs.optional(),
  }),
});
const SetVariable = z.strictObject({
  /**
   * Write to a variable of the kernel, while all vCPUs are stopped: `bytes` bytes at `offset` in it, with `of` in the
   * copy of a per-CPU variable that the role's CPU has. Another value there than `was` makes the run void.
   */
  set: z
    .strictObject({
      variable: symbolsSchema,
      offset: offset.optional(),
      of: role.optional(),
      bytes: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]),
      to: integer,
      was: integer,
    })
    .superRefine(({ bytes, to, was }, context) => {
      for (const [key, value] of [
        ['to', to],
        ['was', was],
      ] as const) {
        if (wordOf(value, bytes) !== undefined) continue;
        context.addIssue({
          code: 'custom',
          path: [key],
          message: `${value} does not fit into ${bytes} bytes`,
        });
      }
      if (wordOf(to, bytes) === wordOf(was, bytes))
        context.addIssue({ code: 'custom', path: ['to'], message: 'is what "was" says already' });
    }),
});
const Fire = z.strictObject({
  /**
   * The role's vCPU calls panic() from where it is (directed panic), or the function of `call`, which is to make the
   * kernel panic by itself; with `itself`, it continues where it is, because it is about to panic anyway. It runs alone
   * for `aloneMs`.
   */
  fire: z
    .strictObject({
      role,
      aloneMs: z.number().int().min(0).max(60_000).default(0),
      call: z.strictObject(called).optional(),
      itself: z.literal(true).optional(),
    })
    .refine(({ call, itself }) => call === undefined || itself === undefined, {
      message: 'has either "call" or "itself"',
    }),
});
const Interrupt = z.strictObject({
  /** An NMI, or a vector, for the role's vCPU only: pending at once, taken when the vCPU runs next. */
  interrupt: z.union([
    z.strictObject({ role, nmi: z.literal(true) }),
    z.strictObject({ role, vector: z.number().int().min(16).max(255) }),
  ]),
});
const Release = z.strictObject({
  /** `all`: every vCPU runs from now on. A role: its vCPU runs along with the others that were released. */
  release: z.union([z.literal('all'), role]),
});

export const StepSchema = z.union([
  Stimulate,
  Hold,
  Run,
  Trace,
  Record,
  Takers,
  Find,
  Prove,
  Call,
  SetVariable,
  Fire,
  Interrupt,
  Release,
]);

/** A crash as a script of steps (docs/choreography.md). */
export const ChoreographySchema = z.array(StepSchema).min(1).max(64);

export type Location = z.infer<typeof LocationSchema>;
export type Step = z.infer<typeof StepSchema>;
/** A step as a file has it: what has a default may be absent. */
export type WrittenStep = z.input<typeof StepSchema>;
/** The value under a step's verb. */
export type StepOf<Verb extends string> = Extract<Step, Record<Verb, unknown>>[Verb];
export type DirectedCall = z.infer<typeof Call>['call'];
export type CallArgument = z.infer<typeof CallArgumentSchema>;

/** A value as the unsigned bits of that many bytes; undefined when it does not fit. */
export function wordOf(value: number | string, bytes: number): bigint | undefined {
  const bits = BigInt(value);
  const width = 8 * bytes;
  const fits = bits < 0n ? BigInt.asIntN(width, bits) === bits : BigInt.asUintN(width, bits) === bits;
  return fits ? BigInt.asUintN(width, bits) : undefined;
}

/** The word that names a step. */
export type Verb = KeyOf<Step>;
type KeyOf<Member> = Member extends Member ? keyof Member : never;

/** The verb of a step. */
export function verbOf(step: Step): Verb {
  if ('stimulate' in step) return 'stimulate';
  if ('hold' in step) return 'hold';
  if ('run' in step) return 'run';
  if ('trace' in step) return 'trace';
  if ('record' in step) return 'record';
  if ('takers' in step) return 'takers';
  if ('find' in step) return 'find';
  if ('prove' in step) return 'prove';
  if ('call' in step) return 'call';
  if ('set' in step) return 'set';
  if ('fire' in step) return 'fire';
  if ('interrupt' in step) return 'interrupt';
  if ('release' in step) return 'release';
  // Of type never: does not compile when a verb is missing above.
  return step;
}
