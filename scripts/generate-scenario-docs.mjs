#!/usr/bin/env node
/**
 * Writes docs/scenarios.md from scenarios/*.yaml (build first):
 *
 *   node scripts/generate-scenario-docs.mjs            writes it
 *   node scripts/generate-scenario-docs.mjs --check    exits 1 when the page is stale
 *
 * The page is for choosing a scenario: what happens to the guest, what is proved, what is expected. Each name links to
 * its file, which has the rest. The page depends on nothing but the scenario files, the triggers and the defaults.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { code, factWords, fail } from './docs-words.mjs';

const ROOT = new URL('../', import.meta.url);
const SCENARIOS = new URL('scenarios/', ROOT);
const PAGE = new URL('docs/scenarios.md', ROOT);
const READER = new URL('dist/plan/read-scenarios.js', ROOT);

if (!existsSync(READER)) {
  fail('cannot write docs/scenarios.md: crashpath is not built; run scripts/setup first');
}
const { readScenarios } = await import(READER.href);
const { contextOf, provedBy } = await import(new URL('dist/trigger/triggers.js', ROOT).href);
const { statementOf } = await import(new URL('dist/proof/proofs.js', ROOT).href);
const { GUEST_DEFAULTS } = await import(new URL('dist/plan/guest-defaults.js', ROOT).href);

const text = page(readAll());
if (process.argv.includes('--check')) {
  if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== text) {
    fail('docs/scenarios.md is stale; run node scripts/generate-scenario-docs.mjs');
  }
} else {
  writeFileSync(PAGE, text);
}

/** Every scenario file, by name. */
function readAll() {
  return readdirSync(SCENARIOS)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const yaml = readFileSync(new URL(file, SCENARIOS), 'utf8');
      let scenarios;
      try {
        scenarios = readScenarios(yaml, `scenarios/${file}`);
      } catch (error) {
        fail(error.message);
      }
      const [scenario] = scenarios;
      const stem = file.replace(/\.yaml$/, '');
      const isNamed = ({ name }) => (scenarios.length === 1 ? name === stem : name.startsWith(`${stem}-`));
      if (!scenarios.every(isNamed)) {
        fail(`cannot describe "scenarios/${file}": its name is ${scenario.name}; name both alike`);
      }
      return { stem, scenario, members: scenarios.length === 1 ? [] : scenarios };
    });
}

function page(entries) {
  const kinds = [...new Set(entries.map(({ scenario }) => scenario.trigger.kind))];
  const of = (kind) => entries.filter(({ scenario }) => scenario.trigger.kind === kind);
  return [
    '# The scenarios',
    '',
    '<!-- Generated from scenarios/*.yaml by scripts/generate-scenario-docs.mjs: edit those. -->',
    '',
    'Run one with `crashpath run NAME -k KERNEL`. Each name links to its file, whose header says why the state matters and cites the evidence. Triggers, keys and how to write a scenario: [scenarios/README.md](../scenarios/README.md). Verdicts: [verdicts.md](verdicts.md). Choreographies: [choreography.md](choreography.md).',
    '',
    `Unless its file says otherwise, a guest has ${GUEST_DEFAULTS.cpus} vCPUs and ${GUEST_DEFAULTS.memoryMiB} MiB, reserves crashkernel=${GUEST_DEFAULTS.crashkernel}, and has a crash kernel armed with \`kexec -p\`, which is proved right before firing (\`/sys/kernel/kexec_crash_loaded\` = 1).`,
    '',
    ...kinds.flatMap((kind) => section(kind, of(kind))),
    ...entries.flatMap(({ stem, members }) => membersTable(stem, members)),
  ].join('\n');
}

/** The scenarios of one trigger. */
function section(kind, entries) {
  return [
    `## ${kind}`,
    '',
    `The panic happens in ${contextOf(entries[0].scenario.trigger)}.`,
    '',
    '| scenario | what happens | proved | expected |',
    '|---|---|---|---|',
    ...entries.map(row),
    '',
  ];
}

