/** What HMP said, QEMU 7.2.22 under TCG, Debian 6.1.0-56, right before firing; the line ends are \r\n there. */

const lines = (...text: string[]): string => text.join('\r\n');

/** `info pic`, machine pc, two vCPUs. */
export const PIC_PC = lines(
  'ioapic0: ver=0x20 id=0x00 sel=0x16 (redir[3])',
  '  pin 0  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 1  0x0200000000000822 dest=2 vec=34  active-hi edge         fixed  logical',
  '  pin 2  0x0100000000000830 dest=1 vec=48  active-hi edge         fixed  logical',
  '  pin 3  0x0100000000000823 dest=1 vec=35  active-hi edge         fixed  logical',
  '  pin 4  0x0200000000000823 dest=2 vec=35  active-hi edge         fixed  logical',
  '  pin 5  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 6  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 7  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 8  0x0100000000000822 dest=1 vec=34  active-hi edge         fixed  logical',
  '  pin 9  0x0200000000008821 dest=2 vec=33  active-hi level        fixed  logical',
  '  pin 10 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 11 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 12 0x0100000000000821 dest=1 vec=33  active-hi edge         fixed  logical',
  '  pin 13 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 14 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 15 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 16 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 17 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 18 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 19 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 20 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 21 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 22 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  pin 23 0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical',
  '  IRR      (none)',
  '  Remote IRR (none)',
  'pic1: irr=11 imr=ff isr=00 hprio=0 irq_base=38 rr_sel=0 elcr=0c fnm=0',
  'pic0: irr=1b imr=ff isr=00 hprio=0 irq_base=30 rr_sel=0 elcr=00 fnm=0',
  '',
);

/** `info lapic 1`, machine pc. */
export const LAPIC_PC = lines(
  'dumping local APIC state for CPU 1 ',
  '',
  'LVT0\t 0x00010700 active-hi edge  masked                      ExtINT (vec 0)',
  'LVT1\t 0x00010400 active-hi edge  masked                      NMI   ',
  'LVTPC\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
  'LVTERR\t 0x000000fe active-hi edge                              Fixed  (vec 254)',
  'LVTTHMR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
  'LVTT\t 0x000000ec active-hi edge                 one-shot     Fixed  (vec 236)',
  'Timer\t DCR=0x3 (divide by 16) initial_count = 98985460 current_count = 81044012',
  'SPIV\t 0x000001ff APIC enabled, focus=off, spurious vec 255',
  'ICR\t 0x000008fb logical edge de-assert no-shorthand',
  'ICR2\t 0x01000000 mask 00000001 (APIC ID)',
  'ESR\t 0x00000000',
  'ISR\t (none)',
  'IRR\t (none)',
  '',
  'APR 0x01 TPR 0x10 DFR 0x0f LDR 0x02 PPR 0x10',
  '',
);
