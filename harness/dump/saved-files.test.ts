import t from 'tap';
import { crashDirectories, dumpsIn, readListing } from './saved-files.js';

/** debugfs 1.47.0, `ls -p /var/crash` and `ls -p` of the directory in it, of a Debian 12 that had crashed. */
const CRASH = `/15652/040755/0/0/.//
/14829/040755/0/0/..//
/15653/100644/0/0/kdump_lock/0/
/15656/100644/0/0/kexec_cmd/212/
/15658/040755/0/0/202611281020//

`;
const DUMP = `/15658/040755/0/0/.//
/15652/040755/0/0/..//
/15659/100600/0/0/dmesg.202611281020/36414/
/15660/100644/0/0/dump.202611281020/43639632/

`;

void t.test('the dump on the disk of a Debian that crashed', async (t) => {
  const directories = crashDirectories(readListing(CRASH));
  t.strictSame(
    directories.map(({ name, inode }) => [name, inode]),
    [['202611281020', 15658]],
  );
  t.strictSame(dumpsIn('202611281020', readListing(DUMP)), [
    { inode: 15660, bytes: 43_639_632, path: '/var/crash/202611281020/dump.202611281020', finished: true },
  ]);
});

void t.test('a dump without its final name, and one with it beside', async (t) => {
  const listed = readListing(
    '/9/100644/0/0/dump-incomplete/100/\n/8/100644/0/0/vmcore-incomplete/90/\n/7/100600/0/0/dmesg.202611281020/36414/\n',
  );
  t.strictSame(
    dumpsIn('202611281020', listed).map(({ inode, finished }) => [inode, finished]),
    [
      [9, false],
      [8, false],
    ],
  );
  const both = [...listed, ...readListing('/10/100600/0/0/vmcore/4096/\n')];
  t.equal(dumpsIn('x', both)[0]?.inode, 10, 'the finished one first');
});

void t.test('what no dump is called', async (t) => {
  const names = ['dump.20261128102', 'vmcore-dmesg.txt', 'dump', 'xvmcore', 'vmcore.2026', 'kdump_lock'];
  for (const name of names) t.strictSame(dumpsIn('x', readListing(`/5/100644/0/0/${name}/1/\n`)), [], name);
});

void t.test('a guest may have written anything', async (t) => {
  const lines = [
    '/5/120777/0/0/vmcore/9/',
    '/5/060660/0/0/vmcore//',
    '/5/100644/0/0/a b/9/',
    '/5/100644/0/0/a\u001b[31m/9/',
    '/5/100644/0/0/../9/',
    '/5/100644/0/0/vmcore/99999999999999999999/',
    '/5/100644/0/0/x/y/9/',
    '5/100644/0/0/vmcore/9/',
    `/5/100644/0/0/${'v'.repeat(300)}/9/`,
    'debugfs: vmcore',
  ];
  t.strictSame(readListing(lines.join('\n')), [], 'no link, no device, no other name');
  const many = '/5/040755/0/0/x//\n'.repeat(5_000);
  t.ok(readListing(many).length <= 1000);
  const order = crashDirectories(readListing('/5/040755/0/0/202601010000//\n/6/040755/0/0/202701010000//\n'));
  t.equal(order[0]?.inode, 6, 'the newest first');
});
