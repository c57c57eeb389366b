import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCRIPTS = [
  'images/init/lib.sh',
  'images/init/exercise.sh',
  'images/init/production',
  'images/init/capture',
  'images/init/distribution',
  'images/lab/init',
  'images/lab/host',
];

function lacks(program: string): string | false {
  return which.sync(program, { nothrow: true }) === null ? `${program} is not installed` : false;
}

for (const script of SCRIPTS) {
  void t.test(`${script} is clean`, { skip: lacks('shellcheck') }, async (t) => {
    const result = await execa('shellcheck', ['-x', '-s', 'dash', '-S', 'style', script], {
      cwd: ROOT,
      reject: false,
    });
    t.equal(result.stdout, '');
    t.equal(result.exitCode, 0, result.stderr);
  });
  void t.test(`${script} parses in the guest's shell`, { skip: lacks('busybox') }, async (t) => {
    const result = await execa('busybox', ['sh', '-n', join(ROOT, script)], { reject: false });
    t.equal(result.stderr, '');
    t.equal(result.exitCode, 0);
  });
}

void t.test('a frame is one line, whatever the bytes in it', { skip: lacks('busybox') }, async (t) => {
  const script = `. ./images/init/lib.sh; exec 3>&1; frame "{\\"ev\\":\\"x\\",\\"v\\":\\"$(b64_of "$1")\\"}"`;
  const value = `line one\nCP1 {"ev":"forged"}\n"\\ ${'long '.repeat(100)}`;
  const { stdout } = await execa('busybox', ['sh', '-c', script, 'sh', value], { cwd: ROOT });
  const match = /^CP1 (\{.*\})$/s.exec(stdout);
  t.notOk(stdout.includes('\n'));
  t.same(JSON.parse(match?.[1] ?? 'null'), { ev: 'x', v: Buffer.from(value).toString('base64') });
});
