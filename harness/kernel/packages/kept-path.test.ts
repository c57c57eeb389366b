import t from 'tap';
import { keptPath } from './kept-path.js';

void t.test('files of a kernel have one place, whichever way a package spells it', async (t) => {
  const cases: [string, string][] = [
    ['./boot/vmlinuz-6.1.0-1-amd64', 'boot/vmlinuz-6.1.0-1-amd64'],
    ['boot/config-6.1', 'boot/config-6.1'],
    ['/boot/System.map-6.1', 'boot/System.map-6.1'],
    ['./usr/lib/modules/7.2.13+deb14-amd64/vmlinuz', 'lib/modules/7.2.13+deb14-amd64/vmlinuz'],
    ['lib//modules/6.1/kernel/./a.ko.xz', 'lib/modules/6.1/kernel/a.ko.xz'],
    ['./lib/modules/6.1/modules.builtin', 'lib/modules/6.1/modules.builtin'],
  ];
  for (const [name, place] of cases) t.equal(keptPath(name), place, name);
});

void t.test('everything else is left out', async (t) => {
  for (const name of [
    '',
    '.',
    './boot',
    './boot/grub/vmlinuz-6.1',
    './boot/.vmlinuz-6.1.hmac',
    './boot/initrd.img-6.1',
    './lib/modules/6.1',
    './lib/modules/6.1/build/Makefile',
    './lib/modules/6.1/vdso/vdso64.so',
    './lib/modules/-6.1/kernel/a.ko',
    './lib/modules/6.1/kernel/a\n.ko',
    './lib/firmware/x',
    './usr/boot/vmlinuz-6.1',
    './etc/passwd',
  ]) {
    t.equal(keptPath(name), undefined, JSON.stringify(name));
  }
});

void t.test('a path that leaves the package is an error, wherever it leads', async (t) => {
  for (const name of ['../boot/vmlinuz-6.1', './lib/modules/6.1/../../../etc/x', '/..', 'usr/share/../x']) {
    t.throws(() => keptPath(name), { message: 'it holds a path that leaves it' }, name);
  }
  t.equal(keptPath('lib/modules/6.1/kernel/a..ko'), 'lib/modules/6.1/kernel/a..ko');
});
