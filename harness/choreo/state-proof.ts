import type { StateProof } from '../model/choreography.js';
import { lookAt, stackLine, stackOf } from './look.js';
import { names, variableNamed } from './places.js';
import type { Stage } from './stage.js';

/** Looks at the stopped guest; `vcpuOf` tells which vCPU has a role. */
export async function checkState(
  proof: StateProof,
  stage: Stage,
  vcpuOf: (role: string) => number,
): Promise<{ what: string; proved: boolean; saw: string }> {
  if ('lock' in proof) {
    const what = `${proof.lock} is ${proof.held ? 'held' : 'free'}`;
    const symbol = variableNamed(proof.lock, stage.symbols);
    // The word of a qspinlock (include/asm-generic/qspinlock_types.h): its lowest byte is the lock itself.
    const word = (await stage.gdb.readMemory(symbol.address, 4)).readUInt32LE(0);
    return { what, proved: ((word & 0xff) !== 0) === proof.held, saw: `lock word 0x${word.toString(16)}` };
  }
  const vcpu = vcpuOf(proof.role);
  if ('in' in proof) {
    const { rip } = await stage.gdb.readRegisters(vcpu);
    const place = stage.symbols.at(rip);
    return {
      what: `${proof.role} is in ${names(proof.in).join(' or ')}`,
      proved: place !== undefined && names(proof.in).includes(place.symbol.name),
      saw: await lookAt(vcpu, stage),
    };
  }
  if ('interrupts' in proof) {
    const { rflags } = await stage.gdb.readRegisters(vcpu);
    const on = (rflags & 0x200n) !== 0n;
    return {
      what: `${proof.role} has interrupts ${proof.interrupts}`,
      proved: on === (proof.interrupts === 'on'),
      saw: await lookAt(vcpu, stage),
    };
  }
  if ('inService' in proof) {
    const vectors = vectorsInService(await stage.monitor(`info lapic ${vcpu}`));
    return {
      what: `${proof.role} has a vector in service`,
      proved: vectors.length > 0,
      saw: `LAPIC ISR ${vectors.join(' ') || '(none)'}`,
    };
  }
  const trace = await stackOf(vcpu, stage);
  const found = trace.frames.some(
    ({ place, reliable }) =>
      reliable && place !== undefined && names(proof.stackHas).includes(place.symbol.name),
  );
  return {
    what: `${proof.role}'s stack has ${names(proof.stackHas).join(' or ')}`,
    proved: found,
    saw: stackLine(trace),
  };
}

/** Vectors in the `ISR` line of HMP `info lapic` (QEMU 7.2: `ISR\t 36 48` or `ISR\t (none)`). */
export function vectorsInService(text: string): number[] {
  const line = /^\s*ISR\s+(.*)$/m.exec(text)?.[1] ?? '';
  return [...line.matchAll(/\b(\d{1,3})\b/g)]
    .map(([, vector]) => Number(vector))
    .filter((vector) => vector < 256);
}
