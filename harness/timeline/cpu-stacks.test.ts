import t from 'tap';
import { createStackReader, functionsOf } from './cpu-stacks.js';

function stacksOf(...lines: string[]) {
  const reader = createStackReader<number>();
  for (const [index, line] of lines.entries()) reader.line(line, index + 1);
  return reader
    .stacks()
    .map(({ frames, ...stack }) => ({ ...stack, functions: functionsOf({ frames }), frames }));
}

void t.test('the stack of a panic, in the forms of several kernels', async (t) => {
  t.match(
    stacksOf(
      '[    1.0] Kernel panic - not syncing: x',
      '[    1.000000] CPU: 3 UID: 0 PID: 27 Comm: kworker/u8:1 Kdump: loaded Not tainted 6.12.1 #1',
      '[    1.000000] Call Trace:',
      '[    1.000000]  <TASK>',
      '[    1.000000]  panic+0x1/0x2',
      '[    1.000000]  ? preempt_count_add+0x1/0x2',
      '[    1.000000]  sysrq_handle_crash+0x1/0x2 [mod]',
      '[    1.000000]  </TASK>',
    ),
    [
      {
        cpu: 3,
        comm: 'kworker/u8:1',
        functions: ['panic', 'sysrq_handle_crash'],
        at: 2,
        frames: [{ label: 'panic+0x1/0x2' }, { label: 'sysrq_handle_crash+0x1/0x2 [mod]' }],
      },
    ],
  );
  t.match(
    stacksOf(
      'Pid: 491, comm: scsi_eh_0 Tainted: G        W  2.6.32 #1',
      'RIP: 0010:[<ffffffff8124e424>]  [<ffffffff8124e424>] blk_requeue_request+0x94/0xa0',
      'Call Trace:',
      ' [<ffffffff81362323>] __scsi_queue_insert+0xa3/0x150',
      ' [<ffffffff8135f393>] ? scsi_eh_ready_devs+0x5e3/0x850',
    ),
    [{ comm: 'scsi_eh_0', functions: ['blk_requeue_request', '__scsi_queue_insert'], at: 1 }],
  );
});

void t.test('a stack across an interrupt and an NMI is one stack', async (t) => {
  const [stack] = stacksOf(
    'NMI backtrace for cpu 0',
    'CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0 #1',
    'RIP: 0010:crash_nmi_callback+0x2f/0x40',
    'Call Trace:',
    ' <NMI>',
    ' nmi_handle+0x5c/0x130',
    'RIP: 0010:mask_ioapic_irq+0x17/0x42',
    ' </NMI>',
    ' <IRQ>',
    ' handle_edge_irq+0x8e/0x1e0',
  );
  t.match(stack, {
    cpu: 0,
    functions: ['crash_nmi_callback', 'nmi_handle', 'mask_ioapic_irq', 'handle_edge_irq'],
    frames: [
      { interrupted: true },
      { interrupted: false },
      { label: 'mask_ioapic_irq+0x17/0x42', interrupted: true },
      {},
    ],
  });
});

void t.test('CPUs that print at once are told apart by their callers', async (t) => {
  t.match(
    stacksOf(
      '[    1.000000][    C0] CPU: 0 PID: 0 Comm: a Not tainted 6.1.0 #1',
      '[    1.000000][   T88] CPU: 2 PID: 88 Comm: b Not tainted 6.1.0 #1',
      '[    1.000000][    C0] Call Trace:',
      '[    1.000000][   T88] Call Trace:',
      '[    1.000000][    C0]  panic+0x1/0x2',
      '[    1.000000][   T88]  schedule+0x1/0x2',
    ),
    [
      { cpu: 0, functions: ['panic'] },
      { cpu: 2, functions: ['schedule'] },
    ],
  );
});

void t.test('what is no stack', async (t) => {
  t.strictSame(
    stacksOf(
      'a: panic+0x1/0x2',
      'RIP: 0033:0x7fff',
      ' panic+0x1/0x2',
      'Call Trace: said a program',
      'CPU: 0 PID: 1 Comm: x Not tainted 6.1 #1',
    ),
    [],
  );
  const hostile = Array.from({ length: 10_000 }, (_, index) => [
    `CPU: ${index % 99} PID: 1 Comm: x Not tainted 6 #1`,
    'RIP: 0010:f+0x1/0x2',
  ]).flat();
  t.equal(stacksOf(...hostile).length, 128, 'bounded');
  const deep = Array.from({ length: 1_000 }, () => ' f+0x1/0x2');
  t.equal(stacksOf('Call Trace:', ...deep)[0]?.functions.length, 64);
});
