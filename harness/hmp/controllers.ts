import { type Pic8259, pinText, readIrqchips } from './irqchips.js';
import { lapicText, readLapic } from './lapic.js';

/** The texts of a machine's interrupt controllers: HMP `info pic`, and `info lapic` of each vCPU. */
export interface ControllerTexts {
  readonly pic: string;
  readonly lapics: readonly { readonly vcpu: number; readonly text: string }[];
  /** The local APICs are as the machine stopped, not as of now. */
  readonly asStopped?: boolean;
}

/** The controllers line by line: pins that are in use or have something pending, the 8259s, each local APIC. */
export function controllerLines({ pic, lapics, asStopped = false }: ControllerTexts): string[] {
  const asOf = asStopped ? ', as it stopped' : '';
  const { ioApic, pics } = readIrqchips(pic);
  const pins = ioApic?.pins.filter(({ masked, irr, remoteIrr }) => !masked || irr || remoteIrr) ?? [];
  return [
    ioApic === undefined
      ? 'no IO-APIC'
      : `IO-APIC version 0x${ioApic.version.toString(16)}, ${ioApic.pins.length} pins, the rest masked and quiet:`,
    ...pins.map((pin) => `  ${pinText(pin)}`),
    pics === undefined ? 'no 8259' : `8259 ${registers(pics.master)}; ${registers(pics.slave)}`,
    ...lapics.map(({ vcpu, text }) => {
      const lapic = readLapic(text);
      return `cpu${vcpu} local APIC${asOf} ${lapic === undefined ? 'cannot be read' : lapicText(lapic)}`;
    }),
  ];
}

function registers({ irr, imr, isr, elcr }: Pic8259): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `irr=${hex(irr)} imr=${hex(imr)} isr=${hex(isr)} elcr=${hex(elcr)}`;
}
