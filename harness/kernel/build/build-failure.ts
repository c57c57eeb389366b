import { Fault } from '../../model/fault.js';

/**
 * The source itself, with this configuration, gives no kernel: it does not compile, or lacks an option. Another commit of
 * the same tree may build on the same host.
 */
export class KernelDoesNotBuild extends Fault {
  constructor(message: string, cause?: unknown) {
    super('usage', message, cause === undefined ? undefined : { cause });
  }
}
