import { isSameFunction } from './lock-table.js';

/** What makes a CPU of the guest come by at functions. */
export interface Stimulus {
  readonly name: string;
  /** Functions that it reaches, the most specific first. */
  readonly reaches: readonly string[];
  /** Runs once, before the proofs. */
  readonly prepare?: string | undefined;
  /** Runs in the background until the guest dies; absent where the functions are reached without one. */
  readonly script: string | undefined;
  /** Where it was seen to reach its first functions; `untried`: it follows from the source only. */
  readonly tried: string;
  readonly source: string;
}

/** Keeps the console's line (IRQ 4, edge) requested. */
const OPEN_TTY = 'sleep 100000 </dev/ttyS0 >/dev/null 2>&1 & cat /proc/irq/4/smp_affinity';

export const STIMULI: readonly Stimulus[] = [
  {
    name: 'affinity of IRQ 4, and serial traffic',
    reaches: ['mask_ioapic_irq', 'mask_IO_APIC_irq_desc', 'unmask_ioapic_irq', 'ioapic_set_affinity', 'ioapic_configure_entry', '__irq_move_irq', 'irq_move_masked_irq', 'irq_move_irq', 'move_native_irq', 'move_masked_irq', 'ack_apic_edge', 'apic_ack_edge', 'apic_ack_irq', 'irq_do_set_affinity', '__ioapic_set_affinity'],
    prepare: OPEN_TTY,
    script:
      "while :; do echo 1 >/proc/irq/4/smp_affinity; printf '\\r' >/dev/ttyS0; echo 2 >/proc/irq/4/smp_affinity; printf '\\r' >/dev/ttyS0; done",
    tried: 'untried',
    source: 'arch/x86/kernel/apic/io_apic.c, kernel/irq/migration.c (v6.1): the pending move is done at the next interrupt of the line',
  },
  {
    name: 'serial traffic',
    reaches: ['serial8250_interrupt', 'serial8250_handle_irq', 'serial8250_tx_chars', 'serial8250_start_tx', 'uart_write', 'uart_start', 'uart_flush_chars', 'handle_edge_irq', 'handle_irq_event', 'handle_irq_event_percpu', '__handle_irq_event_percpu', 'tty_write', 'n_tty_write', 'uart_write_wakeup', 'tty_port_default_wakeup'],
    prepare: OPEN_TTY,
    script: "while :; do printf 'x\\r' >/dev/ttyS0; done",
    tried: 'untried',
    source: 'drivers/tty/serial/8250/8250_port.c (v6.1)',
  },
  {
    name: 'messages to the kernel log',
    reaches: ['up', 'down_trylock', '__up_console_sem', '__down_trylock_console_sem', 'devkmsg_write', 'devkmsg_emit', 'vprintk_emit', 'vprintk_store', 'console_unlock', 'console_trylock', 'console_trylock_spinning', 'console_flush_all', 'console_emit_next_record', 'serial8250_console_write', 'univ8250_console_write', 'console_lock_spinning_enable', 'console_lock_spinning_disable_and_check', 'wake_up_klogd', 'uart_console_write', 'serial8250_console_putchar', 'wait_for_lsr', 'wait_for_xmitr', 'prb_reserve', 'log_store', 'vprintk_default', '_printk', 'printk'],
    script: 'while :; do echo crashpath >/dev/kmsg; done',
    tried: 'untried',
    source: 'kernel/printk/printk.c, devkmsg_write() (v6.1)',
  },
  {
    name: "sysrq's help text",
    reaches: ['serial8250_console_write', '__handle_sysrq', 'write_sysrq_trigger'],
    script: 'while :; do echo h >/proc/sysrq-trigger; sleep 0.3; done',
    tried: 'untried',
    source: 'drivers/tty/sysrq.c (v6.1)',
  },
  {
    name: 'traces of all tasks',
    reaches: ['show_state_filter', 'sched_show_task', 'rcu_dump_cpu_stacks', 'nmi_trigger_cpumask_backtrace', 'arch_trigger_cpumask_backtrace', 'printk_safe_flush', '__printk_safe_flush', 'show_stack'],
    script: 'while :; do echo l >/proc/sysrq-trigger; sleep 0.3; done',
    tried: 'untried',
    source: 'drivers/tty/sysrq.c, sysrq_showallcpus_op; lib/nmi_backtrace.c (v6.1)',
  },
  {
    name: 'readers of the kernel log',
    reaches: ['do_syslog', 'syslog_print_all', 'syslog_print', 'devkmsg_read', 'kmsg_read', 'prb_read_valid', 'kmsg_dump_get_buffer'],
    script: 'while :; do dmesg >/dev/null; done',
    tried: 'untried',
    source: 'kernel/printk/printk.c, do_syslog() (v6.1)',
  },
  {
    name: 'PCI configuration',
    reaches: ['pci_conf1_read', 'raw_pci_read', 'pci_read', 'pci_user_read_config_dword', 'pci_user_read_config_byte', 'pci_user_read_config_word', 'pci_read_config', 'pci_bus_read_config_dword', 'pci_mmcfg_read'],
    script: 'while :; do cat /sys/bus/pci/devices/*/config; done',
    tried: 'untried',
    source: 'drivers/pci/access.c, arch/x86/pci/direct.c (v6.1)',
  },
  {
    name: 'real-time clock',
    reaches: ['mc146818_get_time', 'mc146818_avoid_UIP', 'cmos_read_time', 'rtc_cmos_read', '__rtc_read_time', 'rtc_read_time'],
    script: 'while :; do cat /sys/class/rtc/rtc0/time; done',
    tried: 'untried',
    source: 'drivers/rtc/rtc-cmos.c, rtc-mc146818-lib.c (v6.1)',
  },
  {
    name: 'timer interrupts of busy CPUs',
    reaches: ['tick_sched_timer', 'tick_nohz_handler', 'tick_sched_handle', 'update_process_times', 'scheduler_tick', 'sched_tick', 'hrtimer_interrupt', '__hrtimer_run_queues', 'tick_do_update_jiffies64', 'timekeeping_advance', 'update_wall_time', 'run_local_timers', 'rcu_sched_clock_irq', 'task_tick_fair', 'perf_event_task_tick', 'smp_apic_timer_interrupt', 'local_apic_timer_interrupt', 'timekeeping_update'],
    script: 'while :; do :; done & while :; do :; done',
    tried: 'untried',
    source: 'kernel/time/tick-sched.c, kernel/time/hrtimer.c (v6.1)',
  },
  {
    name: 'short sleeps',
    reaches: ['hrtimer_start_range_ns', 'hrtimer_nanosleep', 'do_nanosleep', 'hrtimer_wakeup', 'hrtimer_try_to_cancel', '__remove_hrtimer', 'enqueue_hrtimer', 'hrtimer_reprogram', 'lapic_next_event', 'lapic_next_deadline', 'clockevents_program_event', 'common_nsleep'],
    script: 'while :; do usleep 500; done',
    tried: 'untried',
    source: 'kernel/time/hrtimer.c (v6.1)',
  },
  {
    name: 'timer wheel and softirqs',
    reaches: ['run_timer_softirq', '__run_timers', 'call_timer_fn', '__do_softirq', 'handle_softirqs', 'mod_timer', '__mod_timer', 'lock_timer_base', 'add_timer'],
    script: undefined,
    tried: 'untried',
    source: 'kernel/time/timer.c, kernel/softirq.c (v6.1)',
  },
  {
    name: 'pipes and wake-ups',
    reaches: ['try_to_wake_up', 'ttwu_queue', 'ttwu_do_activate', 'pipe_write', 'pipe_read', '__wake_up_common_lock', '__wake_up_sync_key', 'autoremove_wake_function', '__schedule', 'schedule', 'pick_next_task_fair', 'finish_task_switch', 'enqueue_task_fair', 'dequeue_task_fair', 'load_balance', 'update_curr', 'raw_spin_rq_lock_nested', 'newidle_balance'],
    script: 'while :; do yes | head -n 20000 >/dev/null; done',
    tried: 'untried',
    source: 'fs/pipe.c, kernel/sched/core.c (v6.1)',
  },
  {
    name: 'fork, exec and exit',
    reaches: ['copy_process', 'kernel_clone', '_do_fork', 'do_fork', 'do_exit', 'release_task', 'wake_up_new_task', 'exit_mmap', 'pgd_alloc', 'pgd_free', 'dup_mm', 'begin_new_exec', 'load_elf_binary', 'bprm_execve', 'wait_consider_task', 'exit_notify', 'alloc_pid', 'free_pid', 'mmput', 'unmap_vmas', '__put_task_struct', 'sched_fork', 'do_wait'],
    script: 'while :; do /bin/busybox true; done',
    tried: 'untried',
    source: 'kernel/fork.c, kernel/exit.c, fs/exec.c (v6.1)',
  },
  {
    name: 'RCU callbacks of forks and opens',
    reaches: ['rcu_core', 'rcu_do_batch', 'note_gp_changes', 'rcu_report_qs_rdp', 'rcu_report_qs_rnp', 'rcu_gp_kthread', 'force_qs_rnp', '__call_rcu_common', 'call_rcu', 'rcu_gp_init', 'rcu_gp_cleanup', '__note_gp_changes', 'rcu_accelerate_cbs'],
    script: 'while :; do /bin/busybox true; cat /proc/uptime >/dev/null; done',
    tried: 'untried',
    source: 'kernel/rcu/tree.c (v6.1)',
  },
  {
    name: 'work items on all CPUs',
    reaches: ['__queue_work', 'queue_work_on', 'insert_work', 'process_one_work', 'worker_thread', 'lru_add_drain_all', '__lru_add_drain_all', 'flush_work', '__flush_work', 'drop_slab', 'wq_worker_sleeping', 'drop_caches_sysctl_handler', 'smp_call_function_many_cond', 'on_each_cpu_cond_mask'],
    script: 'while :; do echo 1 >/proc/sys/vm/drop_caches; done',
    tried: 'untried',
    source: 'mm/swap.c, lru_add_drain_all(), kernel/workqueue.c (v6.1)',
  },
  {
    name: 'page allocation',
    reaches: ['get_page_from_freelist', 'rmqueue', 'rmqueue_bulk', 'free_pcppages_bulk', '__alloc_pages', '__alloc_pages_nodemask', 'free_unref_page', 'release_pages', 'handle_mm_fault', 'do_anonymous_page', '__free_one_page', 'clear_page_erms', 'clear_page_orig', 'lru_cache_add', 'folio_add_lru', 'tlb_finish_mmu', 'flush_tlb_mm_range', 'zap_pte_range', 'alloc_vmap_area'],
    script: 'while :; do dd if=/dev/zero of=/dev/null bs=4M count=2 2>/dev/null; done',
    tried: 'untried',
    source: 'mm/page_alloc.c, mm/memory.c (v6.1): dd faults its buffer in, and gives it back',
  },
  {
    name: 'memory control groups',
    reaches: ['try_charge_memcg', 'mem_cgroup_charge_skmem', '__mem_cgroup_charge', 'memcg_account_kmem', 'drain_obj_stock', 'refill_stock', 'obj_cgroup_charge', 'mem_cgroup_uncharge_list', '__mod_memcg_state', 'cgroup_rstat_updated', 'cgroup_rstat_flush_locked', 'mem_cgroup_css_rstat_flush', 'cgroup_attach_task'],
    prepare:
      'mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg && echo +memory >/tmp/cg/cgroup.subtree_control && mkdir /tmp/cg/a',
    script:
      'echo $$ >/tmp/cg/a/cgroup.procs; while :; do dd if=/dev/zero of=/dev/null bs=4M count=2 2>/dev/null; cat /tmp/cg/a/memory.stat >/dev/null; done',
    tried: 'untried',
    source: 'mm/memcontrol.c (v6.1); the kernel needs CONFIG_MEMCG',
  },
  {
    name: 'files in /proc',
    reaches: ['uptime_proc_show', 'seq_printf', 'seq_read_iter', 'seq_read', 'proc_reg_read', 'd_lookup', 'lookup_fast', 'do_filp_open', 'path_openat', 'vfs_read', 'vfs_open', 'fput', '__fput', 'dput', 'alloc_fd', 'close_fd', 'kmem_cache_alloc', 'kmem_cache_free', '__slab_alloc', '___slab_alloc', 'get_partial_node', '__slab_free'],
    script: 'while :; do cat /proc/uptime >/dev/null; done',
    tried: 'untried',
    source: 'fs/proc/uptime.c, fs/seq_file.c (v6.1)',
  },
  {
    name: 'random numbers',
    reaches: ['urandom_read_iter', 'urandom_read', 'get_random_bytes_user', 'crng_make_state', 'extract_entropy', 'write_pool_user', 'mix_pool_bytes', '_mix_pool_bytes', 'chacha_block_generic', 'crng_fast_key_erasure'],
    script: 'while :; do head -c 4096 /dev/urandom >/dev/null; echo x >/dev/urandom; done',
    tried: 'untried',
    source: 'drivers/char/random.c (v6.1)',
  },
  {
    name: 'loopback network',
    reaches: ['loopback_xmit', 'netif_rx', '__netif_rx', 'netif_rx_internal', 'enqueue_to_backlog', 'process_backlog', 'net_rx_action', '__netif_receive_skb_core', '__dev_queue_xmit', 'dev_queue_xmit', 'dev_hard_start_xmit', 'ip_output', 'ip_finish_output2', 'ip_rcv', 'icmp_rcv', '__alloc_skb'],
    prepare: 'ip link set lo up',
    script: 'while :; do ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; done',
    tried: 'untried',
    source: 'drivers/net/loopback.c, net/core/dev.c (v6.1); the kernel needs CONFIG_INET',
  },
  {
    name: 'general load',
    reaches: [],
    script:
      'while :; do cat /proc/uptime /sys/bus/pci/devices/*/config >/dev/null; /bin/busybox true; dd if=/dev/zero of=/dev/null bs=1M count=1 2>/dev/null; echo x >/dev/kmsg; usleep 1000; done',
    tried: 'untried',
    source: 'a bit of each of the others',
  },
];

/**
 * What makes a CPU come by at one of these functions, the best first: the row that reaches the innermost of them, then those
 * for its callers, at last the general load. `functions` are innermost first. Pure.
 */
export function stimuliFor(functions: readonly string[]): Stimulus[] {
  const rated = STIMULI.map((stimulus) => ({
    stimulus,
    at: functions.findIndex((name) => stimulus.reaches.some((reached) => isSameFunction(reached, name))),
  }));
  const fitting = rated.filter(({ at }) => at >= 0).toSorted((a, b) => a.at - b.at);
  const general = STIMULI.filter(({ reaches }) => reaches.length === 0);
  return [...fitting.map(({ stimulus }) => stimulus), ...general];
}
