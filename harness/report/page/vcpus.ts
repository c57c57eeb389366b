import { stackNames } from '../../model/autopsy.js';
import type { HostFact } from '../../model/record.js';
import { safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';

/** Statements and functions that are shown of one vCPU. */
const MOST = 40;

interface Vcpu {
  readonly vcpu: number;
  readonly place?: Extract<HostFact, { fact: 'last-place' }> | undefined;
  /** Functions, innermost first. */
  readonly stack?: readonly string[] | undefined;
  readonly examined?: Extract<HostFact, { fact: 'examination' }>['vcpus'][number] | undefined;
}

/** The vCPUs of a guest that did not come to its end, side by side: the place, what was seen there, the stack. */
export function vcpuSection(facts: readonly HostFact[]): Markup | undefined {
  const examination = facts.findLast((fact) => fact.fact === 'examination');
  const vcpus = vcpusOf(facts, examination);
  if (vcpus.length === 0) return undefined;
  const found = facts.findLast((fact) => fact.fact === 'autopsy')?.autopsy.findings ?? [];
  const why =
    examination === undefined
      ? undefined
      : html`<p>Examined, ${examination.finding}: ${safeSentence(examination.why)}</p>`;
  return html`<section><h2>vCPUs</h2>${found.slice(0, MOST).map((one) => html`<p><strong>${safeSentence(one)}</strong></p>`)}${why}<div class="vcpus">${vcpus.map(column)}</div></section>
`;
}

function stacksOf(fact: HostFact): (readonly [number, readonly string[]])[] {
  if (fact.fact === 'stack') return [[fact.vcpu, fact.functions]];
  if (fact.fact !== 'autopsy') return [];
  return fact.autopsy.vcpus.flatMap((vcpu) =>
    vcpu.frames.length === 0 ? [] : [[vcpu.vcpu, stackNames(vcpu)] as const],
  );
}

function vcpusOf(
  facts: readonly HostFact[],
  examination: Extract<HostFact, { fact: 'examination' }> | undefined,
): Vcpu[] {
  const places = new Map(
    facts.flatMap((fact) => (fact.fact === 'last-place' ? [[fact.vcpu, fact] as const] : [])),
  );
  const stacks = new Map(facts.flatMap(stacksOf));
  const examined = new Map((examination?.vcpus ?? []).map((one) => [one.vcpu, one] as const));
  const numbers = [...new Set([...places.keys(), ...stacks.keys(), ...examined.keys()])].sort(
    (a, b) => a - b,
  );
  return numbers.map((vcpu) => ({
    vcpu,
    place: places.get(vcpu),
    stack: stacks.get(vcpu),
    examined: examined.get(vcpu),
  }));
}

function column({ vcpu, place, stack, examined }: Vcpu): Markup {
  const where = place?.where ?? examined?.where ?? place?.rip ?? examined?.rip;
  const state = [
    ...(place === undefined
      ? []
      : [
          place.place,
          place.halted ? 'halted' : 'not halted',
          `interrupts ${place.interruptsOn ? 'on' : 'off'}`,
        ]),
    ...(place === undefined && examined !== undefined ? [examined.place] : []),
    ...(examined === undefined ? [] : [`examined: ${examined.state}`]),
    ...(place?.seen === undefined ? [] : ['from the last sample']),
  ];
  // The examination repeats the stack, which has its own list.
  const saw = (examined?.saw ?? []).filter((one) => stack === undefined || !one.startsWith('stack: '));
  return html`<article><h3>cpu${vcpu}</h3>
<p><code>${safeName(where ?? '?')}</code><br><span class="quiet">${safeSentence(state.join(', '))}</span></p>
${saw.length === 0 ? undefined : html`<ul>${saw.slice(0, MOST).map((one) => html`<li>${safeSentence(one)}</li>`)}</ul>`}
${stack === undefined ? html`<p class="quiet">Its stack was not read.</p>` : html`<ol class="stack" aria-label="Stack, innermost first">${stack.slice(0, MOST).map((name) => html`<li><code>${safeName(name)}</code></li>`)}</ol>`}</article>
`;
}
