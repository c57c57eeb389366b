/** What stays of a run: its dump, opened by other programs, and its dead guest, attached to by gdb. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { z } from 'zod';
import type { RunResult } from '../model/result.js';
import { crashpath } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { judgedAgain, runScenario } from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

const Attached = z.object({
  pid: z.number(),
  gdb: z.string(),
  qmp: z.string(),
  symbols: z.array(z.string()),
});

/** The crashed kernel's log, as makedumpfile reads it out of a dump: it needs VMCOREINFO, and KASLR is on. */
async function logIn(t: Test, { directory }: RunResult): Promise<string> {
  const log = join(await scratch(t), 'log');
  await execa('makedumpfile', ['--dump-dmesg', 'vmcore', log], { cwd: directory });
  return readFile(log, 'latin1');
}

/** The format, the release in VMCOREINFO and the number of CPUs, as the library reads them with which drgn opens a dump. */
async function openedByLibrary({ directory }: RunResult): Promise<string> {
  const script = [
    'import kdumpfile',
    'dump = kdumpfile.kdumpfile("vmcore")',
    'print(dump.attr["file.format"], dump.attr["linux.vmcoreinfo.lines.OSRELEASE"], dump.attr["cpu.number"])',
  ];
  const { stdout } = await execa('/usr/bin/python3', ['-c', script.join('\n')], { cwd: directory });
  return stdout;
}

t.test("the capture kernel's dump", async (t) => {
  const run = await runScenario(t, 'sysrq-task', { words: ['--keep-vmcore', 'all', '--vmcore', 'nonce'] });
  const { result, exitCode, stderr } = run;
  t.equal(exitCode, 0, stderr);
  t.match(result, {
    verdict: 'captured',
    quality: 'clean',
    vmcore: {
      source: 'capture-kernel',
      file: 'vmcore',
      format: 'kdump-compressed',
      level: 31,
      vmcoreinfo: true,
    },
  });
  const bytes = 'bytes' in (result.vmcore ?? {}) ? (await stat(join(result.directory, 'vmcore'))).size : 0;
  t.match(result.vmcore, { bytes });
  t.ok(bytes > 1024 * 1024 && bytes < 200 * 1024 * 1024, `${bytes} bytes`);
  t.strictSame(
    (await readdir(result.directory)).filter((name) => name.startsWith('vmcore')),
    ['vmcore'],
  );
  t.strictSame(await judgedAgain(run), result, 'classify gives the stored result');
  t.match(
    await logIn(t, result),
    /sysrq: Trigger a crash\n.*Kernel panic - not syncing: sysrq triggered crash/s,
  );
  t.match(await openedByLibrary(result), new RegExp(`^diskdump ${result.kernel} 2$`));
});

t.test('the dead guest of a failed run, and its memory from outside', async (t) => {
  const run = await runScenario(t, 'sysrq-task', {
    words: [
      ...['--capture-append', 'rdinit=/nonexistent root=/dev/none'],
      ...['--keep-vmcore', '--keep-failed=16', '--keep-minutes', '5'],
    ],
  });
  const { result } = run;
  const end = () => crashpath(['attach', result.directory, '--end']);
  t.teardown(end);
  t.match(result, {
    verdict: 'capture-panic',
    vmcore: { source: 'outside', vmcoreinfo: true },
    guestKept: { forMinutes: 5, symbols: [{ file: 'first-kernel.elf' }, { file: 'capture-kernel.elf' }] },
  });
  t.strictSame(await judgedAgain(run), result, 'classify gives the stored result');
  t.match(await logIn(t, result), /Kernel panic - not syncing: sysrq triggered crash/);
  t.match(await openedByLibrary(result), new RegExp(`^diskdump ${result.kernel} 2$`));

  const [pid, ...others] = await qemusUnder(result.directory);
  t.strictSame(others, []);
  const attached = Attached.parse(
    JSON.parse((await crashpath(['attach', result.directory, '--json'])).stdout),
  );
  t.match(attached, { pid, symbols: ['capture-kernel.elf', 'first-kernel.elf'] });
  const look = () =>
    execa('bash', ['-c', `${attached.gdb} -batch -ex 'thread apply all bt' -ex 'info registers rip'`], {
      timeout: 120_000,
    });
  const seen = (await look()).stdout;
  t.match(seen, /#\d+ .* in panic \(\)\n(.*\n)*?#\d+ .* in kernel_init \(\)\n#\d+ .* in ret_from_fork/);
  t.equal((await look()).stdout, seen, 'no vCPU has gone on when gdb ended');

  t.match(await end(), { exitCode: 0, stderr: /its guest has ended/ });
  t.strictSame(await qemusUnder(result.directory), []);
  t.notOk(existsSync(join(result.directory, 'gdb.sock')));
  t.match(await crashpath(['attach', result.directory]), {
    exitCode: 64,
    stderr:
      /its guest has ended: the limit of 5 minutes passed, or it was ended; run .* again with --keep-failed/,
  });
});
