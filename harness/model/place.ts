/** Every place that a vCPU can be in; timeline events and details of verdicts hold these values. */
export const PLACES = [
  'user',
  /** Kernel-mode code on the page tables of the first kernel. */
  'first-kernel',
  /** Code on the jump's page tables that is outside every loaded segment, or not identity-mapped: relocate_kernel. */
  'jump',
  /**
   * Identity-mapped code on the jump's page tables where the loaded segments are not known (kexec_file_load):
   * relocate_kernel, purgatory or the capture kernel's decompressor.
   */
  'after-jump',
  /** Identity-mapped code inside the purgatory segment. */
  'purgatory',
  /** Identity-mapped code inside another loaded segment: the capture kernel's decompressor. */
  'capture-start',
  /**
   * The decompressor at the end of its buffer, to which it copies itself (arch/x86/boot/compressed/head_64.S, v6.1).
   * Only an instruction trace sees the copy; samples of registers alone do not show where it went.
   */
  'capture-start-moved',
  /** Kernel-mode code on page tables inside the crash kernel's memory. */
  'capture-kernel',
  /** Real or protected mode: firmware, or a vCPU that was not started. */
  'firmware',
] as const;
export type Place = (typeof PLACES)[number];

/** The places that a vCPU passes from the panic to the capture kernel, in order. */
export const CRASH_PATH = [
  'first-kernel',
  'jump',
  'after-jump',
  'purgatory',
  'capture-start',
  'capture-start-moved',
  'capture-kernel',
] as const satisfies readonly Place[];
export type CrashPathPlace = (typeof CRASH_PATH)[number];

/** Start of the kernel image mapping on x86-64 (Documentation/x86/x86_64/mm.rst). */
export const KERNEL_IMAGE = 0xffffffff80000000n;
/** The kernel's half of the addresses on x86-64; what is identity-mapped lies below. */
export const UPPER_HALF = 1n << 63n;

/** How far along the crash path a place is, from 0 for the first kernel; -1 for a place that is not on it. */
export function crashPathRank(place: Place): number {
  return CRASH_PATH.findIndex((candidate) => candidate === place);
}

/** The jump, purgatory, and the capture kernel's decompressor until it has moved itself. */
export function isBetweenKernels(place: Place): boolean {
  return ['jump', 'after-jump', 'purgatory', 'capture-start'].includes(place);
}

/** The places as the map of a sweep names them, in text, in HTML and as `stage` in its JSON (schema 1). */
export const PLACE_LABELS = {
  'first-kernel': 'crashed kernel',
  jump: 'jump',
  'after-jump': 'after the jump',
  purgatory: 'purgatory',
  'capture-start': 'decompressor',
  'capture-start-moved': 'moved decompressor',
  'capture-kernel': 'capture kernel',
} as const satisfies Record<CrashPathPlace, string>;
export type PlaceLabel = (typeof PLACE_LABELS)[CrashPathPlace];
