import t from 'tap';
import { blockCache } from './block-cache.js';
import { socketTarget } from './target.js';

void t.test('memory is read in blocks, once, and only where memory is', async (t) => {
  const asked: [bigint, number][] = [];
  const memory = blockCache(
    [
      { start: 0n, end: 0x30000n },
      { start: 0x40000n, end: 0x43000n },
    ],
    {
      async read(address, length) {
        asked.push([address, length]);
        return Buffer.alloc(length, Number((address >> 16n) & 0xffn));
      },
    },
  );
  t.same(await memory.read(0x1fff8n, 16), Buffer.from([...Array(8).fill(1), ...Array(8).fill(2)]));
  t.same(await memory.read(0x10000n, 8), Buffer.alloc(8, 1));
  t.same(asked, [
    [0x10000n, 0x10000],
    [0x20000n, 0x10000],
  ]);
  t.same(await memory.read(0x41ff8n, 16), Buffer.alloc(16, 4), 'a block that is not all memory');
  t.same(asked.slice(2), [[0x41000n, 0x2000]]);
  t.equal(await memory.read(0x42ff8n, 16), undefined, 'behind its end');
  t.equal(await memory.read(0x30000n, 8), undefined);
  t.equal(asked.length, 3, 'a device is not touched');
});

void t.test('names of sockets', (t) => {
  t.same(socketTarget('/run/vm.qmp'), { path: '/run/vm.qmp' });
  t.same(socketTarget('unix:/run/vm.qmp,server=on'), { path: '/run/vm.qmp' });
  t.same(socketTarget('dir/vm:1234'), { path: 'dir/vm:1234' });
  t.same(socketTarget('vm:70000'), { path: 'vm:70000' });
  t.match(socketTarget('localhost:1234'), { name: 'localhost:1234', open: Function });
  t.match(socketTarget('[::1]:1234'), { open: Function });
  t.end();
});
