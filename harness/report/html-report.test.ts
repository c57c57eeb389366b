import t from 'tap';
import type { RunResult } from '../model/result.js';
import { consoleExcerpt } from './console-excerpt.js';
import { html } from './html.js';
import { ladderBar } from './html-ladder.js';
import { htmlReport } from './html-report.js';
import { HOSTILE, reportFixtures } from '../testing/recordings/reported-run.js';

const { captured: CAPTURED, console: CONSOLE, hung: HUNG } = reportFixtures();

const HOST = {
  hosts: [{ accel: 'tcg', accelReason: 'KVM is not proved', qemuVersion: '7.2.22' }],
  crashpathVersion: '0.1.0',
} as const;
const AT = '2026-11-22T13:00:00.000Z';

function report(...results: RunResult[]): string {
  const consoleExcerpts = new Map(
    results.map((result) => [result.runId, consoleExcerpt(CONSOLE, result.evidence)] as const),
  );
  return htmlReport({ results, ...HOST, consoleExcerpts, generatedAt: AT });
}

/** Every element that is opened is closed, in order. */
function unbalanced(text: string): string | undefined {
  const open: string[] = [];
  for (const [tag, slash, name = ''] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
    if (['meta', 'br'].includes(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) return tag;
  }
  return open.pop();
}

void t.test('the template escapes everything but its own markup', async (t) => {
  t.equal(
    html`<p title="${`a"'&`}">${'<b>'}${html`<i>${1}</i>`}${['x', undefined, '>']}</p>`.text,
    '<p title="a&quot;&#39;&amp;">&lt;b&gt;<i>1</i>x&gt;</p>',
  );
  t.equal(html`${'a\u0000\u001b\u202eb'}`.text, String.raw`a\u0000\u001b\u202eb`);
});

void t.test('the bar: a segment for each reached rung, implied ones marked, the tail last', async (t) => {
  const bar = ladderBar(HUNG).text;
  t.same(
    [...bar.matchAll(/<span class="([^"]*)" style="flex-grow:(\d+)" title="([^"]*)">/g)].map((match) =>
      match.slice(1),
    ),
    [
      ['first observed', '4785', 'boot: 6.077 s'],
      ['first observed', '1468', 'armed: 1.865 s'],
      ['first observed', '39', 'state-proved: 0.050 s'],
      ['first observed', '15', 'fired: 0.019 s'],
      ['crash observed', '9', 'panic-entered: 0.011 s'],
      ['crash observed', '99', 'cpus-shot-down: 0.126 s'],
      ['tail', '3584', 'until the end: 4.552 s'],
    ],
  );
  t.match(bar, '<b>until the end</b><i>4.6 s</i>');
  t.notMatch(bar, '<b>fired</b>', 'a sliver has no label');
  t.match(
    ladderBar(CAPTURED).text,
    '<span class="crash implied" style="flex-grow:1" title="kexec-jump: 0.000 s">',
  );
  t.match(ladderBar({ ...HUNG, phases: [], durationMs: 0 }).text, 'No phase was reached.');
});

void t.test('a campaign is one well-formed file', async (t) => {
  const page = report(CAPTURED, HUNG);
  t.equal(unbalanced(page), undefined);
  t.ok(page.startsWith('<!doctype html>\n'));
  t.match(
    page,
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
  );
  t.notMatch(page, /<script|<link|<img|<iframe|https?:|url\(|@import|javascript:| on\w+=/);
  t.match(page, '<title>crashpath: t</title>');
  t.match(page, `<dd>${AT}</dd>`);
  t.match(page, 'tcg <span class="quiet">KVM is not proved</span>');
  t.match(page, 'aria-label="2 runs: 1 expected, 1 unexpected, 0 inconclusive, 0 harness error"');
  t.match(
    page,
    '<span class="verdict"><b>1</b> captured</span><span class="verdict"><b>1</b> crash-path-hang</span>',
  );
  t.match(page, HUNG.explanation);
  t.match(page, 'sysrq: Trigger a crash');
  t.match(page, '<b>panic</b> <span class="quiet">console byte 155, 8.022 s</span>');
});

void t.test('the trials of the table link to their runs; unexpected ones start open', async (t) => {
  const page = report(HUNG, CAPTURED);
  t.match(page, '<a class="expected" href="#run-1" title="captured, expected">1</a>');
  t.match(page, '<a class="unexpected" href="#run-2" title="crash-path-hang, unexpected">\u27172</a>');
  t.match(page, '<details class="run expected" id="run-1"><summary>'.replace('<summary>', '\n<summary>'));
  t.match(page, '<details class="run unexpected" id="run-2" open>');
  const many = report(
    ...Array.from({ length: 9 }, (_, index) => ({ ...HUNG, runId: `r${index}`, trial: index })),
  );
  t.equal(many.match(/<details[^>]* open>/g)?.length, 3);
});

void t.test('no runs, no console: still a page', async (t) => {
  const empty = report();
  t.equal(unbalanced(empty), undefined);
  t.match(empty, '<h1>No runs</h1>');
  t.match(empty, '<b>0 runs</b>');
  const silent = htmlReport({
    results: [{ ...HUNG, phases: [], evidence: [] }],
    ...HOST,
    consoleExcerpts: new Map([[HUNG.runId, consoleExcerpt(Buffer.alloc(0))]]),
    generatedAt: AT,
  });
  t.match(silent, 'The guest printed nothing.');
  const without = htmlReport({ results: [HUNG], ...HOST, consoleExcerpts: new Map(), generatedAt: AT });
  t.notMatch(without, '<pre');
});

void t.test('a hostile guest cannot write markup, nor make a report that is too long to open', async (t) => {
  const [item] = HUNG.evidence;
  for (const bad of [HOSTILE, `<script>${'A'.repeat(1_000_000)}`]) {
    const results: RunResult[] = [
      {
        ...HUNG,
        campaign: bad,
        scenario: bad,
        kernel: bad,
        kernelSha256: bad,
        captureKernel: bad,
        detail: bad,
        explanation: bad,
        expected: bad,
        degradedBy: [bad, bad],
        evidence:
          item === undefined
            ? []
            : Array.from({ length: 1000 }, () => ({ ...item, what: bad, excerpt: bad })),
      },
    ];
    const page = htmlReport({
      results,
      hosts: [{ name: bad, accel: 'tcg', accelReason: bad, qemuVersion: bad }],
      crashpathVersion: bad,
      consoleExcerpts: new Map([[HUNG.runId, consoleExcerpt(Buffer.from(bad.repeat(3), 'latin1'))]]),
      generatedAt: HOSTILE,
    });
    t.equal(unbalanced(page), undefined);
    t.notMatch(page, '<script');
    t.notMatch(page.replaceAll('\u2713', '').replaceAll('\u2717', ''), /[^\x20-\x7e\n]/);
    t.ok(page.length < 200_000, `${page.length} characters`);
    t.match(page, 'And 950 more.');
  }
});