function row({ scenario, stem, members }) {
  const many = members.length > 0;
  const what = many
    ? `${members.length} scenarios, e.g. ${escaped(scenario.summary)}`
    : escaped(scenario.summary);
  const proofs = many
    ? ['[below](#members-of-' + stem + ')']
    : [...proved(scenario), ...provedThere(scenario)];
  const verdict = many ? 'below' : expected(scenario.expect);
  return `| [${stem}](../scenarios/${stem}.yaml) | ${what} | ${cell(proofs.join('; '))} | ${verdict} |`;
}

function provedThere({ proveCapture }) {
  return proveCapture.map((proof) => `by the capture kernel: ${provedByCapture(proof)}`);
}

/** A bar inside a cell ends it, in code spans as well. */
function cell(text) {
  return text.replaceAll('|', '\\|');
}

/** The members of a scenario with axes. */
function membersTable(stem, members) {
  if (members.length === 0) return [];
  if (members[0].trigger.kind === 'lkdtm') return crashPointsTable(stem, members);
  return [
    `## Members of ${stem}`,
    '',
    '| scenario | proved | expected |',
    '|---|---|---|',
    ...members.map(
      (scenario) =>
        `| ${code(scenario.name)} | ${cell([...proved(scenario), ...provedThere(scenario)].join('; '))} | ${expected(scenario.expect)} |`,
    ),
    '',
  ];
}

/** The types of a crash point in one row. Their stimuli are in the file. */
function crashPointsTable(stem, members) {
  const rows = new Map();
  for (const { trigger, expect } of members) {
    const key = `${code(trigger.point)} | ${expected(expect)}`;
    rows.set(key, [...(rows.get(key) ?? []), code(trigger.type)]);
  }
  return [
    `## Members of ${stem}`,
    '',
    '| crash point | expected | types |',
    '|---|---|---|',
    ...[...rows].map(([key, types]) => `| ${key} | ${types.join(', ')} |`),
    '',
  ];
}

function proved({ crashKernel, prepare, prove, trigger }) {
  const steps = trigger.kind === 'choreography' ? trigger.steps : [];
  return [
    ...(crashKernel === 'absent' ? ['`/sys/kernel/kexec_crash_loaded` is `0`'] : []),
    ...(prepare.some((preparation) => 'flipCrashImage' in preparation)
      ? ['the inverted byte is read back']
      : []),
    ...prove.map(proofOfState),
    ...provedBy(trigger),
    ...proofsInSteps(steps),
  ];
}

/** A sysctl by its name, as in sysctl(8). */
function shortFact(proof) {
  const name = /^\/proc\/sys\/(.+)$/.exec(proof.read?.path ?? '')?.[1];
  const { equals } = proof.read ?? {};
  return name !== undefined && equals !== undefined
    ? code(`${name.replaceAll('/', '.')}=${equals}`)
    : factWords(proof);
}

function proofOfState(proof) {
  if ('read' in proof || 'output' in proof) return shortFact(proof);
  if ('panic' in proof) {
    const { says, stackHas } = proof.panic;
    return [
      says !== undefined && `the panic says ${code(says)}`,
      stackHas !== undefined && `its stack has ${functions(stackHas)}`,
    ]
      .filter((part) => part !== false)
      .join(', ');
  }
  if ('everyVcpu' in proof) return `${flagWords(proof.everyVcpu)} on every vCPU`;
  if ('pin' in proof) return pinWords(proof);
  if ('lapic' in proof) return `local APIC of vCPU ${proof.cpu}: ${lapicWords(proof.lapic)}`;
  if (!('interrupts' in proof)) return code(statementOf(proof));
  const { row, risesBy, withinMs } = proof.interrupts;
  const when = withinMs === undefined ? '' : ` within ${withinMs / 1000} s before firing`;
  return `row ${code(row)} of \`/proc/interrupts\` rises by ${risesBy}${when}`;
}

