/** A kernel that was resolved to bytes on this host. */
export interface Kernel {
  /** What the user asked for, e.g. `debian:6.1` or a path. */
  readonly spec: string;
  /** Release string in the bzImage header, e.g. `6.1.0-56-amd64`. */
  readonly release: string;
  /** Short name for tables, e.g. `6.1.0-56-amd64`. */
  readonly label: string;
  /** sha256 of the bzImage, lower-case hex. */
  readonly sha256: string;
  /** Word width; absent: 64. */
  readonly bits?: 32 | 64 | undefined;
  /** Absolute path of the bzImage. */
  readonly bzImage: string;
  /** Absolute path of `lib/modules/<release>`; absent for a bare bzImage. */
  readonly modulesDir?: string | undefined;
  /** Absolute path of the kernel's .config; absent when unknown. */
  readonly config?: string | undefined;
}

/** The same kernel in another bzImage, whose payload takes little time to decompress. */
export interface RepackedKernel {
  /** Absolute path. */
  readonly bzImage: string;
  /** sha256 of that bzImage, lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** The compression of the payload, as before. */
  readonly compression: 'xz';
  /** sha256 of the kernel in both payloads, lower-case hex. */
  readonly vmlinuxSha256: string;
}
