import { readRegisters } from '../hmp/registers.js';
import { instructionAt } from './instruction-at.js';
import { lookAt } from './look.js';
import { NotReached, type WalkStage } from './stage.js';
import { stepOver } from './step-over.js';

/** Runs a stopped vCPU, alone, until the call that it stands at has returned. Throws NotReached when it does not. */
export async function overCall(vcpu: number, stage: WalkStage, withinMs: number): Promise<void> {
  const registers = await stage.gdb.readRegisters(vcpu);
  const all = readRegisters(await stage.monitor('info registers -a'));
  const bits = all.find(({ index }) => index === vcpu)?.codeIs64Bit === true ? 64 : 32;
  const { instruction } = await instructionAt(vcpu, stage, { address: registers.rip, bits });
  const purpose = `go over ${instruction.text}`;
  if (instruction.flow !== 'call')
    throw new NotReached(purpose, `it is not a call; ${await lookAt(vcpu, stage)}`);
  const untilMs = performance.now() + withinMs;
  await stepOver(vcpu, stage, { instruction, registers, bits, untilMs, patienceMs: 0, purpose });
}
