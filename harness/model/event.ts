import type { Place } from './place.js';
import type { Channel, HostFact } from './record.js';

/** Where in the recording an event was read. */
export type EventSource =
  | { readonly source: Channel; readonly offset: number; readonly length: number }
  | { readonly source: 'qmp' | 'samples' | 'host'; readonly line: number };

/** One vCPU as `info registers` shows it. */
export interface VcpuState {
  readonly index: number;
  /** Hexadecimal, as printed, without leading zeroes. */
  readonly rip: string;
  readonly interruptsOn: boolean;
  readonly halted: boolean;
  /** Established from RIP and CR3 alone; no symbols are needed. */
  readonly place: Place;
}

export type EventBody =
  | { readonly type: 'kernel-banner'; readonly release: string }
  | { readonly type: 'capture-command-line' }
  | { readonly type: 'reboot-command-line' }
  | { readonly type: 'panic'; readonly message: string; readonly side: Side }
  | { readonly type: 'panic-ended'; readonly side: Side }
  | { readonly type: 'reboot-announced'; readonly side: Side }
  | { readonly type: 'oops'; readonly message: string; readonly side: Side }
  /** A kernel died of an int3 at an address where its memory holds none; `function` is empty when it is unknown. */
  | { readonly type: 'stale-int3'; readonly function: string; readonly side: Side }
  | {
      readonly type: 'signature';
      readonly name: string;
      readonly side: Side;
      readonly degrades: boolean;
      /** What matched, as the guest printed it. */
      readonly text: string;
    }
  /** A function of the stack that the first kernel's report of an oops or a panic shows, innermost first. */
  | { readonly type: 'report-frame'; readonly function: string }
  /** lkdtm's crash point was hit; at 0 rounds left its action follows. */
  | {
      readonly type: 'lkdtm-hit';
      readonly point: string;
      readonly crashType: string;
      readonly roundsLeft: number;
    }
  | {
      readonly type: 'hello';
      readonly release: string;
      readonly cpus: number;
      readonly modulesFailed: string;
    }
  | { readonly type: 'armed'; readonly armed: Armed }
  /** `online`, here and in a reply: numbers of the CPUs that are online; absent where the guest does not report them. */
  | {
      readonly type: 'firing';
      readonly online?: readonly number[] | undefined;
      /** As in {@link Armed}. */
      readonly ram?: readonly AddressRange[] | undefined;
    }
  | {
      readonly type: 'reply';
      readonly id: number;
      readonly status: number;
      readonly output: string;
      readonly online?: readonly number[] | undefined;
      /** Whether the guest's host name is the nonce; absent before the crash kernel is loaded, and in older recordings. */
      readonly named?: boolean | undefined;
    }
  | { readonly type: 'capture-hello'; readonly release: string; readonly commandLine: string }
  | { readonly type: 'vmcore'; readonly vmcore: Vmcore }
  | { readonly type: 'vmcore-missing'; readonly why: string }
  /** Consecutive chunks of /proc/vmcore that were read; `first` is the number of the first, counted from 0. */
  | { readonly type: 'vmcore-chunks'; readonly first: number; readonly chunks: readonly VmcoreChunk[] }
  | { readonly type: 'vmcore-read'; readonly read: VmcoreRead }
  /** The program that reads all of /proc/vmcore ended, with this exit status. */
  | { readonly type: 'vmcore-reader'; readonly status: number }
  | {
      readonly type: 'capture-facts';
      readonly dmesgLines: number;
      /** Online CPUs; absent in recordings of images that did not report them. */
      readonly cpus?: number | undefined;
      readonly modulesFailed: string;
      readonly interrupts: string;
      /** Absent in recordings of images that did not report them. */
      readonly timers?: TimerFacts | undefined;
      /** The same. */
      readonly hardware?: HardwareFacts | undefined;
    }
  | { readonly type: 'exercise'; readonly exercise: Exercise }
  /** The capture kernel's init has written its dump; `status` 0: to its end. `level`: makedumpfile -d. */
  | { readonly type: 'dump'; readonly status: number; readonly level: number; readonly said: string }
  /** `taint`: /proc/sys/kernel/tainted of the capture kernel; absent in older recordings. */
  | { readonly type: 'capture-done'; readonly taint?: number | undefined }
  | { readonly type: 'control-noise'; readonly why: string }
  /** Events of one kind were too many to keep them all: so many are left out. It stands for the last of them. */
  | { readonly type: 'folded'; readonly what: string; readonly count: number }
  | { readonly type: 'shutdown'; readonly byGuest: boolean; readonly reason: string }
  /** The guest suspended the machine to memory (ACPI S3), and something woke it. */
  | { readonly type: 'suspended' }
  | { readonly type: 'woken' }
  | { readonly type: 'cpus-parked'; readonly parked: number }
  /** Samples from after the capture kernel's start show this vCPU in the crashed kernel, and not halted for good. */
  | { readonly type: 'cpu-not-stopped'; readonly cpu: NotStopped }
  /** So few samples are from after the capture kernel's start that they would not show a vCPU that was not stopped. */
  | { readonly type: 'cpus-unwatched'; readonly samples: number; readonly forMs: number }
  | { readonly type: 'jumped'; readonly place: Place; readonly rip: string }
  /** What samples alone show: no proof. It asks for an examination. */
  | {
      readonly type: 'suspected-hang';
      readonly shape: HangShape;
      readonly forMs: number;
      readonly vcpus: readonly VcpuState[];
    }
  | {
      readonly type: 'hang';
      readonly shape: HangShape;
      readonly forMs: number;
      readonly vcpus: readonly VcpuState[];
    }
  /** Follows the fact of a deadline, and the fact that the guest was asked whether it is alive. */
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'host'; readonly fact: HostFact };

