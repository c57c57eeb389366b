import { classify } from '../classify/classify.js';
import { resultOf } from '../classify/result.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import { createTimeline } from '../timeline/timeline.js';
import { readRecording } from './read-recording.js';
import { readPlan } from './run-directory.js';

/** Judges a stored run again from its plan and its recording alone. Writes nothing. */
export async function rejudge(directory: string): Promise<{ events: RunEvent[]; result: RunResult }> {
  const plan = await readPlan(directory);
  const timeline = createTimeline(plan.limits);
  const records = await readRecording(directory);
  const events = [...records.flatMap((record) => timeline.push(record)), ...timeline.finish()];
  return { events, result: resultOf(classify(events, plan), plan, { events, directory }) };
}
