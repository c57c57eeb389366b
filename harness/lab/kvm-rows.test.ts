import t from 'tap';
import { RunResultSchema } from '../model/result.js';
import { kvmRow } from './kvm-rows.js';

const RESULT = RunResultSchema.parse({
  schema: 1,
  runId: '001',
  campaign: 'kvm',
  scenario: 'ioapic-lock-held',
  trial: 1,
  kernel: '6.1.192-cp-no-zap',
  kernelSha256: '',
  captureKernel: '6.1.192-cp-no-zap',
  captureKernelSha256: '',
  accel: 'kvm',
  verdict: 'crash-path-hang',
  degradedBy: [],
  detail: 'spin',
  explanation: 'CPU 0 spins',
  expected: 'crash-path-hang/spin',
  outcome: 'expected',
  cell: { kernel: 'no-zap' },
  lastPhase: null,
  phases: [],
  evidence: [],
  durationMs: 193_600,
  directory: '',
});

void t.test('a row says what counts', (t) => {
  t.strictSame(kvmRow(RESULT), {
    ok: true,
    text: 'ok    ioapic-lock-held     no-zap   kvm      194  crash-path-hang/spin',
  });
  t.match(
    kvmRow({ ...RESULT, accel: 'tcg' }),
    { ok: false, text: /^WRONG .* tcg / },
    'the right verdict under TCG',
  );
  t.match(kvmRow({ ...RESULT, verdict: 'captured', quality: 'clean', outcome: 'unexpected' }), {
    ok: false,
    text: /captured clean, expected: crash-path-hang\/spin, CPU 0 spins$/,
  });
  const unexplained = {
    ...RESULT,
    verdict: 'void',
    detail: 'state-not-proved',
    outcome: 'inconclusive',
  } as const;
  t.equal(kvmRow(unexplained).ok, false);
  t.equal(kvmRow({ ...unexplained, voidOk: 'no nesting' }).ok, true);
  t.end();
});
