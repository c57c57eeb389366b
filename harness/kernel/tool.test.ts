import t from 'tap';
import { cleanLine, runTool } from './tool.js';

void t.test('output, lines and failures of a program', async (t) => {
  const lines: string[] = [];
  const each = (line: string) => lines.push(line);
  const script = 'echo out; echo "one:\x1b[31m1" >&3; echo two >&3';
  const good = await runTool(['sh', '-c', script], { deadlineMs: 10_000, lines: { from: 'fd3', each } });
  t.strictSame(good, { ok: true, stdout: 'out' });
  t.strictSame(lines, ['one:1', 'two']);
  const bad = await runTool(['sh', '-c', 'echo "W: hint" >&2; echo "E: broken" >&2; exit 3'], {
    deadlineMs: 10_000,
    lines: { from: 'stdout', each },
  });
  t.match(bad, { ok: false, missing: false, why: 'broken', stderr: /W: hint/ });
  t.match(await runTool(['false'], { deadlineMs: 10_000, name: 'checking' }), { ok: false, why: /1/ });
  t.match(await runTool(['no-such-program-here'], { deadlineMs: 10_000 }), { ok: false, missing: true });
});

void t.test('a deadline ends a program, an abort throws its reason', async (t) => {
  const late = await runTool(['sleep', '30'], { deadlineMs: 200, name: 'sleeping' });
  t.match(late, { ok: false, why: 'sleeping did not finish within 0 s' });
  const signal = AbortSignal.timeout(200);
  await t.rejects(runTool(['sleep', '30'], { deadlineMs: 20_000, signal }), { name: 'TimeoutError' });
  await t.rejects(
    runTool(['true'], { deadlineMs: 20_000, signal }),
    { name: 'TimeoutError' },
    'not even begun',
  );
});

void t.test('text of others is one bounded line without escapes', async (t) => {
  t.equal(cleanLine('\x1b]0;title\x07a\r\nb\0c\u009b'), 'a b c');
  t.equal(cleanLine('x'.repeat(1000)).length, 200);
});
