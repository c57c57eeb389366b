import t from 'tap';
import { madeAutopsy, madeAutopsyVcpu, madeFrame } from '../../testing/builders/autopsies.js';
import { inflateRawSync } from 'node:zlib';
import type { HostFact } from '../../model/record.js';
import type { RunResult } from '../../model/result.js';
import { HOSTILE, reportFixtures } from '../../testing/recordings/reported-run.js';
import { blocks } from './blocks.js';
import { html } from './html.js';
import { ladderBar } from './ladder.js';
import { page } from './page.js';
import type { PageInput } from './page-input.js';
import { runPage } from './run-page.js';

const { captured: CAPTURED, console: CONSOLE, hung: HUNG, plan: PLAN } = reportFixtures();
const ASSETS = { script: 'start();', style: 'p{}', scriptHash: 'sha256-s', styleHash: 'sha256-t' };
const COMMON = {
  title: 't',
  plans: [PLAN],
  hosts: [{ accel: 'tcg', accelReason: 'KVM is not proved', qemuVersion: '7.2.22' }],
  crashpathVersion: '0.1.0',
  generatedAt: '2026-11-22T13:00:00.000Z',
} as const;

function pageOf(results: readonly RunResult[], more: Partial<PageInput> = {}): string {
  return page({ ...COMMON, results, ...more }, ASSETS);
}

function sectionOf(
  result: RunResult,
  more: Partial<Parameters<typeof runPage>[0]> = {},
  lines = 100,
): string {
  const empty = Buffer.alloc(0);
  return runPage({ result, plan: PLAN, console: CONSOLE, control: empty, facts: [], ...more }, { lines })
    .text;
}

/** Every element that is opened is closed, in order. */
function unbalanced(text: string): string | undefined {
  const open: string[] = [];
  for (const [tag, slash, name = ''] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?>/g)) {
    if (['meta', 'br', 'path', 'rect', 'circle'].includes(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) return tag;
  }
  return open.pop();
}

