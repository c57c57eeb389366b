import { z } from 'zod';

/** A distribution that a guest boots: its disk, its own kernel, initramfs, init and kdump service. */
export const DistributionSchema = z.object({
  /** As the caller named it: `debian:12`. */
  spec: z.string().max(64),
  /** Of its build: a hash of the recipe. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** The disk's image on this host, which no run writes to; absolute. */
  disk: z.string(),
  diskBytes: z.number().int(),
  /** Its own initramfs; absolute. */
  initrd: z.string(),
  /** Debian packages that decide the dump, with their versions. */
  packages: z.record(z.string(), z.string()),
});
export type Distribution = z.infer<typeof DistributionSchema>;

/**
 * What the distribution left on its disk after the run. `missing`: no dump; `unfinished`: only one that its service did
 * not give its final name; `damaged`: a finished name, and a file that is no whole dump (`why`); `whole`: each page of
 * which it tells is in it; `unread`: a program of this host failed or took too long (`why`), which says nothing.
 */
export const SavedDumpFactSchema = z.object({
  fact: z.literal('saved-dump'),
  state: z.enum(['missing', 'unfinished', 'damaged', 'whole', 'unread']),
  why: z.string().max(1000).optional(),
  /** On the guest's disk. */
  path: z.string().max(300).optional(),
  bytes: z.number().optional(),
  /** Of the crashed kernel, from the dump's header. */
  nodename: z.string().max(65).optional(),
  release: z.string().max(65).optional(),
  /** What makedumpfile read out of the dump; absent: the dump is not whole. */
  opened: z
    .union([
      z.object({
        /** The program and its version. */
        by: z.string().max(100),
        logBytes: z.number(),
        /** The crashed kernel's log holds this run's nonce. */
        nonce: z.boolean(),
        /** The line of its panic; absent: there is none. */
        panic: z.string().max(200).optional(),
      }),
      z.object({ failed: z.string().max(1000) }),
    ])
    .optional(),
});
export type SavedDumpFact = z.infer<typeof SavedDumpFactSchema>;
