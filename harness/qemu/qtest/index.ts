export type { QtestCallOptions, QtestClient } from './client.js';
export { type IrqInput, type QtestCommand, readl, setIrqIn, writel } from './commands.js';
export { connectQtest } from './connect.js';
export { QtestClosedError, QtestError, QtestProtocolError, QtestTimeoutError } from './errors.js';