/**
 * Which kernel printed a console line. `production` is the first kernel: recordings, images and `expect.yaml` files
 * hold that word.
 */
export type Side = 'production' | 'capture' | 'rebooted';

/** How a dead guest looks from outside. */
export type HangShape = 'all-vcpus-halted' | 'spin' | 'idle-forever';

/** The guest's latest doings at some moment of a run. */
export interface Progress {
  /** Since the machine's start, milliseconds: the guest's own time, and the host's. */
  readonly ownMs: number;
  readonly wallMs: number;
  /** Own time since the guest last sent something on a channel, reports of a watchdog apart; absent: never. */
  readonly silentMs?: number | undefined;
  /** The channel of that. */
  readonly channel?: Channel | undefined;
  /** The length of the latest stretch that counts, own time; see `Limits.quietMs`. */
  readonly quietMs: number;
  /** Samples of that stretch, and those among them that show new code. */
  readonly samples: number;
  readonly newCode: number;
  /** The latest new code; absent: none since firing. */
  readonly lastCode?: { readonly place: Place; readonly rip: string } | undefined;
  /** vCPUs that every sample of the last seconds shows running in the first kernel with interrupts off. */
  readonly stuckVcpus: readonly number[];
}

/** What `kexec -p` left behind in the first kernel. */
export interface Armed {
  /** Exit status of kexec. */
  readonly status: number;
  /** /sys/kernel/kexec_crash_loaded. */
  readonly loaded: boolean;
  /** Set when there is no such file: the kernel has no kexec. */
  readonly withoutKexec?: boolean | undefined;
  /** /sys/kernel/kexec_crash_size, bytes. */
  readonly crashSize: bigint;
  /** Physical ranges reserved for the crash kernel: one, or two with `crashkernel=X,high`; none: nothing is reserved. */
  readonly ranges: readonly AddressRange[];
  /** "System RAM" of /proc/iomem, the reservation included; absent in recordings of images that did not report it. */
  readonly ram?: readonly AddressRange[] | undefined;
  /** Physical ranges of the loaded segments; empty with kexec_file_load, which does not report them. */
  readonly segments: readonly AddressRange[];
  /** The segment that kexec enters: purgatory. */
  readonly purgatory?: AddressRange | undefined;
  /** How many pattern pages were written into the memory before; absent: none. */
  readonly patterns?: number | undefined;
  /** kexec's error, line by line, when it failed. */
  readonly errors: readonly string[];
  /** What the kernel logged meanwhile, and at boot about the reservation; absent when the load succeeded. */
  readonly kernelLog?: readonly string[] | undefined;
  /** Bytes that the capture kernel (unpacked) and its initramfs need; absent in older recordings. */
  readonly loads?: { readonly kernel: number; readonly initrd: number } | undefined;
  /** The first kernel's timers at this moment; absent in recordings of images that did not report them. */
  readonly timers?: TimerFacts | undefined;
}

/** A kernel's timers, from its sysfs (Documentation/ABI/testing/sysfs-devices-system-cpu of v6.1). */
export interface TimerFacts {
  /** clocksource0/current_clocksource: `tsc`, `acpi_pm`, ...; empty when it is unknown. */
  readonly clocksource: string;
  /** clockevents/clockevent0/current_device, the boot CPU's: `lapic`, `lapic-deadline`, `pit`, `hpet`, ... */
  readonly clockevent: string;
  /** clockevents/broadcast/current_device; empty when there is none. */
  readonly broadcast: string;
}

