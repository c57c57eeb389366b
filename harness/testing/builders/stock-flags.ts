import type { LockedFact } from '../../model/locked-instructions.js';
import type { RecordedFact } from '../../model/recorded-calls.js';
import { madeCall, madeRecorded } from './recorded-calls.js';

/** The locked instructions that a built 6.1.192 has on its crash path; functions without any are left out, but one. */
export const STOCK_LOCKED: LockedFact = {
  fact: 'locked',
  functions: [
    {
      function: '__printk_cpu_sync_put',
      instructions: [{ offset: 10, instruction: 'dec', text: 'lock decl 0xffffffffb49bb280', used: false }],
      undecodable: 0,
    },
    {
      function: '__printk_cpu_sync_try_get',
      instructions: [
        { offset: 10, instruction: 'cmpxchg', text: 'lock cmpxchg %edx,0xffffffffb4834a84', used: true },
        { offset: 29, instruction: 'inc', text: 'lock incl 0xffffffffb49bb280', used: false },
      ],
      undecodable: 0,
    },
    {
      function: 'add_taint',
      instructions: [
        { offset: 13, instruction: 'xchg', text: 'xchg %eax,0xffffffffb48d492c', used: true },
        { offset: 35, instruction: 'bts', text: 'lock bts %rbx,0xffffffffb49b5e18', used: false },
      ],
      undecodable: 0,
    },
    {
      function: 'crash_kexec',
      instructions: [
        { offset: 10, instruction: 'cmpxchg', text: 'lock cmpxchg %edx,0xffffffffb482f200', used: true },
      ],
      undecodable: 0,
    },
    {
      function: 'debug_locks_off',
      instructions: [{ offset: 14, instruction: 'xchg', text: 'xchg %eax,0xffffffffb48d492c', used: true }],
      undecodable: 0,
    },
    {
      function: 'native_stop_other_cpus',
      instructions: [
        { offset: 30, instruction: 'cmpxchg', text: 'lock cmpxchg %ebx,0xffffffffb482e280', used: true },
        { offset: 102, instruction: 'btr', text: 'lock btr %rbx,0xffffffffb49ab990', used: false },
      ],
      undecodable: 0,
    },
    {
      function: 'panic',
      instructions: [
        { offset: 93, instruction: 'cmpxchg', text: 'lock cmpxchg %edx,0xffffffffb482f200', used: true },
      ],
      undecodable: 0,
    },
    {
      function: 'kexec_trylock',
      instructions: [
        { offset: 7, instruction: 'cmpxchg', text: 'lock cmpxchg %edx,0xffffffffb49dda18', used: true },
      ],
      undecodable: 0,
    },
    {
      function: 'irq_work_claim',
      instructions: [{ offset: 10, instruction: 'cmpxchg', text: 'lock cmpxchg %ecx,8(%rdi)', used: true }],
      undecodable: 0,
    },
    {
      function: 'sched_clock_cpu',
      instructions: [{ offset: 127, instruction: 'cmpxchg', text: 'lock cmpxchg %rdx,(%rcx)', used: true }],
      undecodable: 0,
    },
    {
      function: 'prb_reserve_in_last',
      instructions: [
        { offset: 130, instruction: 'cmpxchg', text: 'lock cmpxchg %rsi,(%r14)', used: true },
        { offset: 638, instruction: 'cmpxchg', text: 'lock cmpxchg %r9,0x40(%rbx)', used: true },
      ],
      undecodable: 0,
    },
    {
      function: 'prb_reserve',
      instructions: [
        { offset: 283, instruction: 'cmpxchg', text: 'lock cmpxchg %rsi,0x20(%r14)', used: true },
        { offset: 308, instruction: 'cmpxchg', text: 'lock cmpxchg %rbx,0x18(%r14)', used: true },
        { offset: 382, instruction: 'cmpxchg', text: 'lock cmpxchg %rbx,(%rdx)', used: true },
        { offset: 477, instruction: 'inc', text: 'lock incq 0x50(%r14)', used: false },
      ],
      undecodable: 0,
    },
    { function: '__crash_kexec', instructions: [], undecodable: 0 },
  ],
  missing: [
    {
      function: 'vpanic',
      why: 'find the function vpanic: this kernel has none (inlined or renamed); nearest: panic',
    },
    { function: 'serial_out', why: 'find the function serial_out: this kernel has 2 of the name serial_out' },
  ],
};

