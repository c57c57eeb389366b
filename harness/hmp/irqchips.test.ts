import t from 'tap';
import { readLapic } from './lapic.js';
import { readIrqchips } from './irqchips.js';
import { LAPIC_LEVEL, LAPIC_PC, PIC_PC, PIC_Q35_ASSERTED } from '../testing/recordings/monitor-text.js';

void t.test('the pins of a pc that runs', async (t) => {
  const { ioApic, pics } = readIrqchips(PIC_PC);
  t.equal(ioApic?.version, 0x20);
  t.equal(ioApic?.pins.length, 24);
  t.strictSame(ioApic?.pins[9], {
    pin: 9,
    vector: 33,
    trigger: 'level',
    polarity: 'high',
    masked: false,
    delivery: 'fixed',
    destinationMode: 'logical',
    destination: 2,
    irr: false,
    remoteIrr: false,
  });
  t.match(ioApic?.pins[4], { vector: 35, trigger: 'edge', masked: false });
  t.match(ioApic?.pins[5], { vector: 0, masked: true, destinationMode: 'physical' });
  t.strictSame(pics, {
    master: { irr: 0x1b, imr: 0xff, isr: 0, elcr: 0 },
    slave: { irr: 0x11, imr: 0xff, isr: 0, elcr: 0x0c },
  });
});

void t.test('a level line that is asserted, on q35', async (t) => {
  const pins = readIrqchips(PIC_Q35_ASSERTED).ioApic?.pins ?? [];
  t.match(pins[9], { trigger: 'level', irr: true, remoteIrr: true, masked: false, vector: 33 });
  t.equal(pins.filter(({ irr, remoteIrr }) => irr || remoteIrr).length, 1);
  t.match(readLapic(LAPIC_LEVEL), { vcpu: 1, isr: [33], irr: [236], level: [33] });
});

void t.test('pending and unacknowledged pins; only a level pin has a remote IRR', async (t) => {
  const text = PIC_PC.replace('  IRR      (none)', '  IRR      4  9  ')
    .replace('0x0200000000008821', '0x020000000001e821')
    .replace('0x0200000000000823', '0x0200000000004823');
  const pins = readIrqchips(text).ioApic?.pins ?? [];
  t.match(pins[9], { trigger: 'level', irr: true, remoteIrr: true, masked: true, polarity: 'low' });
  t.match(pins[4], { trigger: 'edge', irr: true, remoteIrr: false });
  t.strictSame(
    pins.filter(({ irr }) => irr).map(({ pin }) => pin),
    [4, 9],
  );
});

void t.test('a machine without, and what is no such text', async (t) => {
  const onlyPics = PIC_PC.slice(PIC_PC.indexOf('pic1:'));
  t.equal(readIrqchips(onlyPics).ioApic, undefined);
  t.ok(readIrqchips(onlyPics).pics);
  const onlyIoApic = PIC_PC.slice(0, PIC_PC.indexOf('pic1:'));
  t.equal(readIrqchips(onlyIoApic).pics, undefined);
  t.equal(readIrqchips(onlyIoApic).ioApic?.pins.length, 24);
  for (const text of ['', 'ioapic0: ver=0x20 id=0x00 sel=0x00', PIC_PC.replace('  IRR  ', '  IRQ  ')]) {
    t.equal(readIrqchips(text).ioApic, undefined);
  }
  t.equal(readIrqchips(PIC_PC.replace('imr=ff isr', 'imr=f isr')).pics, undefined);
});

void t.test('a local APIC of a vCPU that runs', async (t) => {
  const lapic = readLapic(LAPIC_PC);
  t.match(lapic, { vcpu: 1, enabled: true, spuriousVector: 255, isr: [], irr: [], level: [] });
  t.strictSame(lapic?.lvt, {
    LVT0: { vector: 0, masked: true, delivery: 'extINT' },
    LVT1: { vector: 0, masked: true, delivery: 'NMI' },
    LVTPC: { vector: 0, masked: true, delivery: 'fixed' },
    LVTERR: { vector: 254, masked: false, delivery: 'fixed' },
    LVTTHMR: { vector: 0, masked: true, delivery: 'fixed' },
    LVTT: { vector: 236, masked: false, delivery: 'fixed' },
  });
});

void t.test('vectors in service are those of ISR, requested ones those of IRR', async (t) => {
  const busy = LAPIC_PC.replace('ISR\t (none)', 'ISR\t 236 ').replace('IRR\t (none)', 'IRR\t 37(level) 236 ');
  t.match(readLapic(busy), { isr: [236], irr: [37, 236], level: [37] });
  t.match(readLapic(LAPIC_PC.replace('0x000001ff APIC enabled', '0x000000ff APIC disabled')), {
    enabled: false,
  });
});

void t.test('what is no local APIC is undefined', async (t) => {
  for (const text of [
    '',
    'No CPU available\r\n',
    'local apic state not available\n',
    LAPIC_PC.replace('ISR\t', 'ISR '),
    LAPIC_PC.replace('SPIV\t', 'SPI\t'),
    LAPIC_PC.replace('IRR\t (none)', 'IRR\t none'),
  ]) {
    t.equal(readLapic(text), undefined);
  }
});