/** The hardware as a kernel uses it. */
export interface HardwareFacts {
  /** Levels of its page tables, by the CPU flag `la57`. */
  readonly pagingLevels: number;
  /** It has /sys/firmware/efi. */
  readonly efi: boolean;
  /** Entries of /sys/class/iommu. */
  readonly iommus: number;
  /** Nodes of /sys/devices/system/node; 0 in a kernel without CONFIG_NUMA. */
  readonly numaNodes: number;
}

/** Physical addresses, both ends included. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What the capture kernel's init read out of /proc/vmcore, parsed from the bytes that it sent. */
export interface Vmcore {
  readonly sizeBytes: number;
  /**
   * NT_PRSTATUS notes that hold registers, each of other ones: one for each CPU whose registers were saved. No two CPUs
   * have the same stack pointer.
   */
  readonly prstatusNotes: number;
  readonly hasVmcoreinfo: boolean;
  /** OSRELEASE of the crashed kernel, from VMCOREINFO. */
  readonly crashedRelease?: string | undefined;
  /** Host name in the crashed kernel's init_uts_ns; absent when it could not be read. */
  readonly nodename?: string | undefined;
  /** A sum of all notes' bytes; absent in events of older versions. */
  readonly notesSum?: string | undefined;
  /** The headers and the notes at its start, whole pages, with their sums; absent when they were not all sent. */
  readonly start?: VmcoreStart | undefined;
  /** Its PT_LOAD segments, as far as the first page shows them; absent in events of older versions. */
  readonly loads?: readonly VmcoreLoad[] | undefined;
}

/** The first bytes of /proc/vmcore, which show no memory. */
export interface VmcoreStart {
  readonly bytes: number;
  readonly sums: string;
  readonly zeroPages: number;
}

/** 1 MiB of /proc/vmcore (the last chunk may be shorter), as the capture kernel read it. */
export interface VmcoreChunk {
  /** Two sums of its 32-bit words, 16 hexadecimal digits (timeline/chunk-sums.ts). */
  readonly sums: string;
  /** Pages in which every byte is zero, unreadable ones included. */
  readonly zeroPages: number;
  readonly unreadablePages: number;
}

/** The end of reading /proc/vmcore. */
export interface VmcoreRead {
  readonly sizeBytes: number;
  readonly unreadablePages: number;
  /** The first page that could not be read: its offset, and the error; errno 0 is an end of the file that came early. */
  readonly firstUnreadable?: { readonly offset: number; readonly errno: number } | undefined;
  /** Numbers of the pattern pages that were found. */
  readonly patterns: readonly number[];
  /** Sum of their checksums, 16 hexadecimal digits. */
  readonly patternSum: string;
  /**
   * Pages that were taken from the mapping, and of which only a piece was read; why the kernel mapped none from some
   * place on; and where reading first failed or gave other bytes than mapping: everything was read from the MiB of that
   * offset on. Absent in events of older images, which read all. `unread`: those pages of which nothing was read, because
   * only the mapping was asked for; absent for none.
   */
  readonly mapped?:
    | {
        readonly pages: number;
        readonly unread?: number;
        readonly errno?: number;
        readonly unlikeAt?: number;
      }
    | undefined;
}

/** A segment of memory in the ELF headers of /proc/vmcore. */
export interface VmcoreLoad {
  /** Offset in the file. */
  readonly offset: number;
  /** Physical address. */
  readonly address: number;
  /** Virtual address, hexadecimal; absent in events of older versions. */
  readonly virtual?: string | undefined;
  readonly sizeBytes: number;
}

/** A vCPU that was not stopped, as its last sample of that kind shows it. */
export interface NotStopped extends VcpuState {
  /** How many samples show it so, over how long, and at how many addresses. */
  readonly samples: number;
  readonly forMs: number;
  readonly addresses: number;
  /** It was stopped in the end. */
  readonly stoppedLater: boolean;
  /** It was seen halted with interrupts off in the crashed kernel before, and no sample shows them on since. */
  readonly wokeUp: boolean;
}

/** What happened to the network card that the capture kernel was asked to drive. */
export interface Exercise {
  /** The network interface; empty when there is none. */
  readonly device: string;
  /** Its interrupts since it was brought up, summed over the CPUs. */
  readonly interrupts: number;
  /** Its rows of /proc/interrupts, after. */
  readonly rows: string;
  /** Frames that its driver received. */
  readonly received: number;
}

/** One thing that happened, with its place in the recording. Times are milliseconds since the run began. */
export type RunEvent = { readonly atMs: number; readonly at: EventSource } & EventBody;

export type EventType = EventBody['type'];

/** The event of one type, for lookups that keep the type. */
export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>;
