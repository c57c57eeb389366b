import { MachineFailure } from '../machine.js';
import type { UartChannel } from './uart.js';

/** A UART holds 16 bytes, and QEMU retries each of them four times (hw/char/serial.c, 7.2). */
const MOST_ROUNDS = 64;

/**
 * A wait for the last bytes of a guest that has stopped; undefined where the UARTs come over a link. A UART's bytes are in
 * its FIFO before the end of the guest is reported; when the FIFO had no room, QEMU's main loop writes them as soon as
 * there is some (hw/char/serial.c, serial_xmit(), 7.2). So the FIFOs are emptied until the main loop, which answers `ask`,
 * was round without a byte.
 */
export function drained(
  uarts: readonly Pick<UartChannel, 'drain'>[],
  ask: () => Promise<unknown>,
): (() => Promise<void>) | undefined {
  const drains = uarts.flatMap(({ drain }) => (drain === undefined ? [] : [drain]));
  if (drains.length < uarts.length) return undefined;
  const drain = () => drains.reduce((bytes, one) => bytes + one(), 0);
  return async () => {
    drain();
    try {
      for (let round = 0; round < MOST_ROUNDS; round += 1) {
        await ask();
        if (drain() === 0) return;
      }
    } catch (error) {
      if (!(error instanceof MachineFailure)) throw error;
      // QEMU is gone, and writes no more.
      drain();
    }
  };
}
