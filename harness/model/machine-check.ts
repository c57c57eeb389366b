/** A machine check in a bank of a vCPU: the registers as the hardware leaves them (Intel SDM vol. 3B, 15.3). */
export interface MachineCheck {
  readonly cpu: number;
  readonly bank: number;
  /** IA32_MCi_STATUS, IA32_MCG_STATUS, IA32_MCi_ADDR and IA32_MCi_MISC. */
  readonly status: bigint;
  readonly mcgStatus: bigint;
  readonly addr: bigint;
  readonly misc: bigint;
  /** Whether the other CPUs take a machine check too, as on Intel's without local machine checks. */
  readonly broadcast: boolean;
}
