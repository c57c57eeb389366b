import type { QmpMessage } from '../../qemu/qmp/index.js';
import { SAMPLE_COMMAND } from './sampler.js';

/**
 * A filter for the QMP log: keeps everything except the register samples, which are taken several times a second and
 * have a file of their own.
 */
export function qmpLog(): (
  direction: 'sent' | 'received',
  message: QmpMessage,
) => Record<string, unknown> | undefined {
  const samples = new Set<unknown>();
  return (direction, message) => {
    const { id } = message;
    if (direction === 'sent') {
      const words = message['arguments'];
      const isSample =
        typeof words === 'object' && words !== null && Object.values(words).includes(SAMPLE_COMMAND);
      if (!isSample) return { ...message };
      samples.add(id);
      return undefined;
    }
    if (id !== undefined && samples.delete(id)) return undefined;
    return { ...message };
  };
}
