import t from 'tap';
import type { NightVerdicts } from '../../model/night-verdict.js';
import { comparisonObject } from '../../stats/comparison-json.js';
import { compareTrials, type Trial } from '../../stats/comparison.js';
import { compareLockMaps, type HeldEnd, type MappedLock } from '../../sweep/crash-locks/map.js';
import { compareMaps } from '../../sweep/compare-maps.js';
import { mapOf } from '../../sweep/map.js';
import { madeOutcome, madeTrace } from '../../testing/builders/instruction-trace.js';
import { HOSTILE, reportFixtures } from '../../testing/recordings/reported-run.js';
import { lockTable } from '../../sweep/crash-locks/table.js';
import { madeLockMap } from '../../testing/builders/lock-maps.js';
import { sweptResult } from '../../sweep/swept-run.js';
import { page } from './page.js';
import type { PageInput } from './page-input.js';

const COMMON: PageInput = {
  ...{ title: 't', results: [], plans: [], hosts: [], crashpathVersion: '0', generatedAt: 'now' },
};

function pageOf(more: Partial<PageInput>): string {
  return page({ ...COMMON, ...more }, { script: '', style: '', scriptHash: '', styleHash: '' });
}

const TALLY = { trials: 20, captured: 0, hung: 20, other: 0, void: 0, harnessErrors: 0, rate: 1 };
const KERNEL = { name: 'k', spec: '/builds/1', release: '7.0', sha256: 'ab'.repeat(32) };

function night(more: Partial<NightVerdicts> = {}, text = 'it hangs'): NightVerdicts {
  const at = '2026-11-27T01:30:00.000Z';
  const tally = { ...TALLY, interval: [0.832, 1] as [number, number] };
  const baseline = {
    kind: 'last-good' as const,
    kernel: { ...KERNEL, name: text, release: text, spec: text },
  };
  return {
    ...{
      schema: 1,
      kind: 'night',
      night: text,
      startedAt: at,
      endedAt: at,
      outOfBudget: false,
      blind: false,
    },
    ...{ blindBecause: [], kernels: [KERNEL], faults: [text] },
    controls: [
      {
        scenario: text,
        kernel: text,
        what: text,
        held: true,
        why: text,
        verdicts: {},
        reproduce: text,
        runs: [],
      },
    ],
    cells: [
      {
        ...{ scenario: text, kernel: text, word: 'regressed', why: text, tally, verdicts: { [text]: 20 } },
        ...{ pValue: 0.000_012, reproduce: `crashpath run ${text}`, runs: [] },
        baselines: [{ ...baseline, night: text, tally, pValue: 0.5, conclusion: text }],
      },
    ],
    ...more,
  };
}

t.test('a night: what regressed, why, and the command', async (t) => {
  const text = pageOf({ night: night() });
  t.match(text, '<h1 class="bad">1 cell regressed</h1>');
  t.match(
    text,
    /<\/span> <b>it hangs<\/b> on <b>it hangs<\/b>: it hangs, corrected p 0\.000012<br><span class="quiet">tonight 20 of 20 failed, 100 % \(83 % to 100 %\); last good it hangs 20 of 20 failed, [^<]*<\/span>\n<code class="command">crashpath run it hangs</,
  );
  t.match(text, '20 of 20 failed, 100 % (83 % to 100 %)');
  t.match(text, '<h2 id="baselines">Against the baselines</h2>');
  t.notMatch(text, 'class="blind"');
  const quiet = pageOf({ night: night({ cells: [], outOfBudget: true }) });
  t.match(quiet, '<h1 class="good">Nothing regressed</h1>');
  t.match(quiet, 'The budget ended the night');
});

t.test('a blind night says so before anything else', async (t) => {
  const text = pageOf({ night: night({ blind: true, blindBecause: ['the seeded bug did not hang'] }) });
  const [, body = ''] = text.split('<main id="overview">');
  t.ok(body.trimStart().startsWith('<div class="blind" role="alert">'));
  t.match(text, '<li>the seeded bug did not hang</li>');
  t.match(text, '<h1 class="bad">This night is blind</h1>');
  t.match(text, '<title>This night is blind - ');
});

t.test('a comparison: the conclusion, and a bar for each kernel', async (t) => {
  const trials: Trial[] = Array.from({ length: 40 }, (_, index) => ({
    ...{ scenario: 's', kernel: index % 2, round: 1 + (index >> 1) },
    verdict: index % 2 === 0 ? ('crash-path-hang' as const) : ('captured' as const),
  }));
  const design = { scenarios: ['s'], kernels: ['old', HOSTILE], looks: [20] } as const;
  const text = pageOf({ comparison: comparisonObject(compareTrials(trials, design)) });
  t.match(text, '<h1 class="good">Candidate fixes</h1>');
  t.match(
    text,
    '<th scope="row">baseline <span class="quiet">old</span></th><td class="bar"><svg class="interval"',
  );
  t.match(text, '20 of 20 failed, 100 % (83 % to 100 %)<br><span class="quiet">20 hung</span>');
  t.notMatch(text, '<script>alert');
});

