import t from 'tap';
import { proveState } from '../proof/proofs.js';
import { isolated, kernelReader, type MadeVcpu } from '../testing/fakes/kernel-reader.js';
import { symbolsOf } from '../testing/fakes/witness.js';
import { stoppedWitness, type WitnessContext } from './witness.js';

void t.test('a proof of a lock with vCPU 0 in user mode under page-table isolation', async (t) => {
  const { memory, user } = isolated();
  const context = (vcpus: readonly MadeVcpu[]): WitnessContext => ({
    gdb: kernelReader(vcpus, memory),
    symbols: symbolsOf('ffffffff82345ffc D ioapic_lock\n'),
    vcpuRegisters: async () => [],
    irqchips: async () => ({ ioApic: undefined, pics: undefined }),
    lapic: async () => undefined,
    pinOf: () => undefined,
    nowMs: () => 0,
    sourcesWithinMs: 0,
  });
  const prove = (vcpus: readonly MadeVcpu[]) =>
    proveState(
      { lock: 'ioapic_lock', held: true },
      stoppedWitness(context(vcpus), () => 0),
    );
  t.match(await prove([{ user: true, cr3: user }]), { proved: true, saw: 'lock word 0x1' });
  t.match(await prove([{ user: true, cr3: user }, { maps: Buffer.from('01000000', 'hex') }]), {
    proved: true,
  });
  t.match(await prove([{ user: true, cr3: 0x3000n }]), { proved: false, saw: 'its memory cannot be read' });
});
