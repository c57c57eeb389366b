import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import t, { type Test } from 'tap';
import { makeBzImage } from '../testing/builders/kernels.js';
import { type MadeHost, madeHost, runWords } from '../testing/builders/command-host.js';
import { parserFor } from './parser.js';
import { treeOf, writeTree } from '../testing/files.js';

// Many commands.
t.setTimeout(600_000);

/** One mistake: what is typed, what must be said, and the exit code when it is not 64. */
interface Mistake {
  readonly words: readonly string[];
  readonly says: RegExp;
  readonly exitCode?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Every mistake gives one line on stderr, nothing on stdout and leaves no file anywhere. */
async function refused(
  t: Test,
  host: MadeHost,
  mistakes: readonly Mistake[],
  { as = 'crashpath' }: { as?: 'crashpath' | 'process' } = {},
): Promise<void> {
  const before = [await treeOf(host.here), await treeOf(host.cache)];
  const made = await new PQueue({ concurrency: 2 }).addAll(
    mistakes.map((mistake) => async () => ({
      ...mistake,
      ended: await host[as](mistake.words, mistake.environment),
    })),
  );
  for (const { words, says, exitCode = 64, ended } of made) {
    const typed = words.join(' ').slice(0, 60);
    t.equal(ended.exitCode, exitCode, `exit code of: ${typed}`);
    t.equal(ended.stdout, '', `stdout of: ${typed}`);
    t.match(ended.stderr, /^crashpath: cannot [^\n]+[;?] [^\n]+\n$/, `one line of: ${typed}`);
    t.match(ended.stderr, says);
  }
  t.strictSame([await treeOf(host.here), await treeOf(host.cache)], before, 'nothing was written');
}

/**
 * Every mistake is refused by the parser, before any command begins: no process is started for it. What the process
 * makes of such a fault, {@link refused} shows for some of each kind.
 */
async function refusedByParser(t: Test, host: MadeHost, mistakes: readonly Mistake[]): Promise<void> {
  // A mistake that the parser let through would find nothing here to start or to spoil.
  t.intercept(process, 'env', {
    value: { ...process.env, CRASHPATH_QEMU: '/nonexistent', CRASHPATH_CACHE: host.cache },
  });
  for (const { words, says } of mistakes) {
    const typed = words.join(' ').slice(0, 60);
    const parsed = (async () => parserFor(words).parseAsync())();
    const fault: unknown = await parsed.catch((error: unknown) => error);
    t.match(fault, { name: 'Fault', kind: 'usage', message: says }, `refused: ${typed}`);
    t.match(fault, { message: /^cannot [^\n]+[;?] [^\n]+$/ }, `one line of: ${typed}`);
  }
}

t.test('words that do not exist', async (t) => {
  const host = await madeHost(t);
  await refused(
    t,
    host,
    [
      { words: [], says: /name a command; see crashpath --help/ },
      { words: ['kernel', 'lst'], says: /"lst": .* did you mean "list"\? See crashpath kernel --help/ },
      { words: ['kernel', 'list', 'more'], says: /"more": it is one word too many/ },
      { words: ['run', '--kernell', 'x'], says: /"--kernell": .* did you mean --kernel\?/ },
      { words: ['list', 'frob'], says: /<what> "frob": it is none of scenarios, machines, runs/ },
      { words: ['show'], says: /"crashpath show": it needs an argument/ },
      { words: ['image', 'build'], says: /--kernel must be given/ },
      { words: ['rum\n\u001b[31m'], says: /no such command/ },
    ],
    { as: 'process' },
  );
  await refusedByParser(t, host, [
    { words: ['rum'], says: /"rum": there is no such command; did you mean "run"\?/ },
    ...['run', 'nightly', 'bisect'].map((command) => ({
      words: [command, 'x', '--json', '--dry-run'],
      says: /cannot use --json with --dry-run: a dry run prints no JSON; leave one out/,
    })),
    {
      words: ['frobnicate'],
      says: /there are run, hunt, compare, sweep, crashkernel-size, nightly, .*, list, show/,
    },
    {
      words: ['crash-locks', '-k', 'stock'],
      says: /"crash-locks": .* it is a sweep: crashpath sweep crash-locks/,
    },
    { words: ['rum', '-k', 'stock'], says: /"rum": there is no such command; did you mean "run"\?/ },
    { words: ['run', '-K', 'stock'], says: /"-K": there is no such option/ },
    {
      words: ['kernel'],
      says: /name a kernel command: show, list, available, rm, build, variants or crash-points/,
    },
    { words: ['kernel', 'crash-points'], says: /"crashpath kernel crash-points": it needs an argument/ },
    { words: ['kernel', 'crash-point', 'x'], says: /"crash-point": .* did you mean "crash-points"\?/ },
    { words: ['kernel', 'crash-points', 'a', 'b'], says: /"b": it is one word too many/ },
    {
      words: ['kernel', 'crash-points', 'a', '--timeout-scale', '0'],
      says: /--timeout-scale "0": it is not a number/,
    },
    { words: ['image'], says: /name an image command: build, list, show or rm/ },
    { words: ['distribution'], says: /name a distribution command: build, list or rm/ },
    { words: ['distribution', 'build'], says: /"crashpath distribution build": it needs an argument/ },
    { words: ['image', 'frob'], says: /there are build, list, show, rm/ },
    { words: ['run', '--no-jsn'], says: /"--no-jsn": .* did you mean --json\?/ },
    { words: ['list', '--josn=x'], says: /"--josn": .* did you mean --json\?/ },
    {
      words: ['doctor', '--qqqqqqqq'],
      says: /"--qqqqqqqq": there is no such option; see crashpath doctor --help/,
    },
  ]);
});

t.test('values that cannot be', async (t) => {
  const host = await madeHost(t);
  const bad = (words: string[], says: RegExp): Mistake => ({ words: runWords(host, ...words), says });
  await refused(t, host, [
    bad(['--machine-profile', 'ivy-brige'], /machine profile "ivy-brige": .*; nearest: ivy-bridge; see/),
    bad(['--machine-profile', './none.yaml'], /cannot read machine profile "\.\/none\.yaml": /),
    bad(['--machine-profile', 'pc', '--machine-profile', 'pc'], /it is named twice/),
    bad(['--machine-profile', 'pentium-class'], /runs 32-bit kernels only.*; name a kernel that fits/),
    bad(['--cpus', 'x'], /--cpus "x"/),
    bad(['--cpus'], /"--cpus": it needs a value/),
    bad(['--accel', 'kvm', '--accel', 'tcg'], /--accel .* it is given [23] times/),
    bad(['--machine', 'q53'], /--machine "q53": this QEMU knows no "q53"; nearest: q35/),
    bad(['--machine', 'help'], /this QEMU knows no "help"/),
    bad(['--machine', 'pc,broken=1'], /QEMU refuses: qemu: Property 'pc-machine\.broken' not found; change/),
    bad(['--cpu-model', 'qemu46'], /--cpu-model "qemu46": this QEMU knows no "qemu46"; nearest: qemu64/),
    bad(['--cpu-model', 'sse'], /this QEMU knows no "sse"/),
    bad(['--append', 'a\nb'], /--append "a\\u000ab": it holds a control character/),
    bad(['--append', 'x'.repeat(5000)], /--append "x+\.\.\.": it has 5000 characters/),
    bad(['--host', 'box;reboot'], /--host "box;reboot": it is not the name of a host; write ssh:\/\//),
    bad(['--host', 'ssh://me:secret@box'], /a password does not belong there/),
    bad(['--host', 'box', '--host', 'box'], /--host "box": it is given twice/),
    bad(['--host', ''], /--host "": it is empty/),
    bad(['--host', 'local', '--dry-run'], /cannot use --dry-run with --host "local"/),
    { words: ['run', '--resume', 'x', '--host', 'box'], says: /cannot resume "x" with --host/ },
    {
      words: ['compare', 'sysrq-task', '--baseline', 'a', '--candidate', 'b', '--host', 'x', '--host', 'y'],
      says: /cannot compare on "x and y": it takes one host; give --host once/,
    },
    {
      words: ['sweep', 'nmi-transition', '-k', 'a', '--host', 'x', '--host', 'local'],
      says: /cannot sweep "nmi-transition" on "x and local": it takes one host/,
    },
    bad(['--dry-run=yes'], /"--dry-run=yes": --dry-run takes no value/),
    bad(['--clone=maybe'], /"--clone=maybe": --clone takes no value; write --clone alone/),
    bad(['--no-clone=1'], /"--no-clone" with a value: it takes none; write --no-clone alone/),
    bad(['--clone', '--no-clone'], /--clone with --no-clone: they contradict each other/),
    bad(['--until-hang', '5', '--repeat', '3'], /no more than 3 runs of a cell can hang; give --repeat 5/),
    {
      words: ['run', 'no-crash-kernel', '-k', host.kernel, '--vmcore', 'nonce'],
      says: /cannot use --vmcore "nonce": no-crash-kernel loads no crash kernel; leave it out/,
    },
    bad(['--resume', 'runs/x'], /cannot resume "runs\/x" with sysrq-task/),
    { words: ['run', '--resume', 'x', '--cpus', '2'], says: /cannot resume "x" with --cpus/ },
    {
      words: ['run', 'no-crash-kernel', '-k', host.kernel, '--capture-append', 'quiet'],
      says: /cannot use --capture-append "quiet": no-crash-kernel loads no crash kernel; leave it out/,
    },
    {
      words: ['run', 'no-crash-kernel', '-k', host.kernel, '--load-syscall', 'kexec_load'],
      says: /cannot use --load-syscall "kexec_load": no-crash-kernel loads no crash kernel; leave it out/,
    },
    {
      words: ['run', 'corrupt-crash-image', '-k', host.kernel, '--load-syscall', 'kexec_file_load'],
      says: /cannot run scenario "corrupt-crash-image" with --load-syscall kexec_file_load: its flipCrashImage/,
    },
    bad(['--load-syscall', 'kexec'], /--load-syscall "kexec": it is none of kexec_load, kexec_file_load/),
    bad(
      ['--capture-cmdline', 'quiet', '--capture-append', 'nolapic'],
      /cannot use --capture-cmdline "quiet" with --capture-append: it is the whole command line/,
    ),
    {
      words: ['run', '--resume', 'x', '--load-syscall', 'kexec_load'],
      says: /cannot resume "x" with --load/,
    },
    { words: ['run', '--resume', 'x', '--accel', 'tcg'], says: /cannot resume "x" with --accel/ },
    { words: ['sweep', '--resume', 'x', '--out', 'y'], says: /cannot resume "x" with --out/ },
    { words: ['sweep', '--resume', 'x', '--context', 'nmi'], says: /cannot resume "x" with --context/ },
    {
      words: ['sweep', 'nmi-transition', '-k', host.kernel, '--context', 'nmi'],
      says: /cannot use --context "nmi": the sweep nmi-transition has none; leave it out/,
    },
    {
      words: ['sweep', 'nmi-transition', '-k', host.kernel, '--pstore'],
      says: /cannot use --pstore: the sweep nmi-transition has none; leave it out/,
    },
    { words: ['sweep', '--resume', 'x', '--pstore'], says: /cannot resume "x" with --pstore/ },
    {
      words: ['sweep', 'crash-locks', '-k', 'a', '--machine-profile', 'x', '--machine-profile', 'y'],
      says: /cannot sweep "crash-locks" on the machines x, y: a map is of one machine/,
    },
    {
      words: ['sweep', 'crash-locks', '-k', host.kernel, '--cpus', '17'],
      says: /cannot sweep crash-locks with 17 vCPUs: .*; give --cpus 16 or less/,
    },
    {
      words: [
        'sweep',
        'crash-locks',
        '-k',
        host.kernel,
        '--variants',
        'x.yaml',
        '--cpus',
        '4',
        '--append',
        'y',
      ],
      says: /cannot use --variants "x\.yaml" with --cpus --append: .* write cpus:, append: into the variants/,
    },
    {
      words: ['sweep', 'crash-locks', '-k', host.kernel, '--variants', 'none.yaml'],
      says: /cannot read variants file "none\.yaml": .*; name a \.yaml file as docs\/crash-locks\.md/,
    },
    {
      words: ['sweep', 'crash-locks', '--schema'],
      says: /cannot use --schema with crash-locks: it only prints/,
    },
    { words: ['compare', '--resume', 'x', '--accel', 'kvm'], says: /cannot resume "x" with --accel/ },
    { words: ['run', '--resume', 'x'], says: /cannot read campaign ".*x": it has no valid campaign\.json/ },
  ]);
  await refusedByParser(t, host, [
    bad(['--cpus', '0'], /--cpus "0": it is not a whole number from 1 to 64/),
    bad(['--cpus', '1e1'], /--cpus "1e1"/),
    {
      words: ['sweep', 'crash-locks', '-k', 'a', '--context', 'irq'],
      says: /--context "irq": it is none of task/,
    },
    bad(['--cpus', '1', '--cpus', '2'], /--cpus "1" and "2": it is given 2 times/),
    bad(['--repeat', '-1'], /--repeat "-1": it is not a whole number from 1 to 10000/),
    bad(['--memory', '1.5'], /--memory "1\.5": it is not a whole number from 128 to 65536/),
    bad(['--jobs', '0'], /--jobs "0": it is not auto or a whole number from 1 to 256/),
    bad(['--timeout-scale', '0'], /--timeout-scale "0": it is not a number from 0\.1 to 100/),
    bad(['--timeout-scale', 'NaN'], /--timeout-scale "NaN"/),
    bad(['--crashkernel', 'lots'], /--crashkernel "lots": it is not a size such as 192M/),
    bad(
      ['--crashkernel', 'auto'],
      /--crashkernel "auto": auto is known to kernels of some distributions only/,
    ),
    bad(['--crashkernel', '192M panic=1'], /--crashkernel "192M panic=1"/),
    bad(['--machine', 'pc x'], /--machine "pc x": it is not a name with properties/),
    bad(['--machine', ',accel=kvm'], /--machine ",accel=kvm"/),
    bad(['--cpu-model', 'max;rm'], /--cpu-model "max;rm": it is not a name/),
    bad(['--capture-append', 'a\tb'], /--capture-append "a\\u0009b"/),
    bad(['--name', '../x'], /--name "\.\.\/x": it becomes a directory/),
    bad(['--name', ''], /--name ""/),
    bad(['--out', ''], /--out "": it is empty/),
    {
      words: ['run', 'sysrq-task', '--accel', 'hvf'],
      says: /--accel "hvf": it is none of auto, kvm, kvm-unproved, tcg/,
    },
  ]);
});

t.test('a kernel command line that the kernel would cut', async (t) => {
  const host = await madeHost(t);
  const long = 'x'.repeat(2040);
  const ended = await host.crashpath(runWords(host, '--append', long));
  t.equal(ended.exitCode, 64);
  t.strictSame(await treeOf(host.cache), [], 'before an image is built');
  t.match(
    ended.stderr,
    /with crashpath's own options it has 2\d+ bytes and the kernel reads 2047; shorten --append/,
  );
  const capture = await host.crashpath(runWords(host, '--capture-append', 'x'.repeat(1950)));
  t.match(capture.stderr, /the kernel reads 1983; shorten --capture-append/);
  t.strictSame(await treeOf(host.here), []);
  const fits = await host.crashpath(runWords(host, '--append', 'x'.repeat(2000), '--dry-run'));
  t.equal(fits.exitCode, 0);
});

t.test('scenarios', async (t) => {
  const host = await madeHost(t);
  const scenario = (extra: string) =>
    `version: 1\nname: x\nsummary: y\ntrigger: { kind: sysrq, key: c }\n${extra}`;
  const good = 'expect: { verdict: captured }\n';
  await writeTree(host.here, {
    'syntax.yaml': 'version: 1\nname: [x\n',
    'unknown-key.yaml': scenario(`${good}cpuss: 2\n`),
    'type.yaml': scenario(`${good}guest: { cpus: many }\n`),
    'contradiction.yaml': scenario(`crashKernel: absent\n${good}`),
    'line-feed.yaml': scenario(`${good}guest: { append: "a\\nb" }\n`),
    'huge.yaml': `# ${'x'.repeat(70_000)}\n`,
    'enormous.yaml': Buffer.alloc(1_000_000, 0x20),
    'empty.yaml': '',
    'bomb.yaml': `a: &a [x,x]\nb: &b [${'*a,'.repeat(30)}*a]\nc: [${'*b,'.repeat(30)}*b]\n`,
    'directory.yaml/x': '',
  });
  const run = (name: string, says: RegExp): Mistake => ({ words: ['run', name, '-k', host.kernel], says });
  await refused(t, host, [
    { words: ['run'], says: /cannot run "nothing": no scenario is named/ },
    { words: ['run', 'sysrq-task'], says: /no kernel is given; give --kernel/ },
    run('sysrq-taks', /did you mean "sysrq-task"\?/),
    run('zzzzzzzz', /no scenario has that name; choose one of .*sysrq-task/),
    run('./missing.yaml', /"\.\/missing\.yaml": no such file or directory/),
    run('directory.yaml', /it is not a file/),
    run('/dev/zero', /it is not a file/),
    run('syntax.yaml', /"syntax\.yaml:\d+:\d+": .*; correct the YAML there/),
    run('unknown-key.yaml', /"unknown-key\.yaml:6:\d+": .*cpuss/),
    run('type.yaml', /"type\.yaml:6:16": guest\.cpus: .*expected number/),
    run('contradiction.yaml', /it expects "captured" with crashKernel: absent/),
    run('huge.yaml', /it has 70003 characters; keep it under 65536/),
    run('enormous.yaml', /it has 1000000 bytes, more than any scenario/),
    run('empty.yaml', /expected object/),
    run('bomb.yaml', /its aliases unfold too far/),
  ]);
  const lineFeed = await host.crashpath(['run', 'line-feed.yaml', '-k', host.kernel, '--accel', 'tcg']);
  t.equal(lineFeed.exitCode, 64);
  t.match(lineFeed.stderr, /it holds a control character; write the scenario's append on one line/);
});

t.test('kernels', async (t) => {
  const host = await madeHost(t);
  const without = (option: string) => [
    'KEXEC CRASH_DUMP PROC_VMCORE RELOCATABLE SERIAL_8250_CONSOLE BLK_DEV_INITRD DEVTMPFS MODULES'
      .split(' ')
      .map((name) => (name === option ? `# CONFIG_${name} is not set\n` : `CONFIG_${name}=y\n`))
      .join(''),
  ];
  await writeTree(host.here, {
    text: 'not a kernel\n'.repeat(100),
    nothing: '',
    elf: Buffer.from('\x7fELF\x02\x01\x01'.padEnd(2048, '\0'), 'latin1'),
    'none/readme': '',
    'two/vmlinuz-1': makeBzImage({ release: '6.1.0' }),
    'two/vmlinuz-2': makeBzImage({ release: '6.2.0' }),
    bits32: makeBzImage({ bits: 32 }),
    cut: makeBzImage().subarray(0, 3_000),
    'no-kexec/vmlinuz-6.1.0': makeBzImage({ release: '6.1.0' }),
    'no-kexec/config-6.1.0': without('KEXEC').join(''),
    'no-dump/vmlinuz-6.1.0': makeBzImage({ release: '6.1.0' }),
    'no-dump/config-6.1.0': without('CRASH_DUMP').join(''),
  });
  const run = (spec: string, says: RegExp): Mistake => ({ words: ['run', 'sysrq-task', '-k', spec], says });
  await refused(t, host, [
    run('', /cannot read kernel spec "": it is empty/),
    run(
      'debian:six',
      /"six" is neither a kernel version nor a Debian suite; write a path .*, debian:.* or git:/,
    ),
    run('installed:none', /cannot find kernel "installed:none": no boot\/vmlinuz-none .*; installed: /),
    run(
      'git:missing@v6.1',
      /cannot read the git tree "missing": .*; give a directory in which git log works/,
    ),
    run('git:none', /cannot read kernel spec "git:none": it names no ref; write/),
    run('a.deb+b', /cannot read kernel spec "a\.deb\+b": "b" is not the name of a \.deb or \.rpm; write/),
    run('a.deb+b.deb', /cannot read kernel ".*a\.deb": no such file or directory/),
    run('none.rpm', /cannot read kernel "none\.rpm": no such file or directory/),
    run('debian:../6.1', /"\.\." is not a Debian suite name/),
    run('missing', /cannot read kernel "missing": no such file or directory; give a path/),
    run('stokc', /cannot read kernel "stokc": .* did you mean "stock"\?/),
    run('./stokc', /cannot read kernel "\.\/stokc": no such file or directory; give a path/),
    run('text/below', /a part of the path is not a directory/),
    run('text', /cannot use kernel "text": it is a file without the Linux boot header/),
    run('nothing', /cannot use kernel "nothing": it is (an )?empty/),
    run('elf', /it is an ELF file/),
    run('cut', /it is cut off: its header says 4096 bytes, the file has 3000; copy or build it again/),
    run('none', /the directory holds no vmlinuz-\*/),
    run('two', /it holds vmlinuz-1, vmlinuz-2; give the path of one/),
    {
      words: ['run', 'irqs-off', '-k', 'bits32'],
      says: /cannot run scenario "irqs-off" on kernel "bits32": vCPUs of a 32-bit kernel cannot be directed/,
    },
    run('/dev/null', /it is neither a file nor a directory/),
    run('no-kexec', /cannot use kernel "no-kexec": its config lacks .*KEXEC/),
    run('no-dump', /cannot use kernel "no-dump": its config lacks .*CRASH_DUMP/),
    {
      words: runWords(host, '--capture-kernel', 'no-dump'),
      says: /cannot use kernel "no-dump": its config lacks .*CRASH_DUMP/,
    },
    { words: ['kernel', 'show', 'text'], says: /cannot use kernel "text"/ },
    {
      words: ['kernel', 'rm', '6.1.0-1-amd64'],
      says: /it is not in the cache; nearest: none, the cache is empty/,
    },
    { words: ['distribution', 'build', 'debian:21'], says: /"debian:21": .*did you mean "debian:12"\?/ },
    {
      words: ['distribution', 'rm', 'debian:12'],
      says: /"debian:12": it is not in the cache; there is none/,
    },
    {
      words: runWords(host, '--distribution', 'debian:12'),
      says: /cannot use --kernel with --distribution "debian:12": it boots its own kernel on this host/,
    },
    {
      words: [
        'run',
        'sysrq-task',
        '--distribution',
        'debian:12',
        '--capture-append',
        'x',
        '--vmcore',
        'nonce',
      ],
      says: /cannot use --capture-append --vmcore with --distribution/,
    },
    { words: ['image', 'show', 'abcd'], says: /cannot find images "abcd": no such key/ },
    { words: ['image', 'rm', '../x'], says: /cannot find images "\.\.\/x"/ },
    { words: ['image', 'build', '-k', 'text'], says: /cannot use kernel "text"/ },
  ]);
});

t.test('QEMU', async (t) => {
  const host = await madeHost(t);
  await mkdir(join(host.here, 'empty'));
  await writeFile(join(host.here, 'not-executable'), '#!/bin/sh\n', { mode: 0o644 });
  const run = (environment: Record<string, string>, says: RegExp): Mistake => ({
    words: runWords(host),
    environment,
    exitCode: 3,
    says,
  });
  await refused(t, host, [
    run({ CRASHPATH_QEMU: '/nonexistent' }, /cannot start "\/nonexistent": .*; install qemu-system-x86/),
    run({ CRASHPATH_QEMU: './not-executable' }, /no executable file there/),
    run(
      { CRASHPATH_QEMU: '', PATH: join(host.here, 'empty') },
      /"qemu-system-x86_64": not found in PATH; install/,
    ),
    run({ CRASHPATH_QEMU: '/bin/echo' }, /cannot read the version of "\/bin\/echo"/),
    run({ CRASHPATH_QEMU: '/bin/false' }, /cannot ask "\/bin\/false --version"/),
  ]);
});

t.test('a run that is not there', async (t) => {
  const host = await madeHost(t);
  await refused(
    t,
    host,
    [
      { words: ['show', 'nothing'], says: /cannot find run "nothing"/ },
      { words: ['classify', '-'], says: /a run is read from its directory, not from standard input/ },
      { words: ['classify', './nothing'], says: /cannot find run "\.\/nothing"/ },
      { words: ['classify', ''], says: /cannot use run "" or "-"/ },
    ],
    { as: 'process' },
  );
});
