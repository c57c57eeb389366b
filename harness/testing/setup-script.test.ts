import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import { checkNode } from '../doctor/host-checks.js';

void t.test('setup refuses a Node that is older than package.json asks for', async (t) => {
  const text = await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  const minimum = /"node": ">=(\d+)\.(\d+)"/.exec(text);
  const [major, minor] = [Number(minimum?.[1]), Number(minimum?.[2])];
  const dir = t.testdir({ bin: {}, scripts: {} });
  // A copy, with nothing around it that the script could change.
  await copyFile(join(PACKAGE_ROOT, 'scripts/setup'), join(dir, 'scripts/setup'));
  await copyFile(join(PACKAGE_ROOT, 'package.json'), join(dir, 'package.json'));
  const node = join(dir, 'bin/node');
  for (const version of [`v${major}.0.0`, `v${major}.${minor - 1}.9`, 'v9.99.0']) {
    await writeFile(node, `#!/bin/sh\necho ${version}\n`);
    await chmod(node, 0o755);
    const ended = await execa(join(dir, 'scripts/setup'), [], {
      env: { PATH: `${join(dir, 'bin')}:${process.env['PATH']}` },
      reject: false,
    });
    t.equal(ended.exitCode, 3, version);
    t.match(ended.stderr, `cannot run with Node "${version}": crashpath needs ${major}.${minor} or later`);
    t.equal(checkNode(version.slice(1)).status, 'fail', 'the doctor reports the same');
  }
  t.equal(checkNode(`${major}.${minor}.0`).status, 'ok');
});
