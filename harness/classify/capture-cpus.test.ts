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
