import { readVcpus } from '../timeline/vcpus.js';
import { lookAt } from './look.js';
import { functionNamed } from './places.js';
import { NotReached, type Stage } from './stage.js';

/** Below the stack pointer by this much the message is safe until panic() has formatted it, which it does first. */
const MESSAGE_BELOW_BYTES = 1536n;
const MAX_MESSAGE_CHARACTERS = 120;

/**
 * Makes a stopped vCPU call panic() from where it stands, as if the interrupted instruction had called it: the return
 * address on its stack is the old RIP, so that the panic's own backtrace shows the context. The message names the run.
 * Nothing runs yet. Throws NotReached for a vCPU that is not in kernel mode,
 * or sits in hlt.
 */
export async function directPanic(vcpu: number, stage: Stage): Promise<void> {
  const { gdb, symbols } = stage;
  const registers = await gdb.readRegisters(vcpu);
  if ((registers.cs & 3n) !== 0n) {
    throw new NotReached(
      `direct cpu${vcpu} into panic()`,
      `it is in user mode: ${await lookAt(vcpu, stage)}`,
    );
  }
  // A vCPU in hlt takes a new RIP only at its next interrupt: others would go on meanwhile, and the state with them.
  const state = readVcpus(await stage.monitor('info registers -a'), undefined).find(
    ({ index }) => index === vcpu,
  );
  if (state?.halted !== false) {
    throw new NotReached(`direct cpu${vcpu} into panic()`, `it is halted: ${await lookAt(vcpu, stage)}`);
  }
  const target = functionNamed('panic', symbols);
  const message = `crashpath ${stage.runName}: directed panic of cpu${vcpu}`
    .replace(/[^ -$&-~]/g, '_')
    .slice(0, MAX_MESSAGE_CHARACTERS);
  const text = (registers.rsp - MESSAGE_BELOW_BYTES) & ~15n;
  const returnAddress = Buffer.alloc(8);
  returnAddress.writeBigUInt64LE(registers.rip);
  await gdb.writeMemory(text, Buffer.from(`${message}\0`, 'latin1'), { vcpu });
  await gdb.writeMemory(registers.rsp - 8n, returnAddress, { vcpu });
  await gdb.writeRegister(vcpu, 'rsp', registers.rsp - 8n);
  // panic(const char *fmt, ...): the message is the format, and AL = 0 vector registers carry arguments.
  await gdb.writeRegister(vcpu, 'rdi', text);
  await gdb.writeRegister(vcpu, 'rax', 0n);
  await gdb.writeRegister(vcpu, 'rip', target.address);
  stage.fact({ fact: 'fired', how: `directed panic of cpu${vcpu} at ${symbols.label(registers.rip)}` });
}
