import { z } from 'zod';

/** Where collectors keep the line: journald, Docker, Loki, cloud loggers. */
const TEXT_FIELDS = ['MESSAGE', 'log', 'line', 'message', 'msg', 'textPayload'] as const;
const text = z.string().optional().catch(undefined);

/** journalctl -o json: text that is no UTF-8, or has control characters, is a list of bytes (systemd 252, journalctl(1)). */
const MESSAGE = z
  .union([
    z.string(),
    z.array(z.number().int().min(0).max(255)).transform((bytes) => Buffer.from(bytes).toString('latin1')),
  ])
  .optional()
  .catch(undefined);

const RECORD = z.object({
  MESSAGE,
  log: text,
  line: text,
  message: text,
  msg: text,
  textPayload: text,
  _TRANSPORT: text,
  SYSLOG_IDENTIFIER: text,
  _PID: text,
  /** Microseconds since the boot; the kernel's own stamp, and when the journal got it. */
  _SOURCE_MONOTONIC_TIMESTAMP: text,
  __MONOTONIC_TIMESTAMP: text,
});

/**
 * The line in a JSON record of a collector, with the kernel's time stamp when the journal keeps it apart; any other text as it
 * is. Pure; any input is accepted.
 */
export function fromJson(raw: string): string {
  const start = raw.trimStart();
  if (!start.startsWith('{')) return raw;
  let value: unknown;
  try {
    value = JSON.parse(start);
  } catch {
    return raw;
  }
  const { data: record } = RECORD.safeParse(value);
  const found = record && TEXT_FIELDS.map((name) => record[name]).find((one) => one !== undefined);
  if (record === undefined || found === undefined) return raw;
  // One record is one line: what follows a line feed in it cannot begin one.
  const line = found.replace(/[\r\n]+$/, '').replaceAll(/[\r\n]+/g, ' ');
  if (record._TRANSPORT === undefined) return line;
  if (record._TRANSPORT !== 'kernel')
    return `${record.SYSLOG_IDENTIFIER ?? 'program'}[${record._PID ?? '0'}]: ${line}`;
  const micros = record._SOURCE_MONOTONIC_TIMESTAMP ?? record.__MONOTONIC_TIMESTAMP ?? '';
  if (!/^\d{1,16}$/.test(micros)) return `kernel: ${line}`;
  const digits = micros.padStart(7, '0');
  return `[${digits.slice(0, -6).padStart(5)}.${digits.slice(-6)}] ${line}`;
}
