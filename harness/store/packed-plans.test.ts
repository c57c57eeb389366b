import t from 'tap';
import { renamedPlan } from '../plan/make-plan.js';
import { guestName } from '../plan/guest-spec.js';
import { madePlan } from '../testing/builders/runs.js';
import { PackedPlansSchema, packPlans, sharePlans } from './packed-plans.js';

const base = {
  ...madePlan(),
  runId: '001-made',
  qemu: { binary: 'qemu', version: '7.2', args: ['-name', guestName('001-made'), '-m', '768'] },
};
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...renamedPlan(base, { runId: `${index + 1}-made`, nonce: `cp-${index}` }),
    trial: index + 1,
  }));

t.test('plans are read as they were written, in little room', async (t) => {
  const plans = [base, ...many(1000), { ...base, runId: 'other', append: 'console=ttyS0 quiet' }];
  const text = JSON.stringify(packPlans(plans));
  t.ok(text.length < 100 * plans.length + 3 * JSON.stringify(base).length, `${text.length} bytes`);
  t.strictSame(PackedPlansSchema.parse(JSON.parse(text)), JSON.parse(JSON.stringify(plans)));
  t.strictSame(sharePlans(plans), plans);
});

t.test('what is alike is one object in memory', async (t) => {
  const [first, second] = sharePlans(many(2));
  t.equal(first?.limits, second?.limits);
  t.match(second?.qemu.args, ['-name', guestName('2-made')], 'and each guest has its own name');
});

t.test('whole plans of older versions are read; a plan that is like none before it is not', async (t) => {
  t.strictSame(
    PackedPlansSchema.parse(JSON.parse(JSON.stringify(many(3)))),
    JSON.parse(JSON.stringify(many(3))),
  );
  const like = { like: 0, runId: 'r', trial: 1, nonce: 'n' };
  for (const bad of [
    [like],
    [base, { ...like, like: 1 }],
    [base, { ...like, like: -1 }],
    [base, { like: 0 }],
  ])
    t.notOk(PackedPlansSchema.safeParse(JSON.parse(JSON.stringify(bad))).success);
  t.equal(PackedPlansSchema.parse([JSON.parse(JSON.stringify(base)), like, { ...like, like: 1 }]).length, 3);
});
