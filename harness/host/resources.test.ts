import t from 'tap';
import { writeTree } from '../testing/files.js';
import { freeBytes, readOwnSeconds, readProcessUse, readResources } from './resources.js';

const MIB = 1024 * 1024;

t.test('what the kernel says of a host without limits', async (t) => {
  const proc = t.testdir({
    meminfo: 'MemTotal:       24684288 kB\nMemFree:         100 kB\nMemAvailable:    2048 kB\n',
    stat: 'cpu  100 20 30 9999 888 1 2 7 0 0\ncpu0 1 1 1 1\n',
    pressure: { memory: 'some avg10=3.25 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00\n' },
    self: { cgroup: '0::/\n', stat: '7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 100 50 25 5 20 0 1\n' },
  });
  const { availableBytes, busySeconds, memoryPressure, cores } = readResources({
    proc,
    cgroup: `${proc}/no`,
  });
  t.strictSame([availableBytes, busySeconds, memoryPressure], [2 * MIB, 1.6, 3.25]);
  t.ok(Number.isInteger(cores) && cores >= 1);
});

t.test('cgroups of version 2: the tightest of all that hold this process', async (t) => {
  const root = t.testdir({});
  await writeTree(root, {
    'proc/meminfo': 'MemAvailable: 8388608 kB\n',
    'proc/self/cgroup': '0::/a.slice/b.scope\n',
    'sys/a.slice/memory.max': `${1000 * MIB}\n`,
    'sys/a.slice/memory.high': 'max\n',
    'sys/a.slice/memory.current': `${600 * MIB}\n`,
    'sys/a.slice/memory.stat': `anon 1\ninactive_file ${100 * MIB}\n`,
    'sys/a.slice/cpu.max': '50000 100000\n',
    'sys/a.slice/b.scope/memory.max': 'max\n',
    'sys/a.slice/b.scope/cpu.max': 'max 100000\n',
  });
  const files = { proc: `${root}/proc`, cgroup: `${root}/sys` };
  t.equal(readResources(files).availableBytes, 500 * MIB);
  t.equal(readResources(files).cores, 0.5);
  await writeTree(root, { 'sys/a.slice/memory.high': `${650 * MIB}\n` });
  t.equal(readResources(files).availableBytes, 150 * MIB, 'it is throttled from there on');
  await writeTree(root, { 'sys/a.slice/memory.current': `${2000 * MIB}\n` });
  t.equal(readResources(files).availableBytes, 0);
});

t.test('a process: its memory, its threads, and those of its children that have ended', async (t) => {
  const root = t.testdir({});
  await writeTree(root, {
    '7/smaps_rollup': '00400000-7fff ---p\nRss:  900 kB\nPss:  500 kB\nPss_Anon: 3 kB\n',
    '7/task/7/schedstat': '1500000000 500000000 12\n',
    '7/task/8/schedstat': '500000000 0 3\n',
    'self/stat': '7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 100 50 25 5 20 0 1\n',
  });
  t.strictSame(readProcessUse(7, { proc: root }), { bytes: 500 * 1024, cpuSeconds: 2, waitSeconds: 0.5 });
  t.equal(readProcessUse(9, { proc: root }), undefined, 'it is gone');
  t.equal(readOwnSeconds({ proc: root }), 1.8);
});

t.test('this host and this process', async (t) => {
  const { availableBytes, busySeconds } = readResources();
  t.ok(availableBytes > MIB && (busySeconds ?? 0) > 0);
  const use = readProcessUse(process.pid);
  t.ok(use !== undefined && use.bytes > MIB && use.cpuSeconds > 0.01);
  t.ok(readOwnSeconds() > 0);
  t.ok(freeBytes('/') > MIB);
  t.equal(freeBytes('/no/such/place'), 0);
});
