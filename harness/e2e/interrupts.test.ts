import t from 'tap';
import { crashpath } from '../testing/crashpath-command.js';
import { judgedAgain, runMade } from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

const ON_Q35 = { words: ['--machine', 'q35'] };

t.test(
  'messages from outside arrive through the crash; the state at firing is proved and kept',
  async (t) => {
    const run = await runMade(
      t,
      [
        'sources:',
        '  - { vector: 209, cpu: 0, perSecond: 200, atLeastPerSecond: 5 }',
        'prove:',
        '  - { cpu: 1, lapic: { enabled: true } }',
        '  - { interrupts: { row: LOC, risesBy: 1, withinMs: 10000 } }',
        'trigger:',
        '  kind: choreography',
        '  steps:',
        '    - run: { as: crasher, on: 0, to: sysvec_apic_timer_interrupt }',
        '    - run: { as: victim, on: 1, to: sysvec_apic_timer_interrupt }',
        '    - prove: { pin: acpi, is: { trigger: level, line: idle, masked: false } }',
        '    - interrupt: { role: victim, nmi: true }',
        '    - run: { as: victim, to: exc_nmi, withinMs: 5000 }',
        '    - prove: { role: victim, in: exc_nmi }',
        '    - prove: { role: crasher, lapic: { enabled: true, irr: 209 } }',
        '    - fire: { role: crasher }',
        '    - release: all',
        'expect: { verdict: captured }',
      ],
      ON_Q35,
    );
    const { result, facts } = run;
    t.match(result, { verdict: 'captured', outcome: 'expected' }, result.explanation);
    const fact = (pattern: RegExp) => facts.some((line) => pattern.test(line));
    t.ok(fact(/"what":"pin of acpi trigger=level masked=false line=idle","proved":true,"saw":"pin 9 level/));
    t.ok(
      fact(/"what":"local APIC of crasher: enabled, IRR has 209","proved":true,"saw":"enabled ISR.*IRR.*209/),
    );
    t.ok(fact(/"verb":"interrupt","saw":"NMI to APIC 1; cpu1 sysvec_apic_timer_interrupt/));
    t.ok(fact(/"what":"victim is in exc_nmi","proved":true/), 'the NMI reached the right vCPU');
    t.ok(fact(/"what":"\/proc\/interrupts LOC rises by 1 before firing","proved":true/));
    const counts = facts.flatMap((line) => {
      const count = /"fact":"source".*"state":"(at-firing|stopped)","count":(\d+)/.exec(line);
      return count === null ? [] : [Number(count[2])];
    });
    t.equal(counts.length, 2);
    t.ok(
      (counts[1] ?? 0) > (counts[0] ?? 0) && (counts[0] ?? 0) > 0,
      `it went on after firing: ${counts.join(', ')}`,
    );
    const shown = await crashpath(['show', result.directory]);
    t.match(
      shown.stdout,
      /IO-APIC version 0x20, 24 pins.*pin 9 level.*cpu0 local APIC enabled ISR .*IRR [^\n]*209/s,
    );
    t.strictSame(await judgedAgain(run), result, 'classify gives the stored verdict');
    t.strictSame(await qemusUnder(run.out), [], 'no QEMU is left');
  },
);

t.test(
  'a pin in another state than the required one, held by a source, is void and shows the pin',
  async (t) => {
    const { result, facts } = await runMade(
      t,
      [
        'sources:',
        '  - { pin: acpi, drive: held }',
        'prove:',
        '  - { pin: acpi, is: { line: asserted } }',
        '  - { pin: ttyS1, is: { trigger: level } }',
        'trigger: { kind: sysrq, key: c }',
        'expect: { verdict: captured }',
      ],
      ON_Q35,
    );
    t.match(result, { verdict: 'void', detail: 'state-not-proved' });
    t.match(result.explanation, /pin of ttyS1 trigger=level \(saw pin 3 edge/);
    t.ok(
      facts.some((line) =>
        /"what":"pin of acpi line=asserted","proved":true,"saw":"pin 9 level.* irr/.test(line),
      ),
    );
    t.notOk(facts.some((line) => /"fact":"fired"/.test(line)));
  },
);
