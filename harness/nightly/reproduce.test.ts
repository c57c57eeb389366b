import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { NightRecordSchema } from '../night/night-record.js';
import { madeHost } from '../testing/builders/command-host.js';

t.test(
  'the command itself, whose guests end at once; and its commands plan the same cells again',
  async (t) => {
    const host = await madeHost(t);
    const scenario = `version: 1
name: mine
summary: it's mine
trigger: { kind: sysrq, key: c }
expect: { verdict: captured }
`;
    await writeFile(join(host.here, 'mine.yaml'), scenario);
    await writeFile(
      join(host.here, 'night.yaml'),
      `version: 1
name: made
kernels: [{ name: kernel, directory: ${join(host.kernel, '..')}, pattern: kernel }]
campaign:
  scenarios: [sysrq-task, ./mine.yaml]
  machines: [q35]
  repeat: 2
  append: quiet it's=1
  crashkernel: 256M
  cpus: 3
budget: 1h
controls: { mustHang: false, mustCapture: false, mustNotCrash: false }
accel: tcg
timeoutScale: 2
vmcore: nonce
jobs: 1
`,
    );
    const ended = await host.crashpath(['nightly', 'night.yaml']);
    t.equal(ended.exitCode, 3, ended.stderr);
    t.match(
      ended.stdout,
      /CANNOT TELL {2}sysrq-task {2}kernel {2}q35\n.*harness errors; no trial could be judged/,
    );
    t.match(ended.stdout, /fault +4 runs ended in a harness error/);
    const [night = ''] = (await readdir(join(host.here, 'runs/nights'))).filter((name) =>
      name.startsWith('2'),
    );
    const text = await readFile(join(host.here, 'runs/nights', night, 'night.json'), 'utf8');
    const { arms } = NightRecordSchema.parse(JSON.parse(text));
    t.equal(arms.length, 2);
    for (const { plan, reproduce } of arms) {
      const { stdout } = await execa('sh', ['-c', `crashpath() { printf '%s\\n' "$@"; }; ${reproduce}`]);
      const planned = await host.crashpath([...stdout.split('\n'), '--dry-run']);
      t.equal(planned.exitCode, 0, planned.stderr);
      const commands = planned.stdout.trimEnd().split('\n');
      t.equal(commands.length, 2, 'as many runs');
      const { stdout: args } = await execa('sh', ['-c', `printf '%s\\n' ${commands[0] ?? ''}`]);
      const named = (words: readonly string[]) =>
        words.map((word, index) => (words[index - 1] === '-name' ? 'NAME' : word));
      t.strictSame(named(args.split('\n')), named([plan.qemu.binary, ...plan.qemu.args]), reproduce);
    }
  },
);
