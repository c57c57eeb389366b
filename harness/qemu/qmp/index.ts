export { connectQmp, type QmpTarget } from './connect.js';
export {
  QmpClient,
  type ExecuteParameters,
  type QmpCommandName,
  type QmpEventName,
  type QmpEventOf,
} from './client.js';
export type { ExecuteOptions } from './command-table.js';
export {
  QmpClosedError,
  QmpCommandError,
  QmpError,
  QmpProtocolError,
  QmpTimeoutError,
} from './errors.js';
export type { QmpEvent, WaitForEventOptions } from './event-log.js';
export type { QmpGreeting, QmpMessage, QmpTimestamp } from './message.js';
export type { QmpObservation } from './observation.js';
export type { QmpOptions } from './options.js';
export type * from './generated/schema.js';
