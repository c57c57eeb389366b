/** The keys of a file that make a capture kernel's command line. */
interface CaptureWords {
  readonly captureAppend?: string | undefined;
  readonly captureCmdline?: string | undefined;
}

/** Whether a part of a file gives the capture kernel's whole command line, or words for it, but not both. Pure. */
export function isWholeOrMore({ captureAppend, captureCmdline }: CaptureWords): boolean {
  return captureAppend === undefined || captureCmdline === undefined;
}

/** The issue of a part that gives both, for a schema. */
export const BOTH_GIVEN = {
  path: ['captureCmdline'],
  message: 'is the whole command line, and captureAppend adds to it; write those words into it',
};
