import { lexer, type Token, type Tokens, walkTokens } from 'marked';
import t from 'tap';
import {
  HOSTILE_LINES,
  HOSTILE_TEXT,
  hostileNight,
  hostileRun,
  HUNG,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  shownHostileLines,
  stored,
} from '../../testing/builders/reports.js';
import { fixtureReport } from '../../testing/recordings/fixture-report.js';
import { escapeGuestText } from '../../model/escape.js';
import { markdownText } from './markdown.js';
import { mdBlock, mdCode, mdText } from './markdown-text.js';

/** All tokens of a text as marked reads it, with those inside others. */
function read(text: string): Token[] {
  const all: Token[] = [];
  void walkTokens(lexer(text), (token) => {
    all.push(token);
  });
  return all;
}

const ofType = <T extends Token>(tokens: readonly Token[], type: T['type']) =>
  tokens.filter((token): token is T => token.type === type);

/** The text that a reader sees. */
function plain(tokens: readonly Token[]): string {
  return tokens
    .map((token) =>
      'tokens' in token && token.tokens ? plain(token.tokens) : 'text' in token ? String(token.text) : '',
    )
    .join('');
}

const EVIL = new Set(['html', 'link', 'image', 'strong', 'em', 'del', 'def', 'br']);

t.test('what failed comes first, in words, with its console and the command; then the table', async (t) => {
  const text = markdownText(madeReport(mixedRuns()));
  const tokens = lexer(text);
  const headings = ofType<Tokens.Heading>(tokens, 'heading').map((token) => plain([token]));
  t.strictSame(headings, [
    'crashpath 20261127-013000-ab12',
    'failed: lock-held on broken',
    'harness error: pmu on stock',
    'not judged: nic on stock',
    'not judged: cut on stock',
    'Cells',
  ]);
  t.match(text, /^5 cells: 1 failed, 1 harness error, 2 not judged, 1 as expected\.$/m);
  const blocks = ofType<Tokens.Code>(tokens, 'code');
  t.match(blocks[0], { lang: 'text', text: /> {5}4: .*Kernel panic - not syncing: sysrq triggered crash/ });
  t.match(blocks[1], { lang: 'sh', text: /^crashpath run lock-held --kernel \.\/broken/ });
  const [table] = ofType<Tokens.Table>(tokens, 'table');
  t.strictSame(
    table?.rows[0]?.map(({ tokens: own }) => plain(own)),
    [
      'lock-held',
      'broken',
      'failed',
      '2',
      '1 of 2 not captured (50 %, 95 % interval 1.3 % to 99 %)',
      '1 captured, 1 crash-path-hang',
    ],
  );
  t.equal(table?.rows.length, 5);
});

t.test('a night: its words, baselines and p values, controls and notes', async (t) => {
  const night = madeNight({ outOfBudget: true, faults: ['builds/42: the directory vanished'] });
  const text = markdownText(madeReport(mixedRuns(), night));
  const tokens = lexer(text);
  t.strictSame(
    ofType<Tokens.Heading>(tokens, 'heading').map((token) => plain([token])),
    [
      'crashpath night 2026-11-27T013000Z',
      'regressed: lock-held on broken',
      'suspect: pmu on stock',
      'cannot tell: nic on stock',
      'fixed: cut on stock',
      'Cells',
      'Controls',
      'Notes',
    ],
  );
  t.match(text, /^5 cells: 1 regressed, 1 suspect, 1 cannot tell, 1 fixed, 1 unchanged\.$/m);
  t.match(text, /^- baseline `stock` \(pinned\): 0 of 20 not captured \(0 %.*; p \\< 0\.0001 corrected; /m);
  t.match(text, /^- builds\/42: the directory vanished$/m);
  const [table] = ofType<Tokens.Table>(tokens, 'table');
  t.equal(plain(table?.header[5]?.tokens ?? []), 'p');
});

t.test('a blind night says so before anything else, and shows no console', async (t) => {
  const blind = madeNight({ blind: true, blindBecause: ['no-zap captured 3 of 3'] });
  const text = markdownText(madeReport(mixedRuns(), blind));
  t.match(text.split('\n')[2], /^\*\*The night is blind/);
  t.match(text.split('\n')[4], /^- no-zap captured 3 of 3$/);
  t.strictSame(ofType(lexer(text), 'code'), []);
});

t.test('hostile texts are text, in sentences, spans, blocks and tables', async (t) => {
  const safe = [
    ...HOSTILE_LINES,
    '`',
    '``',
    '|',
    '\\|',
    '\\',
    ' `a` ',
    '<',
    '&amp;',
    '# x',
    '> x',
    '- x',
    '1. x',
  ];
  for (const text of safe.map((one) => escapeGuestText(one))) {
    const paragraph = read(`it said ${mdText(text)}`);
    t.strictSame(
      paragraph.filter(({ type }) => EVIL.has(type) && type !== 'link'),
      [],
      text,
    );
    t.equal(
      plain(lexer(`it said ${mdText(text)}`)).trimEnd(),
      `it said ${text}`.trimEnd().replace(/ +/g, (run) => run),
    );
    const [span] = ofType<Tokens.Codespan>(read(`it said ${mdCode(text)}`), 'codespan');
    if (text.trim() !== '') t.equal(span?.text.trim(), text.trim());
    const [block] = ofType<Tokens.Code>(lexer(mdBlock(['first', text], 'text').join('\n')), 'code');
    t.equal(block?.text, `first\n${text}`);
    const [table] = ofType<Tokens.Table>(
      lexer(`| a | b |\n| --- | --- |\n| ${mdText(text)} | last |`),
      'table',
    );
    t.strictSame(
      table?.rows.map((row) => [row.length, plain(row[1]?.tokens ?? [])]),
      [[2, 'last']],
    );
    t.equal(plain(table?.rows[0]?.[0]?.tokens ?? []), text.trim());
  }
});

t.test('a hostile run and a hostile night keep the shape of a report', async (t) => {
  const tokens = read(markdownText(madeReport([hostileRun()])));
  t.strictSame(
    tokens.filter(({ type }) => EVIL.has(type) && type !== 'strong' && type !== 'link'),
    [],
  );
  const [block] = ofType<Tokens.Code>(tokens, 'code');
  t.strictSame(
    block?.text.split('\n').map((line) => line.slice(9)),
    shownHostileLines().slice(-20),
  );
  const night = read(markdownText(madeReport([hostileRun()], hostileNight())));
  t.strictSame(
    night.filter(({ type }) => type === 'html' || type === 'image'),
    [],
  );
  const [table] = ofType<Tokens.Table>(night, 'table');
  t.strictSame(
    table?.rows.map(({ length }) => length),
    [7, 7, 7, 7, 7],
  );
  t.ok(HOSTILE_TEXT.length > 400);
});

t.test('bounded: 8 MiB of console, thousands of cells', async (t) => {
  for (const line of ['x', '`', '|\n', '\0']) {
    t.ok(markdownText(madeReport([largeRun(line)])).length < 40_000);
  }
  const many = Array.from({ length: 2500 }, (_, index) => stored({ scenario: `s${index}`, result: HUNG }));
  const text = markdownText(madeReport(many));
  t.match(text, /^And 2480 more cells, in the table\.$/m);
  t.match(text, /^And 1500 more cells\.$/m);
});

t.test('all recorded runs', async (t) => {
  const report = await fixtureReport();
  const tokens = read(markdownText(report));
  t.strictSame(
    tokens.filter(({ type }) => type === 'html' || type === 'image'),
    [],
  );
  t.equal(ofType<Tokens.Table>(tokens, 'table')[0]?.rows.length, report.cells.length);
});
