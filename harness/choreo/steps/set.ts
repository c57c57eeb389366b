import { isInKernelMode, isPaging, readKernelMemory } from '../../autopsy/kernel-memory.js';
import { unsignedOf } from '../../symbols/index.js';
import { type StepOf, wordOf } from '../../trigger/choreography-steps.js';
import { variableAddress } from '../call-arguments.js';
import { names } from '../code-location.js';
import type { ChoreographyContext } from '../context.js';
import { NotReached } from '../not-reached.js';
import type { Vcpus } from '../vcpus.js';

/** Writes to a variable, after it has read there what it should find; reads back, and leaves a fact. */
export async function set(step: StepOf<'set'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const { bytes } = step;
  const address = await variableAddress(step, vcpus);
  const [to, was] = [wordOf(step.to, bytes), wordOf(step.was, bytes)];
  if (to === undefined || was === undefined)
    throw new Error(`a value does not fit into ${bytes} bytes: the plan should have been refused`);
  const name = nameOf(step);
  const before = await readWord(address, bytes, { name, context });
  if (before !== was)
    throw new NotReached(`find ${hex(was)} in ${name} (${bytes} bytes)`, `it has ${hex(before)}`);
  await writeWord(address, { value: to, bytes, name }, context);
  const after = await readWord(address, bytes, { name, context });
  if (after !== to) throw new NotReached(`set ${name} to ${hex(to)}`, `it has ${hex(after)} afterwards`);
  const [variable, at] = [name, hex(address)];
  context.fact({ fact: 'set', variable, address: at, bytes, was: hex(was), to: hex(to) });
  return `${name} (${bytes} bytes at ${at}) was ${hex(was)}, is ${hex(to)}`;
}

function nameOf({ variable, offset = 0, of }: StepOf<'set'>): string {
  const place = `${names(variable).join(' or ')}${offset === 0 ? '' : `+0x${offset.toString(16)}`}`;
  return of === undefined ? place : `${place} of ${of}`;
}

async function readWord(
  address: bigint,
  bytes: number,
  { name, context }: { name: string; context: ChoreographyContext },
): Promise<bigint> {
  const read = await readKernelMemory(context.gdb, address, bytes);
  if (read === undefined) throw new NotReached(`read ${name}`, `no page tables map ${hex(address)}`);
  return unsignedOf(read);
}

/** Through the page tables of a vCPU in kernel mode: under page-table isolation those of a process map no variable. */
async function writeWord(
  address: bigint,
  { value, bytes, name }: { value: bigint; bytes: number; name: string },
  { gdb }: ChoreographyContext,
): Promise<void> {
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(value);
  for (const vcpu of gdb.vcpus) {
    const registers = await gdb.readRegisters(vcpu);
    if (!isInKernelMode(registers) || !isPaging(registers)) continue;
    return gdb.writeMemory(address, word.subarray(0, bytes), { vcpu });
  }
  throw new NotReached(`set ${name}`, 'no vCPU is in kernel mode; run one to a place in the kernel first');
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