t.test('a sweep: the windows, the strip, every point as text', async (t) => {
  const outcomes = (end: 'reset' | 'hang') =>
    new Map(
      (
        [
          [0, 'captured'],
          [41, end],
          [42, end],
          [70, 'unknown'],
          [79, 'captured'],
        ] as const
      ).map(([index, word]) => [index, madeOutcome(word)]),
    );
  const head = {
    ...{ cpus: 1, accel: 'tcg', runs: 5, complete: true, control: { verdict: 'captured', runId: 'c' } },
    kernel: { spec: './<b>Image', release: 'r', captureRelease: 'r' },
  };
  const [one, other] = [
    mapOf(madeTrace(80), outcomes('reset'), head),
    mapOf(madeTrace(80), outcomes('hang'), head),
  ];
  const text = pageOf({ sweep: { maps: [one] } });
  t.match(text, '<h1 class="plain">1 window in which an NMI prevents the capture</h1>');
  t.match(text, '&lt;b&gt;Image');
  t.notMatch(text, '<b>Image');
  t.match(text, 'aria-label="f1: 4 points, 2 without a capture"');
  t.match(text, /<tr class="lost"><td class="number">41<\/td>/);
  t.match(text, /<tr class="unknown"><td class="number">70<\/td>/);
  const both = pageOf({ sweep: { maps: [one, other], comparison: compareMaps(one, other) } });
  t.match(both, '<h1 class="plain">The maps differ</h1>');
  t.match(both, '<td>moved</td>');
});

t.test('the reasons of a blind night are escaped', async (t) => {
  const text = pageOf({ night: night({ blind: true, blindBecause: [HOSTILE] }, HOSTILE) });
  for (const part of ['<script>alert', '\u202e', '\u001b']) t.notMatch(text, part);
});

/** A lock with these ends; `confirmed`: by another CPU. */
function madeLock(name: string, another: HeldEnd, itself: HeldEnd, confirmed = false): MappedLock {
  return {
    ...{ index: 0, name, kind: 'spinlock', allocated: false, sites: [] },
    held: { another, itself },
    confirmed: confirmed ? { another: { end: 'confirmed', takers: [], tried: [] } } : {},
  };
}

t.test('the page of a sweep of locks begins with what its map concludes, without rates', async (t) => {
  const hang = { ...madeOutcome('hang'), blame: 'waits' } as const;
  const captured = madeOutcome('captured');
  const locks = [
    madeLock('console_sem', hang, hang, true),
    madeLock('<b>', captured, hang),
    madeLock('pvpanic_lock', captured, captured),
  ];
  const { hung } = reportFixtures();
  const results = [sweptResult({ ...hung, scenario: 'crash-locks-000-itself' })];
  const map = madeLockMap(locks);
  const text = pageOf({ results, locks: { maps: [map] } });
  const begin = text.slice(text.indexOf('<header'), text.indexOf('</header>'));
  t.match(begin, '<h1 class="plain">1 lock fatal, confirmed; 1 fatal if held; map complete</h1>');
  t.match(begin, '<li>FATAL by a stopped CPU: console_sem (spinlock)');
  t.match(begin, '<li>FATAL IF HELD by the panicking CPU: &lt;b&gt; (spinlock)');
  t.notMatch(begin, /not as expected|failed/);
  t.notMatch(text, /of 1 failed|class="interval"/, 'one directed run is no sample');
  t.ok(text.indexOf('id="locks"') < text.indexOf('id="matrix"'), 'the map comes first');
  const cut = madeLockMap(locks.slice(2), { complete: false });
  t.match(pageOf({ locks: { maps: [cut] } }), /<h1[^>]*>No lock is shown to be fatal; map NOT COMPLETE</);
  const variants = ['a', 'b'].map((variant) => ({ variant, map }));
  t.match(
    pageOf({ locks: { maps: [map, map], table: lockTable(variants) } }),
    /<h1[^>]*>1 lock fatal, confirmed; 1 fatal if held in 2 variants; all maps complete</,
  );
  const comparison = compareLockMaps(map, cut);
  t.match(
    pageOf({ locks: { maps: [map, cut], comparison } }),
    /<h1[^>]*>Nothing moved between the maps; 1 of 2/,
  );
  t.match(pageOf({ results }), /<h1 class="plain">No map here: these are the runs of a sweep</);
  t.match(pageOf({ results: [hung] }), /<h1 class="bad">1 of 1 cell not as expected</, 'no sweep');
});
