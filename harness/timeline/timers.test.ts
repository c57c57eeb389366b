import t from 'tap';
import { b64, frame } from '../testing/builders/runs.js';
import { parseArmed } from './armed.js';
import { readControlLine } from './control.js';
import { interruptsOf } from './proc-interrupts.js';
import { parseTimers, timerCounts } from './timers.js';

/** /proc/interrupts of capture kernels: IO-APIC (6.1, pc), and without one. */
const IO_APIC =
  '           CPU0       \n  0:        154   IO-APIC   2-edge      timer\nLOC:        536   Local timer interrupts\n';
const XT_PIC =
  '           CPU0       CPU1\n  0:      1000          5    XT-PIC      timer\n 10:  7  8  XT-PIC  x\n';

void t.test('timers of a kernel', async (t) => {
  t.strictSame(parseTimers('clocksource=tsc-early\nclockevent=lapic-deadline\nbroadcast=hpet\n'), {
    clocksource: 'tsc-early',
    clockevent: 'lapic-deadline',
    broadcast: 'hpet',
  });
  t.strictSame(parseTimers('clocksource=\nclockevent=pit\nx'), {
    clocksource: '',
    clockevent: 'pit',
    broadcast: '',
  });
  t.match(parseTimers(`clocksource=${'a'.repeat(65)}`), { clocksource: '' }, 'too long');
  t.match(parseTimers('clocksource=a b\nmyclockevent=pit'), { clocksource: '', clockevent: '' }, 'no name');
});

void t.test('timer rows of /proc/interrupts', async (t) => {
  t.strictSame(timerCounts(IO_APIC), { local: 536, irq0: 154, irq0Chip: 'IO-APIC 2-edge' });
  t.strictSame(timerCounts(XT_PIC), { local: undefined, irq0: 1005, irq0Chip: 'XT-PIC' });
  t.strictSame(timerCounts(''), { local: undefined, irq0: undefined, irq0Chip: undefined });
  t.equal(interruptsOf('10', XT_PIC), 15);
  t.equal(interruptsOf('1', XT_PIC), undefined, 'not row 10');
});

void t.test('in the frames', async (t) => {
  const facts = { ev: 'capture-facts', dmesgLines: 1, modulesFailed: '', interrupts: b64(IO_APIC) };
  t.match(readControlLine(frame({ ...facts, timers: b64('clocksource=tsc\n') }).trim()), {
    type: 'capture-facts',
    timers: { clocksource: 'tsc', clockevent: '' },
  });
  t.notOk('timers' in readControlLine(frame(facts).trim()), 'an older image does not report them');
  t.match(parseArmed('status=0\nclocksource=tsc\nclockevent=lapic\nbroadcast=\n'), {
    timers: { clockevent: 'lapic' },
  });
  t.notOk('timers' in parseArmed('status=0\n'));
});
