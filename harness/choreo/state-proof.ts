import { setTimeout as sleep } from 'node:timers/promises';
import { checkLapic, checkPin } from '../irqchip/check-conditions.js';
import type { StateProof } from '../model/choreography.js';
import { flagStatement, lookAtFlag, readControlRegisters } from '../timeline/control-registers.js';
import { inspectVcpu, stackLine, stackOf } from '../autopsy/inspect-vcpu.js';
import { names, variableNamed } from './code-location.js';
import type { ChoreographyContext } from './context.js';

const LOOK_EVERY_MS = 20;

/** Looks at the stopped guest; `vcpuOf` tells which vCPU has a role. */
export async function checkState(
  proof: StateProof,
  stage: ChoreographyContext,
  vcpuOf: (role: string) => number,
): Promise<{ what: string; proved: boolean; saw: string }> {
  if ('lock' in proof) {
    const what = `${proof.lock} is ${proof.held ? 'held' : 'free'}`;
    const symbol = variableNamed(proof.lock, stage.symbols);
    // The word of a qspinlock (include/asm-generic/qspinlock_types.h): its lowest byte is the lock itself.
    const word = (await stage.gdb.readMemory(symbol.address, 4, { vcpu: 0 })).readUInt32LE(0);
    return { what, proved: ((word & 0xff) !== 0) === proof.held, saw: `lock word 0x${word.toString(16)}` };
  }
  if ('pin' in proof) {
    const name = typeof proof.pin === 'number' ? `pin ${proof.pin}` : `pin of ${proof.pin}`;
    const number = stage.pinOf(proof.pin);
    return awaitSources(stage, async () =>
      checkPin(proof.is, { name, number, routers: await stage.routers() }),
    );
  }
  const vcpu = vcpuOf(proof.role);
  if ('in' in proof) {
    const { rip } = await stage.gdb.readRegisters(vcpu);
    const place = stage.symbols.at(rip);
    return {
      what: `${proof.role} is in ${names(proof.in).join(' or ')}`,
      proved: place !== undefined && names(proof.in).includes(place.symbol.name),
      saw: await inspectVcpu(vcpu, stage),
    };
  }
  if ('interrupts' in proof) {
    const { rflags } = await stage.gdb.readRegisters(vcpu);
    const on = (rflags & 0x200n) !== 0n;
    return {
      what: `${proof.role} has interrupts ${proof.interrupts}`,
      proved: on === (proof.interrupts === 'on'),
      saw: await inspectVcpu(vcpu, stage),
    };
  }
  if ('inService' in proof || 'lapic' in proof) {
    const asked = 'lapic' in proof ? proof.lapic : { isr: 'any' as const };
    return awaitSources(stage, async () =>
      checkLapic(asked, { name: proof.role, lapic: await stage.lapic(vcpu) }),
    );
  }
  if ('svme' in proof || 'vmxe' in proof) {
    const [flag, on] = 'svme' in proof ? (['svme', proof.svme] as const) : (['vmxe', proof.vmxe] as const);
    const own = readControlRegisters(await stage.registersText()).find(
      (registers) => registers.vcpu === vcpu,
    );
    const look = own === undefined ? undefined : lookAtFlag(own, flag);
    return {
      what: `${proof.role} has ${flagStatement(flag, on)}`,
      proved: look?.on === on,
      saw: look?.saw ?? `cpu${vcpu} is not told`,
    };
  }
  const trace = await stackOf(vcpu, stage);
  const found = trace.frames.some(
    ({ symbolized, reliable }) =>
      reliable && symbolized !== undefined && names(proof.stackHas).includes(symbolized.symbol.name),
  );
  return {
    what: `${proof.role}'s stack has ${names(proof.stackHas).join(' or ')}`,
    proved: found,
    saw: stackLine(trace),
  };
}

/** All vCPUs stand, but sources outside the guest go on: what they do next may be what is asked for. */
async function awaitSources(
  { sourcesWithinMs }: ChoreographyContext,
  check: () => Promise<{ what: string; proved: boolean; saw: string }>,
): Promise<{ what: string; proved: boolean; saw: string }> {
  const untilMs = performance.now() + sourcesWithinMs;
  for (;;) {
    const checked = await check();
    if (checked.proved || performance.now() >= untilMs) return checked;
    await sleep(LOOK_EVERY_MS);
  }
}