t.test('the template escapes everything but its own markup', async (t) => {
  t.equal(
    html`<p title="${`a"'&`}">${'<b>'}${html`<i>${1}</i>`}${['x', undefined, '>']}</p>`.text,
    '<p title="a&quot;&#39;&amp;">&lt;b&gt;<i>1</i>x&gt;</p>',
  );
  t.equal(html`${'a\u0000\u001b\u202e\ud800b'}`.text, String.raw`a\u0000\u001b\u202e\ud800b`);
});

t.test('a page is one well-formed file that loads nothing', async (t) => {
  const text = pageOf([CAPTURED, HUNG]);
  t.equal(unbalanced(text), undefined);
  t.ok(text.startsWith('<!doctype html>\n'));
  t.match(
    text,
    `content="default-src &#39;none&#39;; script-src &#39;sha256-s&#39;; style-src &#39;sha256-t&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"`,
  );
  t.notMatch(text, /<link|<img|<iframe|https?:|url\(|@import|javascript:| on\w+=| style=/);
  t.equal(text.match(/<script/g)?.length, 1);
  t.match(text, '<title>1 of 1 cell not as expected - t - crashpath</title>');
  t.match(text, '<dd>2026-11-22T13:00:00.000Z</dd>');
  t.match(text, 'tcg <span class="quiet">KVM is not proved</span>');
});

t.test('the headline says in words what was unexpected, and leads to the run', async (t) => {
  const text = pageOf([CAPTURED, HUNG]);
  t.match(text, '<h1 class="bad">1 of 1 cell not as expected</h1>');
  t.match(text, 'aria-label="2 runs: 1 expected, 1 unexpected, 0 inconclusive, 0 harness error"');
  t.match(
    text,
    /<a href="#run=r2"><b>[^<]*<\/b> on <b>[^<]*<\/b><\/a>: 1 captured, 1 crash-path-hang; expected captured/,
  );
  t.match(text, '1 of 2 failed, 50 % (1.3 % to 99 %)');
  t.match(pageOf([CAPTURED]), '<h1 class="good">Nothing unexpected in 1 cell</h1>');
  t.match(pageOf([]), '<h1 class="plain">No run came to a result</h1>');
});

t.test('the list has every run, the worst first, with what it is filtered by', async (t) => {
  const text = pageOf([CAPTURED, HUNG]);
  const rows = [...text.matchAll(/<li class="(\w+)" id="(run=[^"]*)"/g)].map((match) => match.slice(1));
  t.strictSame(rows, [
    ['bad', 'run=r2'],
    ['good', `run=${CAPTURED.runId}`],
  ]);
  t.match(text, 'data-outcome="unexpected"');
  t.match(text, 'data-accelerator="tcg"');
  t.match(text, 'data-machine="default"');
  t.match(text, HUNG.explanation, 'why, without opening it');
  const clone = { template: 'templates/001', tookMs: 1 };
  const cloned = pageOf([{ ...CAPTURED, clone }, HUNG]);
  t.match(cloned, '<dt>clones</dt><dd>1 of 2 runs began as clones of 1 booted guest; ');
  t.equal(unbalanced(cloned), undefined);
  t.notMatch(text, '<dt>clones</dt>');
  t.notMatch(text, 'repacked kernels');
  t.match(
    pageOf([{ ...CAPTURED, repacked: 'both' }, HUNG]),
    '<dt>repacked kernels</dt><dd>in 1 of 2 runs</dd>',
  );
  const twice = pageOf([HUNG, { ...HUNG, trial: 3 }]);
  t.match(twice, 'id="run=r2~2"', 'two campaigns may have runs of the same name');
});

t.test('sections are stored compressed, and the rows say where', async (t) => {
  const packed = blocks();
  const places = new Map([CAPTURED, HUNG].map((result) => [result, packed.add(sectionOf(result))]));
  const finished = packed.finish();
  const text = pageOf([CAPTURED, HUNG], { runs: { blocks: finished, places } });
  t.match(text, 'data-block="0" data-at="1"');
  const base64 = /id="block-0">([^<]*)</.exec(text)?.[1] ?? '';
  const texts: unknown = JSON.parse(inflateRawSync(Buffer.from(base64, 'base64')).toString());
  t.strictSame(texts, [sectionOf(CAPTURED), sectionOf(HUNG)]);
  const large = blocks();
  const [one, other] = [large.add('x'.repeat(500_000)), large.add('y'.repeat(500_000))];
  t.strictSame(
    [one, other],
    [
      { block: 0, at: 0 },
      { block: 1, at: 0 },
    ],
  );
  t.equal(large.finish().length, 2);
});

t.test('the section of a run: verdict, phases, evidence, consoles, how to run it again', async (t) => {
  const text = sectionOf(HUNG);
  t.equal(unbalanced(text), undefined);
  t.match(
    text,
    '<h1 class="bad" tabindex="-1">crash-path-hang <span class="quiet">all-vcpus-halted</span></h1>',
  );
  t.match(text, HUNG.explanation);
  t.match(text, '<b>panic</b> <span class="quiet">console byte 155, 8.022 s</span>');
  t.match(
    text,
    /<mark><i>\d+<\/i>[^\n]*Kernel panic - not syncing: sysrq triggered crash <b>\u25c0 panic<\/b><\/mark>/,
  );
  t.match(text, 'The capture kernel printed nothing.');
  t.match(text, 'crashpath run ');
  t.match(text, 'crashpath classify ');
  t.match(sectionOf(HUNG, { console: Buffer.alloc(0) }), 'The first kernel printed nothing.');
});

t.test('the capture kernel has a console of its own, side by side', async (t) => {
  const text = sectionOf(CAPTURED, {
    console: Buffer.from('first\nLinux version 6\nsecond\n'),
    captureStart: 6,
  });
  const [, first = '', capture = ''] = text.split('<h2>Console of the ');
  t.match(first, '<i>1</i>first');
  t.notMatch(first, 'second');
  t.match(capture, '<i>2</i>Linux version 6');
  t.match(capture, '<i>3</i>second');
});

t.test('vCPUs side by side, interrupt controllers, proofs', async (t) => {
  const facts: HostFact[] = [
    { fact: 'proof', what: 'a lock is held', proved: false, saw: 'lock word 0x0' },
    { fact: 'fired', how: 'echo c' },
    { fact: 'stack', vcpu: 1, functions: ['spin', 'panic<'], line: '' },
    { fact: 'last-place', vcpu: 0, place: 'first-kernel', rip: 'f0', halted: true, interruptsOn: false },
  ];
  const text = sectionOf(HUNG, { facts });
  t.equal(unbalanced(text), undefined);
  t.match(
    text,
    /<h3>cpu0<\/h3>\s*<p><code>f0<\/code><br><span class="quiet">first-kernel, halted, interrupts off/,
  );
  t.match(text, '<li><code>spin</code></li><li><code>panic&lt;</code></li>');
  const autopsy = madeAutopsy({
    vcpus: [madeAutopsyVcpu(1, [madeFrame('down<'), madeFrame('old', { reliable: false })])],
    findings: ['vCPU 1 spins on a_lock<'],
  });
  const autopsied = sectionOf(HUNG, { facts: [{ fact: 'autopsy', autopsy }] });
  t.equal(unbalanced(autopsied), undefined);
  t.match(autopsied, '<strong>vCPU 1 spins on a_lock&lt;</strong>');
  t.match(autopsied, '<li><code>down&lt;</code></li><li><code>? old</code></li>');
  t.match(text, '\u2717 <b>a lock is held</b> <span class="quiet">lock word 0x0</span>');
  t.notMatch(sectionOf(HUNG), '<h2>vCPUs');
});

t.test('the bar: a segment for each reached phase, implied ones marked, the tail last', async (t) => {
  const bar = ladderBar(HUNG).text;
  const rects = [
    ...bar.matchAll(/<rect class="([^"]*)" x="\d+" y="\d+" width="(\d+)" height="\d+"><title>([^<]*)</g),
  ];
  t.strictSame(
    rects.map((match) => [match[1], match[3]]),
    [
      ['first observed', 'boot: 6.077 s'],
      ['first observed', 'armed: 1.865 s'],
      ['first observed', 'state-proved: 0.050 s'],
      ['first observed', 'fired: 0.019 s'],
      ['crash observed', 'panic-entered: 0.011 s'],
      ['crash observed', 'cpus-shot-down: 0.126 s'],
      ['tail', 'until the end: 4.552 s'],
    ],
  );
  const widths = rects.map((match) => Number(match[2]));
  t.ok(
    widths.every((width) => width >= 6),
    'a phase that took no time is seen',
  );
  t.ok(widths.reduce((sum, width) => sum + width + 2, 0) <= 1005);
  t.match(ladderBar(CAPTURED).text, /class="crash implied"/);
  t.match(ladderBar({ ...HUNG, phases: [], durationMs: 0 }).text, 'No phase was reached.');
});

t.test('a hostile guest can neither write markup nor make a page that is too long to open', async (t) => {
  const [item] = HUNG.evidence;
  if (item === undefined) throw new Error('the run has no evidence');
  for (const bad of [HOSTILE, `\ud800</script><script>${'A'.repeat(1_000_000)}`]) {
    const hostile: RunResult = {
      ...HUNG,
      ...{ runId: bad, campaign: bad, scenario: bad, kernel: bad, kernelSha256: bad, captureKernel: bad },
      ...{ detail: bad, explanation: bad, expected: bad, degradedBy: [bad, bad], machine: bad, host: bad },
      evidence: Array.from({ length: 1000 }, () => ({ ...item, what: bad, excerpt: bad })),
    };
    const text = pageOf([hostile], {
      title: bad,
      hosts: [{ name: bad, accel: 'tcg', accelReason: bad, qemuVersion: bad }],
      crashpathVersion: bad,
      generatedAt: bad,
    });
    const console = Buffer.from(bad.repeat(3), 'latin1');
    const section = sectionOf(hostile, { console, control: console, captureStart: 20, plan: undefined });
    for (const part of [text, section]) {
      t.equal(unbalanced(part), undefined);
      t.notOk(part.replace('<script>start();</script>', '').includes('<script'));
      t.notOk(/[^\x20-\x7e\n]/.test(part.replace(/[\u2713\u2717\u25c0\u00b7\u2192]/g, '')));
      t.ok(part.length < 120_000, `${part.length} characters`);
    }
    t.match(section, 'And 950 more.');
  }
});
