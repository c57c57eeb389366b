/** The result of one check of this host. `found` is one line for people. */
export type DoctorCheck =
  | { readonly name: string; readonly status: 'ok'; readonly found: string; readonly remedy?: undefined }
  | {
      readonly name: string;
      /** `warn`: crashpath works, but slower or with fewer scenarios; `fail`: runs cannot work. */
      readonly status: 'warn' | 'fail';
      readonly found: string;
      /** The remedy. */
      readonly remedy: string;
    };

export type CheckStatus = DoctorCheck['status'];

/** All checks in the order in which they are shown, and the worst status among them. */
export interface DoctorReport {
  readonly status: CheckStatus;
  readonly checks: readonly DoctorCheck[];
}

/** The worst status of several checks; `ok` for none. Pure. */
export function worstStatus(checks: readonly Pick<DoctorCheck, 'status'>[]): CheckStatus {
  if (checks.some((check) => check.status === 'fail')) return 'fail';
  return checks.some((check) => check.status === 'warn') ? 'warn' : 'ok';
}
