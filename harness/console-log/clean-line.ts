import { stripVTControlCharacters } from 'node:util';
import { fromJson } from '../stacks/json-line.js';

/** A line as its kernel or program printed it. */
export interface CleanLine {
  readonly text: string;
  /** The kernel's time stamp, milliseconds since its boot; undefined without one. */
  readonly stampMs: number | undefined;
  /** A collector says that the kernel printed it. */
  readonly isTagged: boolean;
}

/** More prefixes than that are no log's. */
const MOST_PREFIXES = 6;
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const CLOCK = String.raw`\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?`;
const ZONE = String.raw`(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?`;
/** printk's own stamp (kernel/printk/printk.c, print_time(), v6.1). */
const STAMP = String.raw`\[ *\d{1,10}\.\d{6}\]`;
const HOST = String.raw`[\w.:-]{1,255}`;

/** Prefixes that collectors, terminals and mails add; each is removed once it begins the line. */
const PREFIXES: readonly RegExp[] = [
  // A mail's quotation.
  /^(?:> ?){1,16}/,
  // A level (printk's, or a syslog priority), RFC 5424's version behind it.
  /^<\d{1,3}>(?:1 (?=\d{4}-))?/,
  // dmesg -x.
  /^kern {0,4}:[a-z]{3,7} {0,4}: /,
  // ISO 8601 in all its forms: journalctl -o short-iso, minicom, GitHub Actions, libvirt.
  new RegExp(String.raw`^[[(]?\d{4}[-/]\d{2}[-/]\d{2}[T _]${CLOCK}${ZONE}[\])]?:? `),
  // ctime: syslog, journalctl, conserver, ts, dmesg -T.
  new RegExp(
    String.raw`^\[?(?:${DAY} )?${MONTH} {1,2}\d{1,2}(?: \d{4})? ${CLOCK}(?: (?:[A-Z]{3,5} )?\d{4})?\]?:? `,
  ),
  // A clock alone.
  new RegExp(String.raw`^[[(]${CLOCK}[\])]:? ?`),
  new RegExp(String.raw`^${CLOCK}:? `),
  // grabserial: time, and time since the last line.
  /^\[\d{1,10}\.\d{1,9} \d{1,10}\.\d{1,9}\] /,
];

/** Behind a collector's date: the host, and the tag of the kernel or a program. */
const KERNEL_TAG = new RegExp(String.raw`^(?:${HOST} )?kernel(?:\[\d{1,10}\])?: ?`);
/** A host alone is known by the program with a process behind it, or a stamp: "Command line: " has a colon as well. */
const HOST_ONLY = new RegExp(
  String.raw`^${HOST} (?=(?:[\w./@-]{1,64}\[\d{1,10}\]|kdump|kdumpctl|kdump-tools|dracut[\w-]{0,32}): |${STAMP})`,
);
/** journalctl -o short-monotonic has printk's form of stamp before the host. */
const MONOTONIC = new RegExp(String.raw`^(${STAMP}) (?:${HOST} )?kernel(?:\[\d{1,10}\])?: `);
/** Documentation/networking/netconsole.rst, extended console; Documentation/ABI/testing/dev-kmsg (v6.1). */
const EXTENDED = /^(?:\d{1,3}\.\d{1,4}[\w.+-]{0,64},)?\d{1,4},\d{1,20},(\d{1,20}),[-c+](?:,[^;]{0,200})?;/;

/**
 * A program prints another kernel's log on this kernel's console: systemd-pstore, or the console of a guest. A line of
 * another CPU that was cut short names no program right before the stamp.
 */
const QUOTED = new RegExp(
  String.raw`^(${STAMP}(?:\[ *[CT]\d{1,10}\])? [\w./@-]{1,64}\[\d{1,10}\]: )(?:<\d{1,3}>)?${STAMP}.*`,
);

/** Control characters other than the tabulator. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const CONTROLS = /[\0-\x08\x0a-\x1f\x7f]/g;

/** Marks of UTF-8 and UTF-16; the zero bytes of the latter are control characters. */
const BYTE_ORDER = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/;

/** Begins with any of these; the host alone follows a date. */
const ANY_PREFIX = new RegExp(
  [...PREFIXES, EXTENDED, MONOTONIC, KERNEL_TAG].map(({ source }) => `(?:${source})`).join('|'),
);

/**
 * A line without what lies around it: terminal sequences, control bytes, the collector's time, host and tag, levels,
 * quotation marks of a mail. Pure; any input is accepted.
 */
export function cleanLine(raw: string): CleanLine {
  let text = withoutControls(fromJson(raw));
  let isTagged = false;
  let isDated = false;
  for (let round = 0; round < MOST_PREFIXES; round += 1) {
    // Most lines end here, behind one pattern.
    if (!ANY_PREFIX.test(text) && !(isDated && !isTagged && HOST_ONLY.test(text))) break;
    const before = text;
    const extended = EXTENDED.exec(text);
    if (extended !== null) {
      text = `${stampOf(extended[1] ?? '0')} ${text.slice(extended[0].length)}`;
      isTagged = true;
      break;
    }
    for (const prefix of PREFIXES) {
      const rest = text.replace(prefix, '');
      if (rest === text) continue;
      isDated ||= /\d{2}:\d{2}/.test(text.slice(0, text.length - rest.length));
      text = rest;
    }
    text = text.replace(MONOTONIC, (_all, stamp: string) => {
      isTagged = true;
      return `${stamp} `;
    });
    const tag = KERNEL_TAG.exec(text);
    if (tag !== null && !isTagged && (isDated || tag[0].startsWith('kernel'))) {
      isTagged = true;
      text = text.slice(tag[0].length);
    } else if (isDated && !isTagged) {
      text = text.replace(HOST_ONLY, '');
    }
    if (text === before) break;
  }
  if (mayQuote(text)) text = text.replace(QUOTED, '$1(a quoted line)');
  const stamp = /\[ *(\d{1,10})\.(\d{6})\]/.exec(text);
  const stampMs = stamp === null ? undefined : Number(stamp[1]) * 1000 + Number(stamp[2]) / 1000;
  return { text, stampMs, isTagged };
}

/** Whether a stamp may follow that which the line begins with. */
function mayQuote(text: string): boolean {
  return text.startsWith('[') && text.indexOf('[', 1) > 0 && text.includes(']: ');
}

/** What the steps below remove or replace. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const SPECIAL = /[\0-\x1f\x7f\x9b]|^[\xef\xfe\xff]/;

function withoutControls(raw: string): string {
  if (!SPECIAL.test(raw)) return raw;
  const tabs = raw.replaceAll('\t', ' ');
  const stripped = stripVTControlCharacters(tabs);
  // An unfinished sequence would take the time stamp behind it along.
  const isSpoiled = stripped.length < tabs.length && count(stripped) < count(tabs);
  return (isSpoiled ? tabs : stripped).replace(CONTROLS, '').replace(BYTE_ORDER, '');
}

function count(text: string): number {
  return text.match(/\[ *\d{1,10}\.\d{6}\]/g)?.length ?? 0;
}

/** Microseconds as printk prints them. */
function stampOf(micros: string): string {
  const digits = micros.padStart(7, '0');
  return `[${digits.slice(0, -6).padStart(5)}.${digits.slice(-6)}]`;
}
