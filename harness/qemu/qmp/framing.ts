import { oneLine } from '../socket/one-line.js';
import { QmpProtocolError } from './errors.js';
import { isRecord, type QmpMessage } from './message.js';

/** Default bound on one message: QEMU's own JSON parser refuses more than 64 MiB as well. */
export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Default bound on nesting: QEMU's JSON parser stops at 1024 levels, so it does not send more. */
const MAX_NESTING = 1024;

/** A buffer that grew beyond this for one large reply is released afterwards. */
const KEEP_BUFFER_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Cuts a byte stream into JSON objects. Messages end where their braces close, not at a newline, so QEMU's
 * `pretty=on` output, several messages in one chunk and one byte per chunk all come out the same.
 *
 * Memory is bounded by about twice `maxMessageBytes` plus one chunk.
 */
export class MessageFraming {
  readonly #maxMessageBytes: number;
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(maxMessageBytes: number = DEFAULT_MAX_MESSAGE_BYTES) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** True in the middle of a message: a connection that ends now has lost one. */
  get midMessage(): boolean {
    return this.#depth > 0;
  }

  /**
   * Takes the next bytes and calls `deliver` for every message that they complete, in order.
   *
   * @throws QmpProtocolError when the bytes are not a sequence of JSON objects or exceed a bound; messages
   *   before the offending byte have been delivered by then, and the framing must not be used any more.
   */
  push(chunk: Uint8Array, deliver: (message: QmpMessage) => void): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let index = 0; index < bytes.length; index += 1) {
      const byte = bytes[index] ?? 0;
      if (this.#depth === 0) {
        if (isWhitespace(byte)) continue;
        if (byte !== OPEN_BRACE) throw notAnObject(bytes.subarray(index));
        start = index;
        this.#depth = 1;
      } else if (this.#inString) {
        this.#stepInString(byte);
      } else {
        this.#stepOutside(byte);
        if (this.#depth === 0) {
          this.#checkSize(index + 1 - start);
          deliver(parseObject(this.#take(bytes.subarray(start, index + 1))));
        }
      }
    }
    if (this.#depth > 0) {
      this.#checkSize(bytes.length - start);
      this.#hold(bytes.subarray(start));
    }
  }

  #stepInString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #stepOutside(byte: number): void {
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#depth += 1;
      if (this.#depth > MAX_NESTING) {
        throw new QmpProtocolError(`cannot read QMP message: nested deeper than ${MAX_NESTING} levels`);
      }
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth -= 1;
  }

  #checkSize(moreBytes: number): void {
    if (this.#heldBytes + moreBytes <= this.#maxMessageBytes) return;
    throw new QmpProtocolError(
      `cannot read QMP message: longer than ${this.#maxMessageBytes} bytes; raise maxMessageBytes if it is honest`,
    );
  }

  /** Copies into one growing buffer: a list of chunks would cost a hundred bytes per byte of a hostile drip. */
  #hold(bytes: Uint8Array): void {
    const needed = this.#heldBytes + bytes.length;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(
        Math.max(needed, Math.min(this.#held.length * 2, this.#maxMessageBytes)),
      );
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = needed;
  }

  #take(last: Buffer): Buffer {
    if (this.#heldBytes === 0) return last;
    this.#hold(last);
    const whole = this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    if (this.#held.length > KEEP_BUFFER_BYTES) this.#held = Buffer.alloc(0);
    return whole;
  }
}

function isWhitespace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function notAnObject(bytes: Buffer): QmpProtocolError {
  return new QmpProtocolError(
    `cannot read QMP message "${excerpt(bytes)}": it does not begin a JSON object; is this a QMP monitor?`,
  );
}

function parseObject(bytes: Buffer): QmpMessage {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new QmpProtocolError(`cannot read QMP message "${excerpt(bytes)}": it is not valid JSON`, {
      cause: error,
    });
  }
  if (!isRecord(value)) throw notAnObject(bytes);
  return value;
}

function excerpt(bytes: Buffer): string {
  return oneLine(bytes.subarray(0, 120).toString('latin1'));
}
