import t from 'tap';
import { type Scenario, ScenarioSchema } from './scenario.js';
import { SourceSchema, type SourceSpec } from './source.js';
import { contradictionInSources } from './check-sources.js';
import { needsQtest } from './guest-spec.js';

const STORM: SourceSpec = { vector: 209, cpu: 1, perSecond: 100, until: 'end' };
const check = (source: SourceSpec, prove: Scenario['prove'] = []) =>
  contradictionInSources({ sources: [source], prove }, 2);

void t.test('what is sound is let through', async (t) => {
  t.equal(check(STORM), undefined);
  t.equal(check({ ...STORM, atLeastPerSecond: 100 }), undefined);
  t.equal(check({ ...STORM, perSecond: 'max', atLeastPerSecond: 1e6 }), undefined);
  t.equal(
    check({ pin: 'acpi', drive: 'held', until: 'fired' }, [{ cpu: 1, lapic: { irr: 'any' } }]),
    undefined,
  );
});

void t.test('what contradicts itself is named', async (t) => {
  t.match(
    check({ ...STORM, cpu: 2 }),
    /source "vector 209 to cpu2 at 100\/s": there is no vCPU 2: there are 2/,
  );
  t.match(check({ ...STORM, atLeastPerSecond: 101 }), /has an atLeastPerSecond above its rate/);
  t.match(check({ pin: 9, drive: 'held', atLeastPerSecond: 1, until: 'end' }), /"pin 9 held" has no rate/);
  t.match(check({ nmi: true, cpu: 0, perSecond: 'once', atLeastPerSecond: 1, until: 'end' }), /has no rate/);
  t.match(check(STORM, [{ cpu: 2, lapic: { enabled: true } }]), /a proof looks at vCPU 2/);
});

void t.test('the form of a source', async (t) => {
  t.match(SourceSchema.parse({ pin: 9, drive: 'held' }), { until: 'end' });
  t.match(SourceSchema.parse({ pin: 'ttyS0', drive: { pulsesPerSecond: 'max' } }), { pin: 'ttyS0' });
  for (const bad of [
    { vector: 15, cpu: 0, perSecond: 1 },
    { vector: 256, cpu: 0, perSecond: 1 },
    { vector: 32, cpu: 0 },
    { vector: 32, perSecond: 1 },
    { vector: 32, cpu: 0, perSecond: 'once' },
    { nmi: true, cpu: 0, perSecond: 0 },
    { nmi: false, cpu: 0, perSecond: 1 },
    { pin: -1, drive: 'held' },
    { pin: 'a b', drive: 'held' },
    { pin: 9, drive: 'up' },
    { pin: 9, drive: 'held', until: 'then' },
  ]) {
    t.notOk(SourceSchema.safeParse(bad).success, JSON.stringify(bad));
  }
});

void t.test('a scenario with a source needs the qtest channel', async (t) => {
  const scenario = ScenarioSchema.parse({
    version: 1,
    name: 'made',
    summary: 'made',
    trigger: { kind: 'sysrq', key: 'c' },
    expect: { verdict: 'captured' },
  });
  t.equal(needsQtest(scenario), false);
  t.equal(needsQtest({ ...scenario, sources: [STORM] }), true);
});
