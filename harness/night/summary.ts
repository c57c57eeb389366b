import { escapeHostText } from '../model/escape.js';
import { NIGHT_WORDS, type NightCell, type NightVerdicts, type NightWord } from '../model/night-verdict.js';
import { countOf, safeName, safeSentence } from '../report/words.js';
import { rateText } from './judge-night.js';

/** What the summary calls each word. */
const HEADINGS: Readonly<Record<NightWord, string>> = {
  regressed: 'REGRESSED',
  suspect: 'SUSPECT',
  'cannot-tell': 'CANNOT TELL',
  fixed: 'FIXED',
  unchanged: 'unchanged',
};

/** One line that says how the night ended: the subject of a mail. Pure. */
export function nightSubject(
  { night, blind, cells, faults, outOfBudget }: NightVerdicts,
  name: string,
): string {
  const counts = NIGHT_WORDS.flatMap((word) => {
    const count = cells.filter((cell) => cell.word === word).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  const ends = [
    ...(blind ? ['BLIND'] : []),
    ...(counts.length === 0 ? ['no cell was run'] : counts),
    ...(faults.length === 0 ? [] : [countOf(faults.length, 'fault')]),
    ...(outOfBudget ? ['out of budget'] : []),
  ];
  return `crashpath ${name} ${night}: ${ends.join(', ')}`;
}

/** The night as text: blindness before anything else, then cells, worst first, then what could not be done. Pure. */
export function nightText(verdicts: NightVerdicts, name: string): string {
  const { cells, controls, kernels, faults, blindBecause } = verdicts;
  const told = NIGHT_WORDS.filter((word) => word !== 'unchanged').flatMap((word) =>
    cells.filter((cell) => cell.word === word).flatMap((cell) => [...cellText(cell), '']),
  );
  const unchanged = cells.filter(({ word }) => word === 'unchanged');
  return [
    ...blindBecause.map((why) => `BLIND: ${safeSentence(why)}`),
    nightSubject(verdicts, name),
    '',
    ...told,
    ...unchanged.map(
      (cell) => `unchanged    ${cellName(cell)}  ${rateText(cell.tally)}, ${judgedText(cell)}`,
    ),
    ...(unchanged.length === 0 ? [] : ['']),
    ...faults.map((fault) => `fault        ${safeSentence(fault)}`),
    ...(faults.length === 0 ? [] : ['']),
    ...kernels.map(
      ({ name: column, release, sha256, commit }) =>
        `kernel       ${safeName(column)}: ${safeName(release)}, sha256 ${sha256.slice(0, 12)}${commit === undefined ? '' : `, commit ${commit.slice(0, 12)}`}`,
    ),
    ...controls.map(
      ({ what, held, scenario, kernel, why }) =>
        `control      ${held ? 'held' : 'FAILED'}: ${safeName(scenario)} on ${safeName(kernel)} ${safeSentence(what)}; ${safeSentence(why)}`,
    ),
  ]
    .join('\n')
    .trimEnd();
}

function cellText(cell: NightCell): string[] {
  const lines = [
    `${HEADINGS[cell.word].padEnd(12)} ${cellName(cell)}`,
    `             ${safeSentence(cell.why)}`,
    `             rate of failure ${rateText(cell.tally)}, ${judgedText(cell)}`,
  ];
  for (const { kernel, tally, conclusion } of cell.baselines) {
    lines.push(
      `             against ${safeName(kernel.release)}: ${rateText(tally)}; ${safeSentence(conclusion)}`,
    );
  }
  return [...lines, `             again: ${escapeHostText(cell.reproduce)}`];
}

function cellName({ scenario, kernel, machine }: NightCell): string {
  return [scenario, kernel, ...(machine === undefined ? [] : [machine])].map(safeName).join('  ');
}

function judgedText({ verdicts }: NightCell): string {
  const counts = Object.entries(verdicts).map(([word, count]) => `${count} ${safeName(word)}`);
  return counts.length === 0 ? 'no trial' : counts.join(', ');
}

/** The same as Markdown, for a hook. Pure. */
export function nightMarkdown(verdicts: NightVerdicts, name: string): string {
  const rows = verdicts.cells.map((cell) =>
    [cell.word, cell.scenario, cell.kernel, cell.machine ?? '', rateText(cell.tally), cell.why]
      .map(markdownText)
      .join(' | '),
  );
  const commands = verdicts.cells
    .filter(({ word }) => word === 'regressed' || word === 'suspect')
    .map(({ reproduce }) => `    ${escapeHostText(reproduce)}`);
  return [
    ...verdicts.blindBecause.map((why) => `**BLIND: ${markdownText(why)}**\n`),
    `# ${markdownText(nightSubject(verdicts, name))}\n`,
    ...(rows.length === 0
      ? []
      : [
          '| verdict | scenario | kernel | machine | rate of failure | why |',
          '|---|---|---|---|---|---|',
          ...rows.map((row) => `| ${row} |`),
          '',
        ]),
    ...(commands.length === 0 ? [] : ['To run them again:\n', ...commands, '']),
    ...(verdicts.faults.length === 0
      ? []
      : verdicts.faults.map((fault) => `- fault: ${markdownText(fault)}`)),
  ].join('\n');
}

/** Text that no renderer of Markdown takes for markup. */
function markdownText(text: string): string {
  return safeSentence(text).replace(/[\\`*_{}[\]<>()#+!|&~]/g, (character) => `\\${character}`);
}

/** A mail of the summary, for a program such as sendmail. `to` are the recipients that its arguments name. Pure. */
export function nightMail(
  verdicts: NightVerdicts,
  { name, to, date }: { readonly name: string; readonly to: readonly string[]; readonly date: Date },
): string {
  const subject = escapeHostText(nightSubject(verdicts, name)).replace(/[^\x20-\x7e]/g, '?');
  const body = nightText(verdicts, name).replace(/^\./gm, ' .');
  return [
    `Subject: ${subject}`,
    ...(to.length === 0 ? [] : [`To: ${to.join(', ')}`]),
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    'Auto-Submitted: auto-generated',
    '',
    body,
    '',
  ].join('\n');
}
