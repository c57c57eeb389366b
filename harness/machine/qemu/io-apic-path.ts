import type { QmpClient } from '../../qemu/qmp/index.js';

/** Type of a child in QEMU's object tree that is an IO-APIC: QEMU's own, or KVM's. */
const IO_APIC = /^child<(?:kvm-)?ioapic>$/;

/**
 * The path of the machine's IO-APIC in QEMU's object tree: `/machine/i440fx/ioapic` on pc, `/machine/q35/ioapic` on q35
 * (QEMU 7.2). Undefined on a machine without one.
 */
export async function ioApicPath(qmp: QmpClient): Promise<string | undefined> {
  const children = await qmp.execute('qom-list', { path: '/machine' });
  if (children.some(({ name, type }) => name === 'ioapic' && IO_APIC.test(type))) return '/machine/ioapic';
  for (const { name, type } of children) {
    if (!type.startsWith('child<') || name.startsWith('peripheral') || name === 'unattached') continue;
    const path = `/machine/${name}`;
    const inside = await qmp.execute('qom-list', { path });
    if (inside.some((child) => child.name === 'ioapic' && IO_APIC.test(child.type))) return `${path}/ioapic`;
  }
  return undefined;
}
