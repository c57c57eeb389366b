/** Words shared by the generators of docs/. */

/** Ends the script with a message. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** The comment at the head of a YAML file, as one line. */
export function headerComment(yaml) {
  const lines = yaml.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^# ?/, ''))
    .join(' ')
    .trim();
}

/** A condition on a path's content or on a script's output. */
export function factWords(fact) {
  const [subject, { equals, matches, lacks }] =
    'read' in fact
      ? [code(fact.read.path), fact.read]
      : [`the output of ${code(fact.output.of)}`, fact.output];
  const asked = [
    equals !== undefined && `is ${code(equals)}`,
    matches !== undefined && `matches ${code(matches)}`,
    lacks !== undefined && `lacks ${code(lacks)}`,
  ].filter((part) => part !== false);
  return `${subject} ${asked.join(' and ')}`;
}

/** A code span that holds any text: its fence is longer than any run of backticks in it. */
export function code(value) {
  const oneLine = String(value)
    .trim()
    .replace(/\s*\n\s*/g, '; ');
  const longest = Math.max(0, ...[...oneLine.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = oneLine.startsWith('`') || oneLine.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${oneLine}${pad}${fence}`;
}
