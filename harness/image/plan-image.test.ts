import t from 'tap';
import { moduleFileNames, planImage } from './plan-image.js';

const none = { libraries: new Map<string, string[]>(), modules: [] };

void t.test('parents come before children, in byte order, with one mode each', async (t) => {
  const plan = planImage(
    'production',
    [
      { modules: '/modules' },
      { path: '/sbin/kexec', program: 'kexec', mode: 0o755 },
      { dir: '/lib', mode: 0o700 },
      { path: '/lib.sh', script: 'lib.sh', mode: 0o644 },
    ],
    { libraries: new Map([['kexec', ['/lib/x86/libc.so.6', '/lib64/ld.so']]]), modules: ['b', 'a'] },
  );
  t.same(
    plan.map((entry) => [entry.path, entry.mode.toString(8)]),
    [
      ['lib', '700'],
      ['lib.sh', '644'],
      ['lib/x86', '755'],
      ['lib/x86/libc.so.6', '755'],
      ['lib64', '755'],
      ['lib64/ld.so', '755'],
      ['modules', '755'],
      ['modules/00-b.ko', '644'],
      ['modules/01-a.ko', '644'],
      ['sbin', '755'],
      ['sbin/kexec', '755'],
    ],
  );
});

void t.test('a library of several programs is included once', async (t) => {
  const libraries = new Map([
    ['a', ['/lib/libc.so.6']],
    ['b', ['/lib/libc.so.6']],
  ]);
  const plan = planImage(
    'capture',
    [
      { path: '/bin/a', program: 'a', mode: 0o755 },
      { path: '/bin/b', program: 'b', mode: 0o755 },
    ],
    { libraries, modules: [] },
  );
  t.equal(plan.filter((entry) => entry.path === 'lib/libc.so.6').length, 1);
});

void t.test('an image without modules still has their folder', async (t) => {
  t.same(planImage('capture', [{ modules: '/modules' }], none), [
    { kind: 'dir', path: 'modules', mode: 0o755 },
  ]);
});

void t.test('refuses two files at one path', async (t) => {
  const lines = [
    { path: '/init', script: 'a', mode: 0o755 },
    { path: '/init', script: 'b', mode: 0o755 },
  ];
  t.throws(() => planImage('capture', lines, none), { name: 'Fault', message: /"\/init": two lines/ });
});

void t.test('refuses a path that is a file and a directory', async (t) => {
  const lines = [
    { path: '/bin', script: 'a', mode: 0o755 },
    { path: '/bin/b', script: 'b', mode: 0o755 },
  ];
  t.throws(() => planImage('capture', lines, none), { name: 'Fault', message: /"\/bin": .*directory/ });
});

void t.test('refuses a library path with a newline in it', async (t) => {
  const libraries = new Map([['a', ['/lib/x\ny']]]);
  t.throws(
    () => planImage('capture', [{ path: '/a', program: 'a', mode: 0o755 }], { libraries, modules: [] }),
    {
      name: 'Fault',
      message: /could not use/,
    },
  );
});

void t.test('module numbers sort as text in load order', async (t) => {
  const names = moduleFileNames(Array.from({ length: 101 }, (_, index) => `m${100 - index}`));
  t.same(names.slice(0, 2), ['000-m100.ko', '001-m99.ko']);
  t.equal(names[100], '100-m0.ko');
  t.same([...names].sort(), names);
  t.throws(() => moduleFileNames(['../x']), { name: 'Fault', message: /not a module name/ });
  t.throws(() => moduleFileNames(['e1000.ko']), { name: 'Fault', message: /without \.ko/ });
});

void t.test(
  "the modules of the dump's disk: a folder of their own, behind the others in the list",
  async (t) => {
    const lines = [{ modules: '/modules' }, { modules: '/dump-modules', for: 'vmcore' as const }];
    const plan = planImage('capture', lines, {
      ...none,
      modules: ['e1000'],
      dumpModules: ['virtio', 'virtio_blk'],
    });
    t.same(
      plan.flatMap((entry) => (entry.kind === 'file' ? [[entry.path, entry.source]] : [])),
      [
        ['dump-modules/00-virtio.ko', { from: 'module', index: 1 }],
        ['dump-modules/01-virtio_blk.ko', { from: 'module', index: 2 }],
        ['modules/00-e1000.ko', { from: 'module', index: 0 }],
      ],
    );
  },
);
