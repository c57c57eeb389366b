import { z } from 'zod';
import { symbolsSchema } from './names.js';
import { asking, type Judged } from './proof.js';
import type { ConsoleWitness } from './witness.js';

/** The compiler moves code that hardly ever runs, such as a call of panic(), into a separate part (gcc: `f.cold`). */
const COLD_PART = /\.cold(\.\d+)?$/;

/** Frames of a report that a proof quotes. */
const MOST_FRAMES = 24;
const MESSAGE_CHARACTERS = 160;

const Schema = z.strictObject({
  panic: z
    .strictObject({
      /** Text of the panic's message. */
      says: z.string().min(1).max(160).optional(),
      /** One function of its stack, or several of which one must be there (renamed between versions). */
      stackHas: symbolsSchema.optional(),
    })
    .refine(({ says, stackHas }) => says !== undefined || stackHas !== undefined, {
      message: 'needs "says" or "stackHas"',
    }),
});

/**
 * `panic: { says: hung_task, stackHas: watchdog }`: what the kernel's own report of the panic shows on the console. It
 * proves that the requested panic happened, in the requested context.
 */
export const panic = {
  name: 'panic',
  report: asking(Schema, ({ panic: { says, stackHas } }, events: ConsoleWitness) => [
    ...(says === undefined ? [] : [judgeMessage(says, events)]),
    ...(stackHas === undefined ? [] : [judgeStack([stackHas].flat(), events)]),
  ]),
};

function judgeMessage(says: string, events: ConsoleWitness): Judged {
  const messages = events.flatMap((event) =>
    event.type === 'panic' && event.side === 'production' ? [event.message] : [],
  );
  return {
    what: `the panic says "${says}"`,
    proved: messages.some((message) => message.includes(says)),
    saw: messages[0]?.slice(0, MESSAGE_CHARACTERS) ?? 'no panic was reported on the console',
  };
}

function judgeStack(wanted: readonly string[], events: ConsoleWitness): Judged {
  const frames = events.flatMap((event) => (event.type === 'report-frame' ? [event.function] : []));
  const more = frames.length > MOST_FRAMES ? ' < ...' : '';
  return {
    what: `the panic's stack has ${wanted.join(' or ')}`,
    proved: frames.some((frame) => wanted.includes(frame.replace(COLD_PART, ''))),
    saw:
      frames.length === 0
        ? 'no stack was reported on the console'
        : frames.slice(0, MOST_FRAMES).join(' < ') + more,
  };
}
