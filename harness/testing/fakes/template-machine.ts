import type { Machine, MachineLog, Origin } from '../../machine/machine.js';
import { b64, CRASH_RANGE, frame, RELEASE } from '../builders/runs.js';

/** What a made machine was asked for. */
export interface MadeMachines {
  readonly origins: (Origin['kind'] | 'boot')[];
  /** Requests to its init: `arm -`, `mark cp-made`. */
  readonly requests: string[];
}

/**
 * Opens machines whose init announces itself, answers `arm` and `mark`, and fails in everything else. `saves: false`:
 * their state cannot be saved.
 */
export function madeMachines({ saves = true, release = RELEASE } = {}): MadeMachines & {
  readonly open: (plan: unknown, place: { log: MachineLog; origin?: Origin | undefined }) => Promise<Machine>;
} {
  const made: MadeMachines = { origins: [], requests: [] };
  return {
    ...made,
    open: async (_plan, { log, origin }) => {
      made.origins.push(origin?.kind ?? 'boot');
      const say = (content: Record<string, unknown>) => log.bytes('control', Buffer.from(frame(content)));
      if (origin?.kind !== 'clone') say({ ev: 'hello', release: b64(release), cpus: 2, modulesFailed: '' });
      return {
        name: 'a made machine',
        abilities: {
          control: {
            send(bytes) {
              const [id, verb = '', nonce = ''] = bytes.toString('latin1').trim().split(' ');
              made.requests.push(`${verb} ${nonce}`);
              if (verb !== 'arm' && verb !== 'mark')
                return say({ ev: 'reply', id: Number(id), status: 1, out: '' });
              const report = `status=0\nloaded=1\nsize=201326592\nrange=${CRASH_RANGE} : Crash kernel\n`;
              say({ ev: 'armed', id: Number(id), out: b64(report) });
            },
          },
          ...(saves && origin?.kind === 'template'
            ? { snapshot: { save: async () => Buffer.from('state') } }
            : {}),
        },
        close: async () => undefined,
      };
    },
  };
}