/** What they did, both parts of each recording; of a place at many words, the first three. */
export const STOCK_WORDS: readonly (readonly RecordedFact[])[] = [
  [
    madeRecorded('nmi_shootdown_cpus', [
      madeCall({
        at: '__printk_cpu_sync_try_get+0xa',
        argument: '0xffffffff8ca34a84',
        data: { symbol: 'printk_cpu_sync_owner', offset: 0 },
        word: { instruction: 'cmpxchg', bytes: 4, was: '0xffffffff', expects: '0xffffffff', writes: '0x0' },
        from: '__printk_cpu_sync_try_get+0xa/0x2c',
        stack: ['dump_stack_lvl', 'dump_stack', 'panic'],
      }),
    ]),
    madeRecorded('machine_kexec', []),
  ],
  [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [])],
  [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [])],
  [
    madeRecorded('nmi_shootdown_cpus', [
      madeCall({
        at: 'panic+0x5d',
        argument: '0xffffffff8ca2f200',
        data: { symbol: 'panic_cpu', offset: 0 },
        word: { instruction: 'cmpxchg', bytes: 4, was: '0xffffffff', expects: '0xffffffff', writes: '0x0' },
        from: 'panic+0x5d/0x29b',
        stack: [],
      }),
      madeCall({
        at: 'kexec_trylock+0x7',
        argument: '0xffffffff8cbdda18',
        data: { symbol: '__kexec_lock', offset: 0 },
        word: { instruction: 'cmpxchg', bytes: 4, was: '0x0', expects: '0x0', writes: '0x1' },
        from: 'kexec_trylock+0x7/0x15',
        stack: ['__crash_kexec', 'panic'],
      }),
    ]),
    madeRecorded('machine_kexec', []),
  ],
  [
    madeRecorded('nmi_shootdown_cpus', [
      madeCall({
        at: 'prb_reserve_in_last+0x82',
        argument: '0xffffffff8ca8e250',
        data: { symbol: '_printk_rb_static_descs', offset: 5904 },
        word: {
          instruction: 'cmpxchg',
          bytes: 8,
          was: '0x40000000fffff0f6',
          expects: '0x40000000fffff0f6',
          writes: '0xfffff0f6',
        },
        from: 'prb_reserve_in_last+0x82/0x33d',
        stack: [
          'vprintk_store',
          'vprintk_emit',
          'vprintk_default',
          'vprintk',
          '_printk',
          '__show_regs',
          'show_regs_if_on_stack.constprop.0',
          '__show_trace_log_lvl',
          'show_stack',
          'dump_stack_lvl',
          'dump_stack',
          'panic',
        ],
      }),
    ]),
    madeRecorded('machine_kexec', []),
  ],
  [
    madeRecorded('nmi_shootdown_cpus', [
      madeCall({
        at: 'prb_reserve+0x134',
        argument: '0xffffffff8ca34af8',
        data: { symbol: 'printk_rb_static', offset: 24 },
        word: {
          instruction: 'cmpxchg',
          bytes: 8,
          was: '0xfffff0ea',
          expects: '0xfffff0ea',
          writes: '0xfffff0eb',
          varies: true,
        },
        from: 'prb_reserve+0x134/0x293',
        stack: ['vprintk_store', 'vprintk_emit', 'vprintk_default', 'vprintk', '_printk', 'panic'],
        count: 31,
      }),
      madeCall({
        at: 'prb_reserve+0x17e',
        argument: '0xffffffff8ca8e148',
        data: { symbol: '_printk_rb_static_descs', offset: 5640 },
        word: { instruction: 'cmpxchg', bytes: 8, was: '0x0', expects: '0x0', writes: '0xfffff0eb' },
        from: 'prb_reserve+0x17e/0x293',
        stack: ['vprintk_store', 'vprintk_emit', 'vprintk_default', 'vprintk', '_printk', 'panic'],
      }),
      madeCall({
        at: 'prb_reserve+0x17e',
        argument: '0xffffffff8ca8e160',
        data: { symbol: '_printk_rb_static_descs', offset: 5664 },
        word: { instruction: 'cmpxchg', bytes: 8, was: '0x0', expects: '0x0', writes: '0xfffff0ec' },
        from: 'prb_reserve+0x17e/0x293',
        stack: [
          'vprintk_store',
          'vprintk_emit',
          'vprintk_default',
          'vprintk',
          '_printk',
          'dump_stack_print_info',
          'dump_stack_lvl',
          'dump_stack',
          'panic',
        ],
      }),
      madeCall({
        at: 'prb_reserve+0x17e',
        argument: '0xffffffff8ca8e178',
        data: { symbol: '_printk_rb_static_descs', offset: 5688 },
        word: { instruction: 'cmpxchg', bytes: 8, was: '0x0', expects: '0x0', writes: '0xfffff0ed' },
        from: 'prb_reserve+0x17e/0x293',
        stack: [
          'vprintk_store',
          'vprintk_emit',
          'vprintk_default',
          'vprintk',
          '_printk',
          '__show_trace_log_lvl',
          'show_stack',
          'dump_stack_lvl',
          'dump_stack',
          'panic',
        ],
      }),
    ]),
    madeRecorded('machine_kexec', []),
  ],
  [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [])],
];
