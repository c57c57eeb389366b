import { shellQuote } from '../model/shell-words.js';

/** What `crashpath run` needs to plan a cell again. */
export interface Reproducible {
  /** A name of crashpath list, or a path. */
  readonly scenario: string;
  readonly kernel: string;
  readonly machine: string | undefined;
  readonly repeat: number;
  readonly captureKernel?: string | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
  readonly crashkernel?: string | undefined;
  readonly cpus?: number | undefined;
  readonly memory?: number | undefined;
  readonly accel: string;
  readonly timeoutScale?: number | undefined;
  readonly vmcore?: string | undefined;
  readonly hosts?: readonly string[] | undefined;
}

/** One command line of a POSIX shell that runs a cell again. Pure. */
export function reproduceCommand(cell: Reproducible): string {
  const given = (option: string, value: string | number | undefined) =>
    value === undefined ? [] : [option, String(value)];
  // A value that begins with a dash would be taken for an option.
  const text = (option: string, value: string | undefined) =>
    value === undefined ? [] : [`${option}=${value}`];
  return shellQuote([
    ...['crashpath', 'run', cell.scenario, '--kernel', cell.kernel],
    ...given('--capture-kernel', cell.captureKernel),
    ...text('--append', cell.append),
    ...text('--capture-append', cell.captureAppend),
    ...given('--crashkernel', cell.crashkernel),
    ...given('--cpus', cell.cpus),
    ...given('--memory', cell.memory),
    ...given('--machine-profile', cell.machine),
    ...(cell.accel === 'auto' ? [] : ['--accel', cell.accel]),
    ...given('--timeout-scale', cell.timeoutScale),
    ...given('--vmcore', cell.vmcore),
    ...(cell.hosts ?? []).flatMap((host) => ['--host', host]),
    ...given('--repeat', cell.repeat),
  ]);
}