/** The proofs of a choreography, once each, those about one role together. */
function proofsInSteps(steps) {
  const proofs = steps.flatMap((step) => ('prove' in step ? [step.prove] : []));
  const ofRole = new Map();
  const others = new Set();
  for (const proof of proofs) {
    if ('role' in proof) {
      const words = ofRole.get(proof.role) ?? new Set();
      const moved = 'in' in proof && [...words].some((word) => word.startsWith('in '));
      ofRole.set(proof.role, words.add(`${moved ? 'then ' : ''}${roleWords(proof)}`));
    } else {
      others.add(wordsWithoutRole(proof));
    }
  }
  return [...others, ...[...ofRole].map(([role, words]) => `**${role}** ${[...words].join(', ')}`)];
}

function wordsWithoutRole(proof) {
  if ('lock' in proof) return `${code(proof.lock)} ${proof.held ? 'held' : 'free'}`;
  return 'pin' in proof ? pinWords(proof) : code(statementOf(proof));
}

function roleWords(proof) {
  if ('in' in proof) return `in ${functions(proof.in)}`;
  if ('interrupts' in proof) return `interrupts ${proof.interrupts}`;
  if ('svme' in proof || 'vmxe' in proof) return flagWords(proof);
  if ('lapic' in proof) return `local APIC ${lapicWords(proof.lapic)}`;
  if ('inService' in proof) return 'a vector in service';
  if (!('stackHas' in proof)) return code(statementOf(proof));
  return `${functions(proof.stackHas)} on its stack`;
}

function flagWords({ svme, vmxe }) {
  return svme === undefined ? `CR4.VMXE = ${vmxe ? 1 : 0}` : `EFER.SVME = ${svme ? 1 : 0}`;
}

function provedByCapture(proof) {
  if ('clocksource' in proof) return `clocksource ${functions(proof.clocksource)}`;
  if ('clockevent' in proof) return `clock event device ${functions(proof.clockevent)}`;
  if ('cpus' in proof) return `at least ${proof.cpus.atLeast} CPUs online`;
  if ('hardware' in proof) {
    const parts = Object.entries(proof.hardware).map(([key, value]) => code(`${key}: ${value}`));
    return `its hardware is ${parts.join(', ')}`;
  }
  if ('inits' in proof) {
    const list = (word, cpus) => (cpus === undefined ? [] : [`${word} vCPU ${cpus.join(', ')}`]);
    return `INITs: ${[...list('to', proof.inits.has), ...list('none to', proof.inits.lacks)].join(', ')}`;
  }
  const { row, atLeast } = proof.interrupts;
  return `row ${code(row)} of \`/proc/interrupts\` at least ${atLeast}`;
}

function pinWords({ pin, is }) {
  const wanted = Object.entries(is).map(([key, value]) => code(`${key}: ${value}`));
  return `IO-APIC pin ${typeof pin === 'number' ? pin : `of ${code(pin)}`} ${wanted.join(', ')}`;
}

function lapicWords({ enabled, isr, irr }) {
  const vectors = (wanted) => (wanted === 'any' ? 'a vector' : `vector ${wanted}`);
  return [
    ...(enabled === undefined ? [] : [enabled ? 'enabled' : 'disabled']),
    ...(isr === undefined ? [] : [`${vectors(isr)} in service`]),
    ...(irr === undefined ? [] : [`${vectors(irr)} requested`]),
  ].join(', ');
}

function functions(names) {
  return [names].flat().map(code).join(' or ');
}

function expected({ verdict, detail, quality }) {
  const word = detail === undefined ? verdict : `${verdict}/${detail}`;
  return `\`${word}\`${quality === undefined ? '' : `, ${quality}`}`;
}

function escaped(value) {
  return value.replace(/[\\`*<[\]]/g, '\\$&');
}
