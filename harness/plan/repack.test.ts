import t from 'tap';
import { repackFor, repackOf } from './repack.js';
import { ScenarioSchema } from './scenario.js';

function scenario(keys: object) {
  return ScenarioSchema.parse({
    version: 1,
    name: 'x',
    summary: 'x',
    trigger: { kind: 'sysrq', key: 'c' },
    expect: { verdict: 'captured' },
    ...keys,
  });
}

void t.test('what the caller asks for is repacked, where the scenario is not about it', async (t) => {
  t.equal(repackFor(scenario({}), undefined), undefined);
  for (const asked of ['first', 'capture', 'both'] as const) {
    t.equal(repackFor(scenario({}), asked), asked);
    t.equal(repackFor(scenario({ repack: 'never' }), asked), undefined);
  }
  const unarmed = scenario({ crashKernel: 'absent', expect: { verdict: 'no-crash-kernel' } });
  t.equal(repackFor(unarmed, 'both'), 'first');
  t.equal(repackFor(unarmed, 'first'), 'first');
  t.equal(repackFor(unarmed, 'capture'), undefined, 'it has no capture kernel');
  t.throws(() => scenario({ repack: 'always' }));
});

void t.test('a plan tells which kernels were', async (t) => {
  const kernel = {
    ...{ bzImage: '/b', sha256: 'a', bytes: 1, compression: 'xz' as const, vmlinuxSha256: 'b' },
  };
  t.equal(repackOf({}), undefined);
  t.equal(repackOf({ repacked: {} }), undefined);
  t.equal(repackOf({ repacked: { first: kernel } }), 'first');
  t.equal(repackOf({ repacked: { capture: kernel } }), 'capture');
  t.equal(repackOf({ repacked: { first: kernel, capture: kernel } }), 'both');
});
