import t from 'tap';
import { judgeReservation } from './reservation.js';

const TWO = {
  crashSize: 0x8000000n,
  ranges: [
    { first: 0x7b000000n, last: 0x7f7fffffn },
    { first: 0x177000000n, last: 0x17effffffn },
  ],
};

void t.test('what was reserved is stated, and what was asked for when it differs', async (t) => {
  t.strictSame(judgeReservation('quiet crashkernel=128M,high crashkernel=72M,low', TWO), {
    what: 'memory is reserved for the crash kernel (crashkernel=128M,high crashkernel=72M,low)',
    proved: true,
    saw: '72 MiB at 0x7b000000 and 128 MiB at 0x177000000',
  });
  t.match(judgeReservation('crashkernel=192M', TWO), {
    proved: true,
    saw: '72 MiB at 0x7b000000 and 128 MiB at 0x177000000; asked for: 192 MiB',
  });
  t.match(
    judgeReservation('crashkernel=128M,high', TWO),
    { saw: /at 0x177000000$/ },
    'the kernel adds low memory',
  );
  t.match(judgeReservation('crashkernel=2G-:64M', TWO), { saw: /at 0x177000000$/ });
  t.match(judgeReservation('crashkernel=1M', { crashSize: 0n, ranges: [] }), {
    proved: false,
    saw: 'nothing',
  });
  t.match(
    judgeReservation('crashkernel=1M', { crashSize: 0x100000n, ranges: [] }),
    { proved: true, saw: '1 MiB, place unknown' },
    'no /proc/iomem',
  );
});
