/** A flag word whose meaning is known: why the crash path looks at it, and what a held one does. */
interface KnownFlag {
  readonly name: string;
  /** Who takes it, and what a CPU that finds it taken does, with the place in the kernel's source. */
  readonly why: string;
  /** The function in which a CPU stops itself that finds it taken. */
  readonly stopsIn?: string;
}

/** Line numbers are those of v6.1.192. */
const KNOWN_FLAGS: readonly KnownFlag[] = [
  {
    name: 'panic_cpu',
    why: 'by design: the first CPU that panics owns the crash path, and a later one stops itself in panic_smp_self_stop() (kernel/panic.c:319, v6.1.192)',
    stopsIn: 'panic_smp_self_stop',
  },
  {
    name: '__kexec_lock',
    why: '__crash_kexec() gives up while a kexec_load() or an unload holds it, and starts no crash kernel (kernel/kexec_core.c:970, v6.1.192)',
  },
  {
    name: 'printk_cpu_sync_owner',
    why: 'dump_stack() waits until the owner has printed its own stack; the owner itself enters again (kernel/printk/printk.c:3965, v6.1.192)',
  },
  {
    name: 'stopping_cpu',
    why: 'by design: one CPU stops the others; a later one returns at once (arch/x86/kernel/smp.c:158, v6.1.192)',
  },
];

/** What is known of a flag by its name; undefined for any other. */
export function knownFlag(name: string): KnownFlag | undefined {
  return KNOWN_FLAGS.find((flag) => flag.name === name);
}
