import { inspectVcpu, stackOf } from '../autopsy/inspect-vcpu.js';
import type { Registers } from '../machine/debugger.js';
import { waitsForPvLock } from '../model/pv-wait.js';
import { functionsOf, type KernelSymbol } from '../symbols/index.js';
import { functionNamed } from './code-location.js';
import { ARGUMENT_REGISTERS, type DirectedCall } from '../trigger/choreography-steps.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';

/**
 * The message is written this far below the stack pointer, safe until panic() has formatted it, which it does first.
 */
const MESSAGE_BELOW_BYTES = 1536n;
const MAX_MESSAGE_CHARACTERS = 120;

/** Registers that a called function need not preserve (System V ABI for x86-64), and the flags. */
const CALLER_SAVED = ['rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'rflags'] as const;

/** A prepared call, with the vCPU's registers before it. */
export interface PreparedCall {
  readonly target: KernelSymbol;
  readonly before: Registers;
  /** `__delay(0x4000000000000000)`. */
  readonly words: string;
}

/**
 * Makes a stopped vCPU call a kernel function from where it is, as if the interrupted instruction had called it: same
 * context, interrupt flag and locks; the return address on its stack is the old RIP, so that a backtrace shows where it
 * was. Nothing runs yet. A vCPU that waits for a paravirtual lock in `hlt` is woken. Throws NotReached for a function that
 * the kernel does not have, and for a vCPU that is not in kernel mode or is halted elsewhere.
 */
export async function directCall(
  vcpu: number,
  { function: wanted, args }: { function: DirectedCall['function']; args: readonly bigint[] },
  context: ChoreographyContext,
): Promise<PreparedCall> {
  const { gdb, symbols } = context;
  const target = functionNamed(wanted, symbols);
  const before = await gdb.readRegisters(vcpu);
  const refuse = async (why: string) =>
    new NotReached(`direct cpu${vcpu} into ${target.name}()`, `${why}: ${await inspectVcpu(vcpu, context)}`);
  if ((before.cs & 3n) !== 0n) throw await refuse('it is in user mode');
  // A vCPU in hlt continues at a new RIP only after its next interrupt: until then others would change the state.
  const own = (await context.vcpuRegisters()).find(({ index }) => index === vcpu);
  const isHalted = own?.execution?.halted !== false;
  const kicks = isHalted && waitsForPvLock(functionsOf(await stackOf(vcpu, context)));
  if (isHalted && !kicks) throw await refuse('it is halted');
  const returnAddress = Buffer.alloc(8);
  returnAddress.writeBigUInt64LE(before.rip);
  await gdb.writeMemory(before.rsp - 8n, returnAddress, { vcpu });
  await gdb.writeRegister(vcpu, 'rsp', before.rsp - 8n);
  for (const [index, register] of ARGUMENT_REGISTERS.entries()) {
    const value = args[index];
    if (value !== undefined) await gdb.writeRegister(vcpu, register, value);
  }
  // For a variadic function: no vector registers carry arguments.
  await gdb.writeRegister(vcpu, 'rax', 0n);
  await gdb.writeRegister(vcpu, 'rip', target.address);
  // A spinner of a paravirtual lock: it is awake when it runs next, and has no interrupt to take before.
  if (kicks) await context.interrupt(vcpu, { kick: true });
  const words = `${target.name}(${args.map((value) => `0x${value.toString(16)}`).join(', ')})`;
  return { target, before, words };
}

/** Makes a stopped vCPU call panic() from where it is. The message names the run. */
export async function directPanic(vcpu: number, context: ChoreographyContext): Promise<void> {
  const { gdb, symbols } = context;
  const { rsp } = await gdb.readRegisters(vcpu);
  const text = (rsp - MESSAGE_BELOW_BYTES) & ~15n;
  const { before } = await directCall(vcpu, { function: 'panic', args: [text] }, context);
  const message = `crashpath ${context.runName}: directed panic of cpu${vcpu}`
    .replace(/[^ -$&-~]/g, '_')
    .slice(0, MAX_MESSAGE_CHARACTERS);
  // panic(const char *fmt, ...): the message is the format.
  await gdb.writeMemory(text, Buffer.from(`${message}\0`, 'latin1'), { vcpu });
  context.fact({ fact: 'fired', how: `directed panic of cpu${vcpu} at ${symbols.label(before.rip)}` });
}

/** Restores the caller-saved registers after the called function has returned. */
export async function restoreAfterCall(
  vcpu: number,
  { before }: PreparedCall,
  { gdb }: ChoreographyContext,
): Promise<void> {
  for (const register of CALLER_SAVED) await gdb.writeRegister(vcpu, register, before[register]);
}
