import { GdbProtocolError, remoteError } from './errors.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import {
  decodeRegisters,
  encodeValue,
  type RegisterLayout,
  type RegisterName,
  type Registers,
  slotOf,
} from './register-layout.js';
import { command, demand, isRefusal } from './target.js';

/** Reads the registers of the thread that is selected (`Hg`). */
export async function readRegisters(link: Link, layout: RegisterLayout, limits: Limits): Promise<Registers> {
  return decodeRegisters(await demand(link, 'g', limits), layout);
}

/**
 * Writes a register of the thread that is selected with `P`, or with `G` where the stub does not know `P`, and reads
 * it back.
 *
 * @throws GdbProtocolError when it does not have the value afterwards; RangeError when the value does not fit.
 */
export async function writeRegister(
  link: Link,
  { name, value, layout }: { name: RegisterName; value: bigint; layout: RegisterLayout },
  limits: Limits,
): Promise<void> {
  const slot = slotOf(layout, name);
  const digits = encodeValue(value, slot.sizeBytes);
  // Reading first is necessary: under KVM `g` fetches the state which `P` then changes.
  const before = await demand(link, 'g', limits);
  const packet = `P${slot.number.toString(16)}=${digits}`;
  const reply = await link.request(packet, limits);
  if (reply === '') {
    const at = 2 * slot.offsetBytes;
    await command(link, `G${before.slice(0, at)}${digits}${before.slice(at + digits.length)}`, limits);
  } else if (isRefusal(reply)) {
    throw remoteError(limits.what, packet, reply);
  }
  const after = (await readRegisters(link, layout, limits))[name];
  if (after === value) return;
  throw new GdbProtocolError(
    `cannot ${limits.what}: wrote 0x${value.toString(16)}, it has 0x${after.toString(16)}; some bits may be fixed`,
  );
}
