import { LVT_NAMES, type LocalApic, type LvtEntry, type LvtName } from '../model/irqchip.js';
import { deliveryOf } from './irqchips.js';

/**
 * Reads HMP `info lapic ID`: QEMU 7.2, xAPIC, vCPUs that run (recorded). In x2APIC mode and with KVM's in-kernel APIC
 * the text is the same but for the words `(X2APIC ID)`, and a vector from a level pin is `37(level)` (QEMU,
 * target/i386/cpu-dump.c; a listing from a KVM host, kvm@vger.kernel.org, 2022). Undefined when it is something else,
 * e.g. `No CPU available`.
 */
export function readLapic(text: string): LocalApic | undefined {
  const vcpu = /^dumping local APIC state for CPU (\d{1,4})/m.exec(text)?.[1];
  const spurious = /^SPIV\t 0x([0-9a-f]{8}) APIC (enabled|disabled)/m.exec(text);
  const isr = vectorsOf(text, 'ISR');
  const irr = vectorsOf(text, 'IRR');
  if (vcpu === undefined || spurious?.[1] === undefined || isr === undefined || irr === undefined) {
    return undefined;
  }
  const lvt: Partial<Record<LvtName, LvtEntry>> = {};
  for (const name of LVT_NAMES) {
    const entry = new RegExp(`^${name}\t 0x([0-9a-f]{8}) `, 'm').exec(text)?.[1];
    if (entry !== undefined) lvt[name] = lvtEntry(Number.parseInt(entry, 16));
  }
  return {
    vcpu: Number(vcpu),
    enabled: spurious[2] === 'enabled',
    spuriousVector: Number.parseInt(spurious[1], 16) & 0xff,
    lvt,
    isr: isr.map(({ vector }) => vector),
    irr: irr.map(({ vector }) => vector),
    level: [...new Set([...isr, ...irr].flatMap(({ vector, level }) => (level ? [vector] : [])))],
  };
}

function lvtEntry(entry: number): LvtEntry {
  return { vector: entry & 0xff, masked: ((entry >> 16) & 1) === 1, delivery: deliveryOf(entry) };
}

/** `ISR\t 36 48(level) ` or `ISR\t (none)`. */
function vectorsOf(text: string, name: 'ISR' | 'IRR'): { vector: number; level: boolean }[] | undefined {
  const list = new RegExp(`^${name}\t ((?:\\d{1,3}(?:\\(level\\))? *)+|\\(none\\)) *\\r?$`, 'm').exec(
    text,
  )?.[1];
  if (list === undefined) return undefined;
  return [...list.matchAll(/(\d+)(\(level\))?/g)].map(([, vector, level]) => ({
    vector: Number(vector),
    level: level !== undefined,
  }));
}
