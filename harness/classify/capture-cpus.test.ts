import t from 'tap';
import { b64, frame, madePlan } from '../testing/builders/runs.js';
import { captured } from '../testing/builders/verdicts.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

const NOTE = /; its command line asks for/;

/** The verdict on a capture whose init reported `cpus`; undefined: it reported none. */
function judged(captureAppend: string, cpus: number | undefined, atLeast?: number) {
  const proveCapture = atLeast === undefined ? [] : [{ cpus: { atLeast } }];
  const plan = { ...madePlan({ cpus: 2, scenario: { proveCapture } }), captureAppend };
  const facts = { ev: 'capture-facts', dmesgLines: 5, modulesFailed: '', interrupts: b64('LOC: 5\n') };
  const run = captured().control(frame(cpus === undefined ? facts : { ...facts, cpus }));
  return verdictOf(run.end().records, plan);
}

void t.test('another number of CPUs than asked for is stated, and degrades nothing', async (t) => {
  const one = judged('irqpoll nr_cpus=2', 1);
  t.match(one, { word: 'captured', quality: 'clean' });
  t.match(one.explanation, /memory; its command line asks for 2 CPUs \(nr_cpus=2\), and it runs 1$/);
  t.notMatch(judged('nr_cpus=2', 2).explanation, NOTE);
  t.notMatch(judged('nr_cpus=4', 2).explanation, NOTE, 'the machine has 2');
  t.notMatch(judged('quiet', 1).explanation, NOTE, 'nothing was asked for');
  t.notMatch(judged('nr_cpus=2', undefined).explanation, NOTE, 'an older image');
  t.match(judged('nr_cpus=1', 2).explanation, /asks for 1 CPU \(nr_cpus=1\), and it runs 2$/);
});

void t.test('the number of online CPUs as a proof of the scenario', async (t) => {
  t.match(judged('nr_cpus=2', 2, 2), { word: 'captured' });
  t.match(judged('nr_cpus=2', 1, 2), {
    word: 'void',
    detail: 'state-not-proved',
    explanation: "not proved: the capture kernel's number of online CPUs is at least 2 (saw 1)",
  });
  t.match(judged('nr_cpus=2', undefined, 2), { word: 'void', explanation: /saw none reported/ });
});

void t.test('the number is in the evidence', async (t) => {
  const cited = judged('nr_cpus=2', 2).evidence.find(({ what }) => what === 'capture-facts');
  t.match(cited?.excerpt, / cpus=2$/);
});

/** The verdict on a capture with 4 CPUs whose kernel sent INITs to these vCPUs; undefined: nothing tells. */
function withInits(
  vcpus: readonly number[] | undefined,
  proveCapture: { readonly inits: { has?: number[]; lacks?: number[] } }[] = [],
) {
  const plan = { ...madePlan({ cpus: 2, scenario: { proveCapture } }), captureAppend: 'nr_cpus=2' };
  const facts = {
    ev: 'capture-facts',
    dmesgLines: 5,
    modulesFailed: '',
    interrupts: b64('LOC: 5\n'),
    cpus: 2,
  };
  const run = captured().control(frame(facts));
  return verdictOf(
    (vcpus === undefined ? run : run.host({ fact: 'inits', vcpus: [...vcpus] })).end().records,
    plan,
  );
}

void t.test('an INIT to the boot CPU degrades, one to another does not', async (t) => {
  t.match(withInits([1]), { word: 'captured', quality: 'clean' });
  t.match(withInits([]), { word: 'captured', quality: 'clean' });
  t.match(withInits(undefined), { word: 'captured', quality: 'clean' });
  const reset = withInits([0, 1]);
  t.match(reset, { quality: 'degraded', degradedBy: ['init-to-boot-cpu'] });
  t.ok(reset.evidence.some(({ excerpt }) => excerpt.includes('"vcpus":[0,1]')));
});

void t.test('INITs as a proof of the scenario', async (t) => {
  t.match(withInits([1], [{ inits: { has: [1], lacks: [0] } }]), { word: 'captured' });
  t.match(withInits([0, 1], [{ inits: { lacks: [0] } }]), {
    word: 'void',
    explanation: "not proved: the capture kernel's INITs did not go to vCPU 0 (saw INITs to vCPU 0, 1)",
  });
  t.match(withInits([], [{ inits: { has: [1] } }]), { word: 'void', explanation: /saw INITs to none/ });
  t.match(withInits(undefined, [{ inits: { lacks: [0] } }]), {
    word: 'void',
    explanation: /no log of resets/,
  });
});
