import type { ListenerThrew, Observed } from '../socket/observations.js';
import type { QmpMessage } from './message.js';

/** A deviation from QMP, kept because it may be the only trace of a failure. */
export type ObservationBody =
  | {
      /** The reply to an abandoned command: its deadline had passed or its signal had fired. */
      readonly kind: 'late-reply';
      readonly id: number;
      readonly command: string;
      /** Milliseconds since the command was abandoned. */
      readonly lateByMs: number;
      readonly message: QmpMessage;
    }
  /** A reply whose id was never sent, or was answered already. */
  | { readonly kind: 'unknown-reply'; readonly message: QmpMessage }
  /** An error without id: QEMU could not parse something that it received. */
  | { readonly kind: 'error-without-id'; readonly message: QmpMessage }
  /** An object that is neither greeting, reply nor event. */
  | { readonly kind: 'unrecognized-message'; readonly message: QmpMessage }
  /** A second greeting on one connection. */
  | { readonly kind: 'unexpected-greeting'; readonly message: QmpMessage }
  | ListenerThrew;

/** An observation with its time. */
export type QmpObservation = Observed<ObservationBody>;
