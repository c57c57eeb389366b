import t from 'tap';
import { ExpectationSchema } from '../model/expectation.js';
import { CONTROL_KINDS, type ControlKind } from '../night/night-record.js';
import { VERDICT_WORDS, type VerdictWord } from '../model/verdict.js';
import { isMet, MUST } from './controls.js';

const MEETS: Readonly<Record<ControlKind, readonly VerdictWord[]>> = {
  mustHang: ['crash-path-hang', 'purgatory-hang', 'capture-hang'],
  mustCapture: ['captured'],
  mustNotCrash: ['no-panic'],
};

for (const kind of CONTROL_KINDS) {
  t.test(`${kind}: which verdicts meet it`, async (t) => {
    t.strictSame(ExpectationSchema.parse(MUST[kind].expect), MUST[kind].expect);
    const met = VERDICT_WORDS.filter((verdict) => isMet(kind, { verdict, detail: 'made', degradedBy: [] }));
    t.strictSame([...met].sort(), [...MEETS[kind]].sort());
  });
}
