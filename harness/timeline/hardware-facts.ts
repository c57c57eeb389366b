import type { HardwareFacts } from '../model/event.js';

/** Reads `levels=`, `efi=`, `iommus=` and `nodes=` lines, as images/init/lib.sh prints them; 0 for a missing number. */
export function parseHardware(text: string): HardwareFacts {
  const value = (key: string) => Number(new RegExp(`^${key}=(\\d{1,6})$`, 'm').exec(text)?.[1] ?? 0);
  return {
    pagingLevels: value('levels'),
    efi: value('efi') === 1,
    iommus: value('iommus'),
    numaNodes: value('nodes'),
  };
}
