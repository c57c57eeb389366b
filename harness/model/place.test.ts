import t from 'tap';
import { CRASH_PATH, crashPathRank, PLACE_LABELS, PLACES } from './place.js';

t.test('stored values stay what recordings and maps hold', async (t) => {
  t.strictSame(PLACES, [
    'user',
    'first-kernel',
    'jump',
    'after-jump',
    'purgatory',
    'capture-start',
    'capture-start-moved',
    'capture-kernel',
    'firmware',
  ]);
  t.strictSame(
    CRASH_PATH.map((place) => PLACE_LABELS[place]),
    [
      'crashed kernel',
      'jump',
      'after the jump',
      'purgatory',
      'decompressor',
      'moved decompressor',
      'capture kernel',
    ],
  );
});

t.test('the order along the crash path; what is not on it has no rank', async (t) => {
  t.strictSame(CRASH_PATH.map(crashPathRank), [0, 1, 2, 3, 4, 5, 6]);
  t.strictSame((['user', 'firmware'] as const).map(crashPathRank), [-1, -1]);
});
