import { checksumOf, unpackPayload } from './packet.js';

/** Bound on one received packet, packed and unpacked: QEMU's own bound was 4 KiB and is 128 KiB in newer versions. */
export const DEFAULT_MAX_PACKET_BYTES = 1024 * 1024;

/** What the byte stream of a stub consists of. */
export type FramingItem =
  | { readonly kind: 'ack' | 'nack' }
  /** `$...#cc` or `%...#cc`, unpacked, one character per byte. */
  | { readonly kind: 'packet' | 'notification'; readonly payload: string }
  /** An invalid one; `why` says what is wrong with it. Only a packet is sent again on request. */
  | { readonly kind: 'bad-packet' | 'bad-notification'; readonly why: string }
  /** Bytes between packets. */
  | { readonly kind: 'junk'; readonly bytes: number };

const code = (character: string): number => character.charCodeAt(0);
const PLUS = code('+');
const MINUS = code('-');
const DOLLAR = code('$');
const PERCENT = code('%');
const HASH = code('#');

const CHECKSUM_BYTES = 2;

/** The bytes between `$` or `%` and `#`, and the two digits behind it. */
interface Whole {
  readonly wire: Uint8Array;
  readonly checksum: string;
  readonly opener: 'packet' | 'notification';
}

/**
 * Where the `#` of a packet is that these bytes hold whole, as nearly all are; undefined when its end is missing, when
 * another packet cuts it off, or when it is too long: those are read byte by byte.
 */
function endOfWhole(bytes: Uint8Array, start: number, maxBytes: number): number | undefined {
  const end = bytes.indexOf(HASH, start);
  if (end < 0 || end + CHECKSUM_BYTES >= bytes.length || end - start > maxBytes) return undefined;
  const next = bytes.indexOf(DOLLAR, start);
  return next >= 0 && next <= end + CHECKSUM_BYTES ? undefined : end;
}

/** Cuts a stub's bytes into packets and acknowledgements; any chunking of the same bytes gives the same items. */
export class PacketFraming {
  readonly #maxBytes: number;
  #state: 'idle' | 'body' | 'checksum' = 'idle';
  #opener: 'packet' | 'notification' = 'packet';
  #body: number[] = [];
  #checksum = '';
  #junk = 0;

  /** A packet of more than `maxBytes` is reported as bad, and skipped to the next `$`. */
  constructor(maxBytes: number = DEFAULT_MAX_PACKET_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** True inside a packet whose end has not come yet. */
  get midPacket(): boolean {
    return this.#state !== 'idle';
  }

  get #bad(): 'bad-packet' | 'bad-notification' {
    return this.#opener === 'packet' ? 'bad-packet' : 'bad-notification';
  }

  /** Takes the next bytes; calls `emit` for each item in order. */
  push(bytes: Uint8Array, emit: (item: FramingItem) => void): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === DOLLAR && this.#state === 'idle') {
        const end = endOfWhole(bytes, at + 1, this.#maxBytes);
        if (end !== undefined) {
          this.#flushJunk(emit);
          const checksum = String.fromCharCode(bytes[end + 1] ?? 0, bytes[end + 2] ?? 0);
          this.#emitPacket({ wire: bytes.subarray(at + 1, end), checksum, opener: 'packet' }, emit);
          at = end + CHECKSUM_BYTES;
          continue;
        }
      }
      // An unescaped `$` occurs nowhere but at the start of a packet: what came before was cut off.
      if (byte === DOLLAR) this.#open('packet', emit);
      else if (this.#state === 'idle') this.#between(byte, emit);
      else if (this.#state === 'checksum') this.#takeChecksum(byte, emit);
      else if (byte === HASH) this.#state = 'checksum';
      else this.#grow(byte, emit);
    }
    this.#flushJunk(emit);
  }

  #open(opener: 'packet' | 'notification', emit: (item: FramingItem) => void): void {
    this.#flushJunk(emit);
    if (this.#state !== 'idle') emit({ kind: this.#bad, why: 'cut off by the start of another packet' });
    this.#opener = opener;
    this.#state = 'body';
    this.#body = [];
    this.#checksum = '';
  }

  #between(byte: number, emit: (item: FramingItem) => void): void {
    if (byte === PERCENT) {
      this.#open('notification', emit);
    } else if (byte === PLUS || byte === MINUS) {
      this.#flushJunk(emit);
      emit({ kind: byte === PLUS ? 'ack' : 'nack' });
    } else {
      this.#junk += 1;
    }
  }

  #grow(byte: number, emit: (item: FramingItem) => void): void {
    this.#body.push(byte);
    if (this.#body.length <= this.#maxBytes) return;
    this.#close();
    emit({ kind: this.#bad, why: `longer than ${this.#maxBytes} bytes` });
  }

  #takeChecksum(byte: number, emit: (item: FramingItem) => void): void {
    this.#checksum += String.fromCharCode(byte);
    if (this.#checksum.length < CHECKSUM_BYTES) return;
    const whole = {
      wire: Uint8Array.from(this.#body),
      checksum: this.#checksum,
      opener: this.#opener,
    };
    this.#close();
    this.#emitPacket(whole, emit);
  }

  #emitPacket({ wire, checksum, opener }: Whole, emit: (item: FramingItem) => void): void {
    const bad = opener === 'packet' ? 'bad-packet' : 'bad-notification';
    const said = /^[0-9a-f]{2}$/iu.test(checksum) ? Number.parseInt(checksum, 16) : undefined;
    if (said !== checksumOf(wire)) {
      emit({ kind: bad, why: 'the checksum does not match' });
      return;
    }
    const payload = unpackPayload(wire, this.#maxBytes);
    if (payload === undefined) emit({ kind: bad, why: 'malformed or oversized encoding' });
    else emit({ kind: opener, payload });
  }

  #close(): void {
    this.#state = 'idle';
    this.#body = [];
  }

  #flushJunk(emit: (item: FramingItem) => void): void {
    if (this.#junk > 0) emit({ kind: 'junk', bytes: this.#junk });
    this.#junk = 0;
  }
}
