import { Fault } from '../model/fault.js';

/** A host cannot be reached, or the connection to it is lost. The run that needed it shows nothing about the kernel. */
export class HostLost extends Fault {
  /** The host as the caller named it. */
  readonly host: string;
  /** Why, a clause. */
  readonly why: string;

  constructor(host: string, why: string, cause?: unknown) {
    super('harness', `cannot use host "${host}": ${why}; crashpath doctor --host ${host} shows more`, {
      cause,
    });
    this.name = 'HostLost';
    this.host = host;
    this.why = why;
  }
}
