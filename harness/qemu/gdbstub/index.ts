export type { Breakpoint, BreakpointKind, Watch, WatchAccess } from './breakpoints.js';
export type { GdbClient, GdbCloseOptions } from './client.js';
export { connectGdb, type GdbTarget } from './connect.js';
export {
  GdbClosedError,
  GdbError,
  GdbProtocolError,
  GdbRemoteError,
  GdbStateError,
  GdbTimeoutError,
} from './errors.js';
export type { GdbCallOptions } from './limits.js';
export type { GuestState } from './link.js';
export type { GdbObservation } from './observation.js';
export type { GdbDirection, GdbOptions } from './options.js';
export { REGISTER_NAMES, type RegisterName, type Registers } from './register-layout.js';
export type { GdbStop } from './stop-log.js';
export type { GdbStopReason } from './stop-reply.js';
