import type { CallArgument } from '../trigger/choreography-steps.js';
import { isPerCpu } from '../symbols/index.js';
import { names, variableNamed } from './code-location.js';
import { NotReached } from './not-reached.js';
import type { Vcpus } from './vcpus.js';

/** A variable, or a place in it. */
export interface VariablePlace {
  readonly variable: string | readonly string[];
  /** Bytes from the symbol. */
  readonly offset?: number | undefined;
  /** The role whose CPU's copy is meant. */
  readonly of?: string | undefined;
}

/**
 * A call's arguments as 64-bit values: integers (negative ones in two's complement), hexadecimal text, addresses of
 * variables, and registers of stopped vCPUs. Throws NotReached for a variable that the kernel does not have.
 */
export async function callArguments(
  { args }: { readonly args: readonly CallArgument[] },
  vcpus: Pick<Vcpus, 'of' | 'context'>,
): Promise<bigint[]> {
  const values: bigint[] = [];
  for (const argument of args) values.push(BigInt.asUintN(64, await valueOf(argument, vcpus)));
  return values;
}

async function valueOf(
  argument: CallArgument,
  { of, context }: Pick<Vcpus, 'of' | 'context'>,
): Promise<bigint> {
  if (typeof argument !== 'object') return BigInt(argument);
  if ('register' in argument) return (await context.gdb.readRegisters(of(argument.of)))[argument.register];
  return variableAddress({ ...argument, variable: argument.addressOf }, { of, context });
}

/**
 * The address of a variable, or of the copy of a per-CPU variable that the CPU of the role `of` has. Throws NotReached
 * for a variable that the kernel does not have.
 */
export async function variableAddress(
  { variable, offset = 0, of: role }: VariablePlace,
  { of, context }: Pick<Vcpus, 'of' | 'context'>,
): Promise<bigint> {
  if (role !== undefined) return (await perCpuAddress(variable, of(role), context)) + BigInt(offset);
  return variableNamed(variable, context.symbols).address + BigInt(offset);
}

/** The copy of a per-CPU variable that a vCPU in kernel mode has: GS has its CPU's base (arch/x86/include/asm/percpu.h, v6.1). */
async function perCpuAddress(
  wanted: string | readonly string[],
  vcpu: number,
  { gdb, symbols }: Vcpus['context'],
): Promise<bigint> {
  const asked = names(wanted);
  const what = `find the per-CPU variable ${asked.join(' or ')} of cpu${vcpu}`;
  const symbol = asked.flatMap((name) => symbols.named(name)).find((known) => isPerCpu(known, symbols));
  if (symbol === undefined) throw new NotReached(what, 'this kernel has none');
  const { cs, gs_base: base } = await gdb.readRegisters(vcpu);
  if ((cs & 3n) !== 0n) throw new NotReached(what, 'it is in user mode, where GS is another');
  return symbol.address + base;
}
